// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "../solidity/CreatorPool.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Fixture, OnEthereum} from "./Fixture.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @dev No token moves here, so one stand-in is enough.
contract CreatorPoolPostTest is PoolFixture, OnEthereum {
    function setUp() public override(Fixture, PoolFixture) {
        PoolFixture.setUp();
        fundPool();
    }

    // postRoot

    function test_postRoot_RevertWhen_TheCallerIsNoOPERATOR() external {
        bytes32 role = forge.OPERATOR();
        address[3] memory others = [admin, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.postRoot(JANUARY, ROOT, 1, "cid");
        }
    }

    function test_postRoot_RevertWhen_TheRootIsZero() external {
        vm.expectRevert(CreatorPool.ZeroRoot.selector);
        post(JANUARY, 0, 1);
    }

    function test_postRoot_RevertWhen_TheLastRootWaitsUntilTheNextSecond() external {
        post(JANUARY, ROOT, 1);
        vm.warp(START + 2 days - 1);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.RootPending.selector, START + 2 days));
        post(JANUARY + 1, ROOT, 1);
    }

    function test_postRoot_RevertWhen_TheMonthWasPostedBefore() external {
        activate(JANUARY, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.MonthOutOfOrder.selector, JANUARY, JANUARY));
        post(JANUARY, ROOT, 1);
    }

    function test_postRoot_RevertWhen_TheMonthIsBeforeTheLastOne() external {
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.MonthOutOfOrder.selector, 0, 0));
        post(0, ROOT, 1);
        activate(JANUARY, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.MonthOutOfOrder.selector, JANUARY - 1, JANUARY));
        post(JANUARY - 1, ROOT, 1);
    }

    function test_postRoot_RevertWhen_TheTotalIsOneUnitAboveWhatWasFunded() external {
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.TotalOutOfRange.selector, 700 * USDT + 1, 0, 700 * USDT));
        post(JANUARY, ROOT, 700 * USDT + 1);
    }

    function test_postRoot_RevertWhen_TheTotalIsOneUnitBelowWhatWasClaimed() external {
        uint256[4] memory amounts = [100 * USDT, 0, 0, 0];
        activate(JANUARY, rootOf(amounts), 100 * USDT);
        claim(amounts, 0);
        vm.expectRevert(
            abi.encodeWithSelector(CreatorPool.TotalOutOfRange.selector, 100 * USDT - 1, 100 * USDT, 700 * USDT)
        );
        post(JANUARY + 1, ROOT, 100 * USDT - 1);
    }

    function test_postRoot_RevertWhen_TheWindowWouldOutlast2106() external {
        uint256 last = uint256(type(uint32).max) - 2 days;
        vm.warp(last + 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, uint256(type(uint32).max) + 1));
        post(JANUARY, ROOT, 1);
        vm.warp(last);
        post(JANUARY, ROOT, 1);
        vm.assertEq(forge.poolOf().activeAt, type(uint32).max);
    }

    function test_postRoot_WhenEverythingThatWasFundedIsPosted() external {
        vm.expectEmit(address(forge));
        emit CreatorPool.RootPosted({
            month: JANUARY,
            root: ROOT,
            total: 700 * USDT,
            activeAt: START + 2 days,
            cid: "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
        });
        vm.prank(operator);
        forge.postRoot(
            JANUARY,
            ROOT,
            uint64(700 * USDT),
            "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
        );
        CreatorPool.Pool memory pool = forge.poolOf();
        vm.assertEq(pool.root, bytes32(0));
        vm.assertEq(pool.total, 0);
        vm.assertEq(pool.pendingRoot, ROOT);
        vm.assertEq(pool.pendingTotal, 700 * USDT);
        vm.assertEq(pool.activeAt, START + 2 days);
        vm.assertEq(pool.month, JANUARY);
        vm.assertEq(pool.previousMonth, 0);
    }

    function test_postRoot_WhenTheTotalIsWhatWasClaimed() external {
        uint256[4] memory amounts = [100 * USDT, 0, 0, 0];
        activate(JANUARY, rootOf(amounts), 100 * USDT);
        claim(amounts, 0);
        post(JANUARY + 1, ROOT, 100 * USDT);
        vm.assertEq(forge.poolOf().pendingTotal, 100 * USDT);
    }

    function test_postRoot_WhenTheLastRootsWindowEndsThisVerySecond() external {
        post(JANUARY, ROOT, 5);
        vm.warp(START + 2 days);
        post(JANUARY + 3, keccak256("next"), 7);
        CreatorPool.Pool memory pool = forge.poolOf();
        vm.assertEq(pool.root, ROOT);
        vm.assertEq(pool.total, 5);
        vm.assertEq(pool.pendingRoot, keccak256("next"));
        vm.assertEq(pool.pendingTotal, 7);
        vm.assertEq(pool.activeAt, START + 4 days);
        vm.assertEq(pool.month, JANUARY + 3);
        vm.assertEq(pool.previousMonth, JANUARY);
    }

    function test_postRoot_WhenNewMoneyIsStopped() external {
        pause();
        post(JANUARY, ROOT, 1);
        vm.assertEq(forge.poolOf().pendingRoot, ROOT);
    }

    // vetoRoot

    function test_vetoRoot_RevertWhen_TheCallerIsNoADMIN() external {
        bytes32 role = forge.ADMIN();
        post(JANUARY, ROOT, 1);
        address[3] memory others = [operator, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.vetoRoot();
        }
    }

    function test_vetoRoot_RevertWhen_NoRootWaits() external {
        vm.expectRevert(CreatorPool.NoRootPending.selector);
        veto();
        post(JANUARY, ROOT, 1);
        veto();
        vm.expectRevert(CreatorPool.NoRootPending.selector);
        veto();
    }

    function test_vetoRoot_RevertWhen_TheWindowEndsThisVerySecond() external {
        post(JANUARY, ROOT, 1);
        vm.warp(START + 2 days);
        vm.expectRevert(CreatorPool.NoRootPending.selector);
        veto();
    }

    function test_vetoRoot_WhenTheWindowEndsInASecond() external {
        uint256[4] memory amounts = [700 * USDT, 0, 0, 0];
        post(JANUARY, rootOf(amounts), 700 * USDT);
        vm.warp(START + 2 days - 1);
        vm.expectEmit(address(forge));
        emit CreatorPool.RootVetoed({month: JANUARY, root: rootOf(amounts), admin: admin});
        veto();
        vm.warp(START + 30 days);
        bytes32 splitId = idOf(splits[0]);
        bytes32[] memory proof = proofOf(amounts, 0);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.InvalidProof.selector, splitId, 700 * USDT));
        forge.claimShare(splitId, 700 * USDT, proof);
        vm.assertEq(forge.poolOf().pendingTotal, 0);
        vm.assertEq(forge.poolOf().activeAt, 0);
    }

    function test_vetoRoot_WhenTheMonthIsPostedAgain() external {
        activate(JANUARY - 1, ROOT, 1);
        post(JANUARY, ROOT, 5);
        veto();
        vm.assertEq(forge.poolOf().month, JANUARY - 1);
        post(JANUARY, keccak256("right"), 6);
        vm.assertEq(forge.poolOf().pendingRoot, keccak256("right"));
        vm.assertEq(forge.poolOf().month, JANUARY);
    }

    function test_vetoRoot_WhenAnOlderRootPays() external {
        uint256[4] memory amounts = [100 * USDT, 20 * USDT, 0, 0];
        activate(JANUARY, rootOf(amounts), 120 * USDT);
        post(JANUARY + 1, ROOT, 700 * USDT);
        veto();
        vm.assertEq(forge.poolOf().root, rootOf(amounts));
        vm.assertEq(claim(amounts, 0), 100 * USDT);
    }

    // what can be read

    function test_poolOf_WhenARootWaitsPaysAndIsFollowed() external {
        uint256[4] memory amounts = [100 * USDT, 0, 0, 0];
        post(JANUARY, rootOf(amounts), 100 * USDT);
        vm.assertEq(forge.poolOf().pendingRoot, rootOf(amounts));
        vm.assertEq(forge.poolOf().root, bytes32(0));
        vm.warp(START + 2 days);
        claim(amounts, 0);
        vm.assertEq(forge.poolOf().root, rootOf(amounts));
        vm.assertEq(forge.poolOf().total, 100 * USDT);
        vm.assertEq(forge.poolOf().claimed, 100 * USDT);
        vm.assertEq(forge.poolOf().pendingRoot, bytes32(0));
        vm.assertEq(forge.poolOf().pendingTotal, 0);
        vm.assertEq(forge.poolOf().activeAt, 0);
        post(JANUARY + 1, ROOT, 200 * USDT);
        vm.assertEq(forge.poolOf().root, rootOf(amounts));
        vm.assertEq(forge.poolOf().pendingRoot, ROOT);
        vm.assertEq(forge.poolOf().pendingTotal, 200 * USDT);
    }

    function test_getters_WhenVETOWINDOWIsRead() external view {
        vm.assertEq(forge.VETO_WINDOW(), 2 days);
    }
}

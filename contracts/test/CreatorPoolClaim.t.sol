// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "../solidity/CreatorPool.sol";
import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {PoolFixture} from "./PoolFixture.sol";

abstract contract CreatorPoolClaimTest is PoolFixture {
    uint256[4] private first = [280 * USDT, 210 * USDT, 140 * USDT, 70 * USDT];

    function setUp() public virtual override {
        super.setUp();
        fundPool();
    }

    function expectInvalid(bytes32 splitId, uint256 cumulative, bytes32[] memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.InvalidProof.selector, splitId, cumulative));
        forge.claimShare(splitId, cumulative, proof);
    }

    // claimShare

    function test_claimShare_RevertWhen_NoRootWasEverPosted() external {
        expectInvalid(idOf(splits[0]), first[0], proofOf(first, 0));
        expectInvalid(idOf(splits[0]), 0, new bytes32[](0));
    }

    function test_claimShare_RevertWhen_TheWindowEndsInASecond() external {
        post(JANUARY, rootOf(first), 700 * USDT);
        vm.warp(START + 2 days - 1);
        expectInvalid(idOf(splits[0]), first[0], proofOf(first, 0));
    }

    function test_claimShare_RevertWhen_TheProofIsOfAnotherAmount() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        expectInvalid(idOf(splits[0]), first[0] + 1, proofOf(first, 0));
    }

    function test_claimShare_RevertWhen_TheProofIsOfAnotherSplit() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        expectInvalid(idOf(splits[3]), first[0], proofOf(first, 0));
    }

    function test_claimShare_RevertWhen_TheProofIsOfAnOlderRoot() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        fundPool();
        activate(JANUARY + 1, ROOT, 1400 * USDT);
        expectInvalid(idOf(splits[0]), first[0], proofOf(first, 0));
    }

    /// @dev A leaf is hashed twice, so that no inner node, which is 64 bytes hashed once, can pass for one.
    function test_claimShare_RevertWhen_AnInnerNodeIsPassedAsALeaf() external {
        bytes32[4] memory all = leaves(first);
        (bytes32 low, bytes32 high) = all[0] < all[1] ? (all[0], all[1]) : (all[1], all[0]);
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = pair(all[2], all[3]);
        expectInvalid(low, uint256(high), proof);
    }

    function test_claimShare_RevertWhen_TheSplitClaimedAllOfIt() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 0);
        bytes32 splitId = idOf(splits[0]);
        bytes32[] memory proof = proofOf(first, 0);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.NothingToClaim.selector, splitId, first[0]));
        forge.claimShare(splitId, first[0], proof);
    }

    function test_claimShare_RevertWhen_ANewRootSaysLessThanWasClaimed() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 0);
        uint256[4] memory less = [280 * USDT - 1, 210 * USDT + 1, 140 * USDT, 70 * USDT];
        activate(JANUARY + 1, rootOf(less), 700 * USDT);
        bytes32 splitId = idOf(splits[0]);
        bytes32[] memory proof = proofOf(less, 0);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.NothingToClaim.selector, splitId, 280 * USDT));
        forge.claimShare(splitId, 280 * USDT - 1, proof);
    }

    function test_claimShare_RevertWhen_TheLeavesSumToMoreThanTheTotal() external {
        // A stolen operator's key posts leaves of 700 under a total of 490.
        activate(JANUARY, rootOf(first), 490 * USDT);
        claim(first, 0);
        claim(first, 1);
        vm.assertEq(forge.poolOf().claimed, 490 * USDT);
        bytes32 splitId = idOf(splits[2]);
        bytes32[] memory proof = proofOf(first, 2);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.PoolExceeded.selector, 630 * USDT, 490 * USDT));
        forge.claimShare(splitId, first[2], proof);
    }

    function test_claimShare_RevertWhen_TheSplitWasNeverDeclared() external {
        splits[0] = alone(person("nobody"));
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32 splitId = idOf(splits[0]);
        bytes32[] memory proof = proofOf(first, 0);
        vm.expectRevert(abi.encodeWithSelector(Splits.UndeclaredSplit.selector, splitId));
        forge.claimShare(splitId, first[0], proof);
        forge.declareSplit(splits[0]);
        vm.assertEq(forge.claimShare(splitId, first[0], proof), first[0]);
    }

    function test_claimShare_WhenTheWindowEndsThisVerySecond() external {
        post(JANUARY, rootOf(first), 700 * USDT);
        vm.warp(START + 2 days);
        vm.assertEq(claim(first, 3), 70 * USDT);
    }

    function test_claimShare_WhenAnyoneBringsTheProof() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 1);
        bytes32[] memory proof = proofOf(first, 0);
        vm.expectEmit(address(forge));
        emit CreatorPool.PoolClaimed({
            splitId: idOf(splits[0]),
            amount: 280 * USDT,
            claimed: 280 * USDT,
            splitEarned: 280 * USDT,
            poolClaimed: 490 * USDT
        });
        vm.prank(stranger);
        vm.assertEq(forge.claimShare(idOf(group()), first[0], proof), 280 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 280 * USDT);
        vm.assertEq(forge.draw(group(), creator), 140 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
    }

    function test_claimShare_WhenSeveralMonthsWereNotClaimed() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        fundPool();
        uint256[4] memory later = [560 * USDT, 420 * USDT, 280 * USDT, 140 * USDT];
        activate(JANUARY + 1, rootOf(later), 1400 * USDT);
        vm.assertEq(claim(later, 0), 560 * USDT);
    }

    function test_claimShare_WhenAMonthWasClaimed() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 0);
        fundPool();
        uint256[4] memory later = [300 * USDT, 420 * USDT, 280 * USDT, 140 * USDT];
        activate(JANUARY + 1, rootOf(later), 1140 * USDT);
        bytes32[] memory proof = proofOf(later, 0);
        vm.expectEmit(address(forge));
        emit CreatorPool.PoolClaimed({
            splitId: idOf(splits[0]),
            amount: 20 * USDT,
            claimed: 300 * USDT,
            splitEarned: 300 * USDT,
            poolClaimed: 300 * USDT
        });
        vm.assertEq(forge.claimShare(idOf(splits[0]), later[0], proof), 20 * USDT);
    }

    function test_claimShare_WhenOneLeafIsTheWholeTree() external {
        activate(JANUARY, leafOf(idOf(group()), USDT), USDT);
        vm.assertEq(forge.claimShare(idOf(group()), USDT, new bytes32[](0)), USDT);
    }

    function test_claimShare_WhenNewMoneyIsStopped() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        pause();
        vm.assertEq(claim(first, 0), 280 * USDT);
    }

    // claimAndDraw

    function test_claimAndDraw_RevertWhen_TheProofIsWrong() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = proofOf(first, 1);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.InvalidProof.selector, idOf(group()), first[0]));
        forge.claimAndDraw(group(), first[0], proof, creator);
    }

    function test_claimAndDraw_RevertWhen_TheSplitClaimedAllOfIt() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 0);
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.NothingToClaim.selector, idOf(group()), first[0]));
        forge.claimAndDraw(group(), first[0], proof, creator);
    }

    function test_claimAndDraw_RevertWhen_TheCallerIsNoMember() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), stranger));
        forge.claimAndDraw(group(), first[0], proof, stranger);
    }

    function test_claimAndDraw_RevertWhen_TheRecipientIsTheContractItself() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.claimAndDraw(group(), first[0], proof, address(forge));
    }

    function test_claimAndDraw_WhenAMemberCallsIt() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = proofOf(first, 0);
        address recipient = person("recipient");
        vm.expectEmit(address(forge));
        emit CreatorPool.PoolClaimedAndDrawn({
            splitId: idOf(group()),
            member: third,
            to: recipient,
            amount: 280 * USDT,
            claimed: 280 * USDT,
            splitEarned: 280 * USDT,
            poolClaimed: 280 * USDT,
            drawnAmount: 56 * USDT,
            drawn: 56 * USDT
        });
        vm.prank(third);
        vm.assertEq(forge.claimAndDraw(group(), first[0], proof, recipient), 56 * USDT);
        vm.assertEq(usdt.balanceOf(recipient), 56 * USDT);
        vm.assertEq(forge.creditOf(third), 0);
        // The others' parts wait in the split.
        vm.assertEq(forge.drawableOf(group(), creator), 140 * USDT);
    }

    function test_claimAndDraw_WhenTheMembersPartWaitedFromBefore() external {
        buy(publish(SALT, group(), 100 * USDT), group(), 100 * USDT);
        activate(JANUARY, rootOf(first), 700 * USDT);
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(third);
        // 20 % of 90 and of 280.
        vm.assertEq(forge.claimAndDraw(group(), first[0], proof, third), 74 * USDT);
    }

    function test_claimAndDraw_WhenThePoolAndOthersPaidSinceTheLastTime() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 1);
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(third);
        forge.claimAndDraw(group(), first[0], proof, third);
        fundPool();
        buy(modelId, group(), 100 * USDT);
        uint256[4] memory later = [300 * USDT, 420 * USDT, 280 * USDT, 140 * USDT];
        activate(JANUARY + 1, rootOf(later), 1140 * USDT);
        proof = proofOf(later, 0);
        // 20 % of 90, 90 and 300, less the 74 of before.
        vm.expectEmit(address(forge));
        emit CreatorPool.PoolClaimedAndDrawn({
            splitId: idOf(group()),
            member: third,
            to: stranger,
            amount: 20 * USDT,
            claimed: 300 * USDT,
            splitEarned: 480 * USDT,
            poolClaimed: 510 * USDT,
            drawnAmount: 22 * USDT,
            drawn: 96 * USDT
        });
        vm.prank(third);
        vm.assertEq(forge.claimAndDraw(group(), later[0], proof, stranger), 22 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 22 * USDT);
    }

    function test_claimAndDraw_WhenNewMoneyIsStopped() external {
        activate(JANUARY, rootOf(first), 700 * USDT);
        pause();
        bytes32[] memory proof = proofOf(first, 0);
        vm.prank(third);
        vm.assertEq(forge.claimAndDraw(group(), first[0], proof, third), 56 * USDT);
        vm.assertEq(usdt.balanceOf(third), 56 * USDT);
    }

    // what can be read

    function test_claimedOf_WhenTheSplitEarnedFromElsewhereToo() external {
        buy(publish(SALT, group(), 100 * USDT), group(), 100 * USDT);
        vm.assertEq(forge.claimedOf(idOf(group())), 0);
        activate(JANUARY, rootOf(first), 700 * USDT);
        claim(first, 1);
        vm.expectEmit(address(forge));
        emit CreatorPool.PoolClaimed({
            splitId: idOf(group()),
            amount: 280 * USDT,
            claimed: 280 * USDT,
            splitEarned: 370 * USDT,
            poolClaimed: 490 * USDT
        });
        claim(first, 0);
        vm.assertEq(forge.claimedOf(idOf(group())), 280 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 370 * USDT);
    }
}

contract CreatorPoolClaimOnEthereumTest is CreatorPoolClaimTest, OnEthereum {
    function setUp() public override(Fixture, CreatorPoolClaimTest) {
        CreatorPoolClaimTest.setUp();
    }
}

contract CreatorPoolClaimOnTronTest is CreatorPoolClaimTest, OnTron {
    function setUp() public override(Fixture, CreatorPoolClaimTest) {
        CreatorPoolClaimTest.setUp();
    }
}

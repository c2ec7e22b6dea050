// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Source, Split, Terms} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract ModelsOwnerTest is Fixture {
    bytes32 private constant UNKNOWN = bytes32(uint256(1));

    function extend(bytes32 modelId, uint256 months, bytes32 account) private {
        vm.prank(customer);
        forge.extendListing(modelId, months, account, Source.Wallet);
    }

    function paidUntil(bytes32 modelId) private view returns (uint64 until) {
        (, until, , ) = forge.modelOf(modelId);
    }

    // extendListing

    function test_extendListing_RevertWhen_NewMoneyIsStopped() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        extend(modelId, 1, USER);
    }

    function test_extendListing_RevertWhen_NoAccountIsNamed() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectRevert(Models.ZeroAccount.selector);
        extend(modelId, 1, 0);
    }

    function test_extendListing_RevertWhen_MonthsAreZero() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 0));
        extend(modelId, 0, USER);
    }

    function test_extendListing_RevertWhen_MonthsAre121OrMore() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 121));
        extend(modelId, 121, USER);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, type(uint256).max));
        extend(modelId, type(uint256).max, USER);
    }

    function test_extendListing_RevertWhen_TheModelIsUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, UNKNOWN));
        extend(UNKNOWN, 1, USER);
    }

    function test_extendListing_RevertWhen_TheListingWouldOutlast2106() external {
        vm.warp(uint256(type(uint32).max) - 60 days);
        bytes32 modelId = publish(SALT, group(), USDT);
        extend(modelId, 1, USER);
        vm.assertEq(paidUntil(modelId), type(uint32).max);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, uint256(type(uint32).max) + 30 days));
        extend(modelId, 1, USER);
    }

    function test_extendListing_WhenMonthsAre120() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        extend(modelId, 120, USER);
        vm.assertEq(paidUntil(modelId), START + 121 * 30 days);
        vm.assertEq(forge.uncollectedFees(), 240 * USDT);
    }

    function test_extendListing_WhenThePaidTimeRuns() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        uint256 before = usdt.balanceOf(customer);
        vm.expectEmit(address(forge));
        emit Models.ListingExtended({
            modelId: modelId,
            payer: customer,
            account: USER,
            months: 3,
            fee: 6 * USDT,
            paidUntil: uint64(START + 120 days),
            fees: 6 * USDT
        });
        extend(modelId, 3, USER);
        vm.assertEq(paidUntil(modelId), START + 120 days);
        vm.assertEq(before - usdt.balanceOf(customer), 6 * USDT);
        vm.assertEq(forge.uncollectedFees(), 6 * USDT);
    }

    function test_extendListing_WhenThePaidTimeEndedThisVerySecond() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 30 days);
        extend(modelId, 1, USER);
        vm.assertEq(paidUntil(modelId), START + 60 days);
    }

    function test_extendListing_WhenThePaidTimeEnded() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 35 days);
        extend(modelId, 1, USER);
        vm.assertEq(paidUntil(modelId), START + 65 days);
        vm.warp(START + 200 days);
        vm.assertFalse(forge.isListed(modelId));
        extend(modelId, 1, USER);
        vm.assertEq(paidUntil(modelId), START + 230 days);
        vm.assertTrue(forge.isListed(modelId));
    }

    function test_extendListing_WhenTheFeeComesFromCredit() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        credit(second, 2 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: second, amount: 2 * USDT, credit: 0});
        vm.prank(second);
        forge.extendListing(modelId, 1, USER, Source.Credit);
        vm.assertEq(forge.creditOf(second), 0);
        vm.assertEq(forge.uncollectedFees(), 2 * USDT);
    }

    // setSplit

    function test_setSplit_RevertWhen_TheModelIsUnknown() external {
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, UNKNOWN));
        forge.setSplit(UNKNOWN, group());
    }

    function test_setSplit_RevertWhen_TheCallerIsNotTheOwner() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        address[3] memory others = [second, admin, operator];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(Models.NotModelOwner.selector, modelId, creator, others[i]));
            forge.setSplit(modelId, alone(others[i]));
        }
    }

    function test_setSplit_RevertWhen_TheSplitBreaksARule() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Splits.InvalidMember.selector, address(0)));
        forge.setSplit(modelId, alone(address(0)));
    }

    function test_setSplit_WhenTheOwnerCallsIt() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        Split memory later = alone(stranger);
        vm.expectEmit(address(forge));
        emit Splits.SplitDeclared({splitId: idOf(later), members: later.members, bps: later.bps});
        vm.expectEmit(address(forge));
        emit Models.ModelSplitSet(modelId, idOf(later));
        vm.prank(creator);
        forge.setSplit(modelId, later);
        buy(modelId, later, 10 * USDT);

        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
        vm.assertEq(forge.earnedOf(idOf(later)), 9 * USDT);
        vm.assertEq(forge.draw(group(), creator), 4_500_000);
        vm.assertEq(forge.draw(later, stranger), 9 * USDT);
    }

    function test_setSplit_WhenNewMoneyIsStopped() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        pause();
        vm.prank(creator);
        forge.setSplit(modelId, alone(creator));
        (, , bytes32 splitId, ) = forge.modelOf(modelId);
        vm.assertEq(splitId, idOf(alone(creator)));
    }

    // setTerms

    function test_setTerms_RevertWhen_TheModelIsUnknown() external {
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, UNKNOWN));
        forge.setTerms(UNKNOWN, monthly(USDT));
    }

    function test_setTerms_RevertWhen_TheCallerIsNotTheOwner() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        address[3] memory others = [second, admin, operator];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(Models.NotModelOwner.selector, modelId, creator, others[i]));
            forge.setTerms(modelId, monthly(1));
        }
    }

    function test_setTerms_WhenTheOwnerCallsIt() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        Terms memory terms = Terms({month: 1, sale: 2, input: 3, output: 4});
        vm.expectEmit(address(forge));
        emit Models.TermsSet(modelId, terms);
        vm.prank(creator);
        forge.setTerms(modelId, terms);
        (, , , Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(terms)));
    }

    function test_setTerms_WhenNewMoneyIsStopped() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        pause();
        vm.prank(creator);
        forge.setTerms(modelId, monthly(7));
        (, , , Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(stored.month, 7);
    }
}

contract ModelsOwnerOnEthereumTest is ModelsOwnerTest, OnEthereum {}

contract ModelsOwnerOnTronTest is ModelsOwnerTest, OnTron {}

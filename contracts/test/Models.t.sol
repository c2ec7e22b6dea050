// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Source, Split, Terms} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract ModelsTest is Fixture {
    bytes32 private constant OTHER_SALT = bytes32(uint256(0xA2));

    function terms() private pure returns (Terms memory) {
        return Terms({month: 10e6, sale: 50e6, input: 1, output: type(uint64).max});
    }

    function paidUntil(bytes32 modelId) private view returns (uint64 until) {
        (, until, , ) = forge.modelOf(modelId);
    }

    // publish

    function test_publish_isFreeTheFirstTime() external {
        bytes32 modelId = forge.modelIdOf(creator, SALT);
        vm.assertEq(modelId, keccak256(abi.encode(creator, SALT)));
        vm.assertEq(forge.publishFeeOf(creator), 0);
        vm.expectEmit(address(forge));
        emit Models.ModelPublished({
            modelId: modelId,
            owner: creator,
            account: USER,
            splitId: idOf(group()),
            weights: WEIGHTS,
            terms: terms(),
            fee: 0,
            paidUntil: uint64(START + 30 days),
            fees: 0
        });
        vm.prank(creator);
        vm.assertEq(forge.publish(SALT, WEIGHTS, group(), terms(), USER, 0, Source.Wallet), modelId);

        (address owner, uint64 until, bytes32 splitId, Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(owner, creator);
        vm.assertEq(until, START + 30 days);
        vm.assertEq(splitId, idOf(group()));
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(terms())));
        vm.assertTrue(forge.isListed(modelId));
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_publish_isFreeOnce() external {
        publish(SALT, group(), USDT);
        vm.assertEq(forge.publishFeeOf(creator), 5 * USDT);
        uint256 before = usdt.balanceOf(creator);
        vm.expectEmit(address(forge));
        emit Models.ModelPublished({
            modelId: forge.modelIdOf(creator, OTHER_SALT),
            owner: creator,
            account: USER,
            splitId: idOf(group()),
            weights: WEIGHTS,
            terms: monthly(USDT),
            fee: 5 * USDT,
            paidUntil: uint64(START + 30 days),
            fees: 5 * USDT
        });
        publish(OTHER_SALT, group(), USDT);
        vm.assertEq(before - usdt.balanceOf(creator), 5 * USDT);
        vm.assertEq(forge.uncollectedFees(), 5 * USDT);
        publish(bytes32(uint256(3)), group(), USDT);
        vm.assertEq(forge.uncollectedFees(), 10 * USDT);
        vm.assertEq(forge.publishFeeOf(second), 0);
    }

    function test_publish_paysFromCredit() external {
        publish(SALT, group(), USDT);
        credit(creator, 7 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Debited(creator, 5 * USDT, 2 * USDT);
        vm.prank(creator);
        forge.publish(OTHER_SALT, WEIGHTS, group(), terms(), USER, 5 * USDT, Source.Credit);
        vm.assertEq(forge.creditOf(creator), 2 * USDT);
        vm.assertEq(forge.uncollectedFees(), 5 * USDT);

        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, creator, 2 * USDT, 5 * USDT));
        forge.publish(bytes32(uint256(3)), WEIGHTS, group(), terms(), USER, 5 * USDT, Source.Credit);
    }

    function test_publish_asksAtMostWhatTheCallerAgreedTo() external {
        publish(SALT, group(), USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.FeeAboveMax.selector, 5 * USDT, 5 * USDT - 1));
        forge.publish(OTHER_SALT, WEIGHTS, group(), terms(), USER, 5 * USDT - 1, Source.Wallet);
    }

    function test_publish_refusesTheSameModelTwice() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectRevert(abi.encodeWithSelector(Models.AlreadyPublished.selector, modelId));
        publish(SALT, alone(creator), USDT);
    }

    function test_publish_letsNobodyTakeAnothersId() external {
        bytes32 theirs = publish(SALT, group(), USDT);
        vm.prank(stranger);
        bytes32 own = forge.publish(SALT, WEIGHTS, alone(stranger), terms(), USER, 0, Source.Wallet);
        vm.assertTrue(own != theirs);
    }

    function test_publish_refusesNoAccount() external {
        vm.prank(creator);
        vm.expectRevert(Models.ZeroAccount.selector);
        forge.publish(SALT, WEIGHTS, group(), terms(), 0, 0, Source.Wallet);
    }

    function test_publish_refusesATokenThatTakesAFee() external {
        publish(SALT, group(), USDT);
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 5 * USDT, 4_990_500, 5 * USDT));
        publish(OTHER_SALT, group(), USDT);
    }

    function test_publish_stopsWhilePaused() external {
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        publish(SALT, group(), USDT);
    }

    function testFuzz_terms_areKeptAsGiven(Terms calldata given, Terms calldata changed) external {
        vm.prank(creator);
        bytes32 modelId = forge.publish(SALT, WEIGHTS, group(), given, USER, 0, Source.Wallet);
        (address owner, uint64 until, , Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(given)));
        vm.prank(creator);
        forge.setTerms(modelId, changed);
        (owner, until, , stored) = forge.modelOf(modelId);
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(changed)));
        vm.assertEq(owner, creator);
        vm.assertEq(until, START + 30 days);
    }

    // listing

    function test_listing_lastsSevenDaysBeyondThePaidTime() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 37 days);
        vm.assertTrue(forge.isListed(modelId));
        buy(modelId, group(), USDT);
        vm.warp(START + 37 days + 1);
        vm.assertFalse(forge.isListed(modelId));
        vm.expectRevert(abi.encodeWithSelector(Models.NotListed.selector, modelId, START + 37 days));
        buy(modelId, group(), USDT);
    }

    function test_listing_ofAnUnknownModel() external view {
        vm.assertFalse(forge.isListed(bytes32(uint256(1))));
        (address owner, uint64 until, bytes32 splitId, Terms memory none) = forge.modelOf(bytes32(uint256(1)));
        vm.assertEq(owner, address(0));
        vm.assertEq(until, 0);
        vm.assertEq(splitId, bytes32(0));
        vm.assertEq(none.month, 0);
    }

    function test_extendListing_addsToThePaidTime() external {
        bytes32 modelId = publish(SALT, group(), USDT);
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
        // Anyone may pay for it.
        vm.prank(customer);
        forge.extendListing(modelId, 3, USER, Source.Wallet);
        vm.assertEq(paidUntil(modelId), START + 120 days);
        vm.assertEq(forge.uncollectedFees(), 6 * USDT);
    }

    function test_extendListing_countsFromNowWhenTheTimeRanOut() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 100 days);
        credit(creator, 2 * USDT);
        vm.prank(creator);
        forge.extendListing(modelId, 1, USER, Source.Credit);
        vm.assertEq(paidUntil(modelId), START + 130 days);
        vm.assertTrue(forge.isListed(modelId));
        vm.assertEq(forge.creditOf(creator), 0);
    }

    function test_extendListing_countsTheGraceAsUnpaid() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 35 days);
        vm.prank(creator);
        forge.extendListing(modelId, 1, USER, Source.Wallet);
        vm.assertEq(paidUntil(modelId), START + 65 days);
    }

    function test_extendListing_refusesMonthsOutOfRange() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        uint256[3] memory months = [uint256(0), 121, type(uint256).max];
        for (uint256 i = 0; i < months.length; ++i) {
            vm.prank(creator);
            vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, months[i]));
            forge.extendListing(modelId, months[i], USER, Source.Wallet);
        }
    }

    function test_extendListing_refusesAnUnknownModelAndNoAccount() external {
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, bytes32(uint256(1))));
        forge.extendListing(bytes32(uint256(1)), 1, USER, Source.Wallet);
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.prank(creator);
        vm.expectRevert(Models.ZeroAccount.selector);
        forge.extendListing(modelId, 1, 0, Source.Wallet);
    }

    function test_extendListing_stopsWhilePaused() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        pause();
        vm.prank(creator);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.extendListing(modelId, 1, USER, Source.Wallet);
    }

    function test_extendListing_endsIn2106() external {
        vm.warp(type(uint32).max - 31 days);
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, uint256(type(uint32).max) + 29 days));
        forge.extendListing(modelId, 1, USER, Source.Wallet);
    }

    // the owner's settings

    function test_setSplit_earnsFromThenOn() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        Split memory later = alone(stranger);
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

    function test_setTerms_announcesThem() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectEmit(address(forge));
        emit Models.TermsSet(modelId, terms());
        vm.prank(creator);
        forge.setTerms(modelId, terms());
    }

    function test_settings_areTheOwners() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        address[3] memory others = [second, admin, operator];
        for (uint256 i = 0; i < others.length; ++i) {
            bytes memory reason = abi.encodeWithSelector(Models.NotModelOwner.selector, modelId, creator, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(reason);
            forge.setSplit(modelId, alone(others[i]));
            vm.expectRevert(reason);
            forge.setTerms(modelId, terms());
            vm.stopPrank();
        }
    }

    function test_settings_refuseAnUnknownModel() external {
        bytes32 unknown = bytes32(uint256(1));
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, unknown));
        forge.setSplit(unknown, group());
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, unknown));
        forge.setTerms(unknown, terms());
    }

    function test_settings_goOnWhilePaused() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        pause();
        vm.startPrank(creator);
        forge.setSplit(modelId, alone(creator));
        forge.setTerms(modelId, terms());
    }
}

contract ModelsOnEthereumTest is ModelsTest, OnEthereum {}

contract ModelsOnTronTest is ModelsTest, OnTron {}

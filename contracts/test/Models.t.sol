// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Source, Split, Terms} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract ModelsTest is Fixture {
    bytes32 private constant OTHER_SALT = bytes32(uint256(0xA2));

    function terms() private pure returns (Terms memory) {
        return Terms({month: 10e6, sale: 50e6, input: 1, output: type(uint64).max});
    }

    // publish

    function test_publish_RevertWhen_NewMoneyIsStopped() external {
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        publish(SALT, group(), USDT);
    }

    function test_publish_RevertWhen_NoAccountIsNamed() external {
        vm.prank(creator);
        vm.expectRevert(Models.ZeroAccount.selector);
        forge.publish(SALT, WEIGHTS, group(), terms(), 0, 0, Source.Wallet);
    }

    function test_publish_RevertWhen_TheCallerPublishedUnderTheSaltBefore() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.expectRevert(abi.encodeWithSelector(Models.AlreadyPublished.selector, modelId));
        publish(SALT, alone(creator), USDT);
    }

    function test_publish_RevertWhen_TheFeeIsOneUnitAboveWhatTheCallerAgreedTo() external {
        publish(SALT, group(), USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Models.FeeAboveMax.selector, 5 * USDT, 5 * USDT - 1));
        forge.publish(OTHER_SALT, WEIGHTS, group(), terms(), USER, 5 * USDT - 1, Source.Wallet);
    }

    function test_publish_RevertWhen_TheSplitBreaksARule() external {
        Split memory split = group();
        split.bps[0] = 5001;
        vm.expectRevert(abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 10_001));
        publish(SALT, split, USDT);
        vm.assertEq(forge.publishFeeOf(creator), 0);
    }

    function test_publish_RevertWhen_TheTokenTakesAFee() external {
        publish(SALT, group(), USDT);
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 5 * USDT, 4_990_500, 5 * USDT));
        publish(OTHER_SALT, group(), USDT);
    }

    function test_publish_RevertWhen_TheFeeComesFromTooLittleCredit() external {
        publish(SALT, group(), USDT);
        credit(creator, 5 * USDT - 1);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, creator, 5 * USDT - 1, 5 * USDT));
        forge.publish(OTHER_SALT, WEIGHTS, group(), terms(), USER, 5 * USDT, Source.Credit);
    }

    function test_publish_RevertWhen_TheListingWouldOutlast2106() external {
        uint256 last = uint256(type(uint32).max) - 30 days;
        vm.warp(last + 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, uint256(type(uint32).max) + 1));
        publish(SALT, group(), USDT);
        vm.warp(last);
        bytes32 modelId = publish(SALT, group(), USDT);
        (, uint64 until, , ) = forge.modelOf(modelId);
        vm.assertEq(until, type(uint32).max);
    }

    function test_publish_WhenItIsTheCallersFirstModel() external {
        bytes32 modelId = forge.modelIdOf(creator, SALT);
        Split memory split = group();
        vm.expectEmit(address(forge));
        emit Splits.SplitDeclared({splitId: idOf(split), members: split.members, bps: split.bps});
        vm.expectEmit(address(forge));
        emit Models.ModelPublished({
            modelId: modelId,
            owner: creator,
            account: USER,
            splitId: idOf(split),
            weights: WEIGHTS,
            terms: terms(),
            fee: 0,
            paidUntil: uint64(START + 30 days),
            fees: 0
        });
        vm.prank(creator);
        vm.assertEq(forge.publish(SALT, WEIGHTS, split, terms(), USER, 0, Source.Wallet), modelId);

        (address owner, uint64 until, bytes32 splitId, Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(owner, creator);
        vm.assertEq(until, START + 30 days);
        vm.assertEq(splitId, idOf(split));
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(terms())));
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_publish_WhenItIsTheCallersSecondModel() external {
        publish(SALT, group(), USDT);
        uint256 before = usdt.balanceOf(creator);
        vm.expectEmit(address(forge));
        emit Models.ModelPublished({
            modelId: keccak256(abi.encode(creator, OTHER_SALT)),
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
        vm.assertEq(usdt.balanceOf(address(forge)), 5 * USDT);
        publish(bytes32(uint256(3)), group(), USDT);
        vm.assertEq(forge.uncollectedFees(), 10 * USDT);
    }

    function test_publish_WhenTheFeeComesFromCredit() external {
        publish(SALT, group(), USDT);
        credit(creator, 7 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: creator, amount: 5 * USDT, credit: 2 * USDT});
        vm.prank(creator);
        forge.publish(OTHER_SALT, WEIGHTS, group(), terms(), USER, 5 * USDT, Source.Credit);
        vm.assertEq(forge.creditOf(creator), 2 * USDT);
        vm.assertEq(forge.uncollectedFees(), 5 * USDT);
    }

    function test_publish_WhenAnotherTookTheSaltFirst() external {
        // Somebody saw the transaction and was faster.
        vm.prank(stranger);
        bytes32 theirs = forge.publish(SALT, WEIGHTS, alone(stranger), terms(), USER, 0, Source.Wallet);
        bytes32 own = publish(SALT, group(), USDT);
        vm.assertTrue(own != theirs);
        (address owner, , bytes32 splitId, ) = forge.modelOf(own);
        vm.assertEq(owner, creator);
        vm.assertEq(splitId, idOf(group()));
    }

    function testFuzz_publish_WhenTheTermsAreAny(Terms calldata given, Terms calldata changed) external {
        vm.prank(creator);
        bytes32 modelId = forge.publish(SALT, WEIGHTS, group(), given, USER, 0, Source.Wallet);
        (address owner, uint64 until, bytes32 splitId, Terms memory stored) = forge.modelOf(modelId);
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(given)));
        vm.prank(creator);
        forge.setTerms(modelId, changed);
        (owner, until, splitId, stored) = forge.modelOf(modelId);
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(changed)));
        vm.assertEq(owner, creator);
        vm.assertEq(until, START + 30 days);
        vm.assertEq(splitId, idOf(group()));
    }

    // what can be read

    function test_modelOf_WhenTheModelIsUnknown() external view {
        (address owner, uint64 until, bytes32 splitId, Terms memory none) = forge.modelOf(bytes32(uint256(1)));
        vm.assertEq(owner, address(0));
        vm.assertEq(until, 0);
        vm.assertEq(splitId, bytes32(0));
        vm.assertEq(keccak256(abi.encode(none)), keccak256(abi.encode(monthly(0))));
    }

    function test_modelOf_WhenTheModelWasPublished() external {
        (address owner, uint64 until, bytes32 splitId, Terms memory stored) = forge.modelOf(
            publish(SALT, group(), USDT)
        );
        vm.assertEq(owner, creator);
        vm.assertEq(until, START + 30 days);
        vm.assertEq(splitId, idOf(group()));
        vm.assertEq(keccak256(abi.encode(stored)), keccak256(abi.encode(monthly(USDT))));
    }

    function test_isListed_WhenTheModelIsUnknown() external {
        vm.assertFalse(forge.isListed(bytes32(uint256(1))));
        // Nor on a chain whose time began a second ago.
        vm.warp(1);
        vm.assertFalse(forge.isListed(bytes32(uint256(1))));
    }

    function test_isListed_WhenTheGraceEndsThisVerySecond() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 37 days);
        vm.assertTrue(forge.isListed(modelId));
        buy(modelId, group(), USDT);
    }

    function test_isListed_WhenTheGraceEndedASecondAgo() external {
        bytes32 modelId = publish(SALT, group(), USDT);
        vm.warp(START + 37 days + 1);
        vm.assertFalse(forge.isListed(modelId));
        vm.expectRevert(abi.encodeWithSelector(Models.NotListed.selector, modelId, START + 37 days));
        buy(modelId, group(), USDT);
    }

    function test_publishFeeOf_WhenTheWalletPublishedNothing() external {
        publish(SALT, alone(second), USDT);
        vm.assertEq(forge.publishFeeOf(second), 0);
    }

    function test_publishFeeOf_WhenTheWalletPublishedAModel() external {
        publish(SALT, group(), USDT);
        vm.assertEq(forge.publishFeeOf(creator), 5 * USDT);
        publish(OTHER_SALT, group(), USDT);
        vm.assertEq(forge.publishFeeOf(creator), 5 * USDT);
    }

    function test_modelIdOf_WhenOwnerOrSaltDiffer() external view {
        vm.assertEq(forge.modelIdOf(creator, SALT), keccak256(abi.encode(creator, SALT)));
        vm.assertTrue(forge.modelIdOf(creator, SALT) != forge.modelIdOf(second, SALT));
        vm.assertTrue(forge.modelIdOf(creator, SALT) != forge.modelIdOf(creator, OTHER_SALT));
    }

    function test_getters_WhenPUBLISHFEELISTINGFEEMONTHGRACEAndMAXMONTHSAreRead() external view {
        vm.assertEq(forge.PUBLISH_FEE(), 5 * USDT);
        vm.assertEq(forge.LISTING_FEE(), 2 * USDT);
        vm.assertEq(forge.MONTH(), 30 days);
        vm.assertEq(forge.GRACE(), 7 days);
        vm.assertEq(forge.MAX_MONTHS(), 120);
    }
}

contract ModelsOnEthereumTest is ModelsTest, OnEthereum {}

contract ModelsOnTronTest is ModelsTest, OnTron {}

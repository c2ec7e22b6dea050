// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Services} from "../solidity/Services.sol";
import {Source, Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract ServicesTest is Fixture {
    bytes32 internal modelId;

    function setUp() public virtual override {
        super.setUp();
        modelId = publish(SALT, group(), 10 * USDT);
    }

    function subscribe(uint256 months, uint256 maxPrice, bytes32 splitId, bytes32 account, Source source) private {
        vm.prank(customer);
        forge.subscribe(modelId, months, maxPrice, splitId, account, source);
    }

    function purchased(uint256 price, uint256 months) private {
        vm.expectEmit(address(forge));
        emit Services.ServicePurchased({
            modelId: modelId,
            account: USER,
            payer: customer,
            months: months,
            price: price,
            fee: price / 10,
            splitId: idOf(group()),
            splitEarned: price - price / 10,
            fees: price / 10
        });
    }

    function test_subscribe_RevertWhen_NewMoneyIsStopped() external {
        credit(customer, 10 * USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.expectRevert(Roles.EnforcedPause.selector);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
    }

    function test_subscribe_RevertWhen_NoAccountIsNamed() external {
        vm.expectRevert(Models.ZeroAccount.selector);
        subscribe(1, 10 * USDT, idOf(group()), 0, Source.Wallet);
    }

    function test_subscribe_RevertWhen_MonthsAreZero() external {
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 0));
        subscribe(0, type(uint256).max, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_MonthsAre121OrMore() external {
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 121));
        subscribe(121, type(uint256).max, idOf(group()), USER, Source.Wallet);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, type(uint256).max));
        subscribe(type(uint256).max, type(uint256).max, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheModelIsUnknown() external {
        modelId = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, modelId));
        subscribe(1, 10 * USDT, 0, USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheListingLapsed() external {
        vm.warp(START + 37 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Models.NotListed.selector, modelId, START + 37 days));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_AnotherSplitEarnsThanTheOneShown() external {
        Split memory greedy = alone(creator);
        vm.prank(creator);
        forge.setSplit(modelId, greedy);
        vm.expectRevert(abi.encodeWithSelector(Services.SplitChanged.selector, idOf(greedy), idOf(group())));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheModelHasNoMonthlyPrice() external {
        vm.prank(creator);
        forge.setTerms(modelId, monthly(0));
        vm.expectRevert(abi.encodeWithSelector(Services.NotOffered.selector, modelId));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_ThePriceIsOneUnitAboveWhatTheCallerAgreedTo() external {
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 20 * USDT, 20 * USDT - 1));
        subscribe(2, 20 * USDT - 1, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheOwnerRaisesThePriceBeforeThePurchaseLands() external {
        vm.prank(creator);
        forge.setTerms(modelId, monthly(11 * USDT));
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 11 * USDT, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheSourceIsUnknown() external {
        bytes memory call = abi.encodeCall(
            forge.subscribe,
            (modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit)
        );
        call[call.length - 1] = 0x02;
        vm.prank(customer);
        (bool done, ) = address(forge).call(call);
        vm.assertFalse(done);
    }

    function test_subscribe_RevertWhen_TheWalletHoldsOneUnitLess() external {
        fund(stranger, 10 * USDT - 1);
        vm.prank(stranger);
        vm.expectRevert();
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_RevertWhen_TheCreditIsOneUnitLess() external {
        credit(customer, 10 * USDT - 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 10 * USDT - 1, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
    }

    function test_subscribe_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 10 * USDT, 9_981_000, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_WhenTheWalletPays() external {
        uint256 before = usdt.balanceOf(customer);
        purchased(10 * USDT, 1);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(before - usdt.balanceOf(customer), 10 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 10 * USDT);
        vm.assertEq(forge.creditOf(treasury), 0);
        vm.assertEq(forge.uncollectedFees(), USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    function test_subscribe_WhenTheCreditPays() external {
        credit(customer, 15 * USDT);
        uint256 before = usdt.balanceOf(customer);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: customer, amount: 10 * USDT, credit: 5 * USDT});
        purchased(10 * USDT, 1);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
        vm.assertEq(forge.creditOf(customer), 5 * USDT);
        vm.assertEq(usdt.balanceOf(customer), before);
        vm.assertEq(forge.uncollectedFees(), USDT);
    }

    function test_subscribe_When12MonthsAreBought() external {
        purchased(120 * USDT, 12);
        subscribe(12, 120 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(forge.uncollectedFees(), 12 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 108 * USDT);
    }

    function test_subscribe_When120MonthsAreBought() external {
        subscribe(120, 1200 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(forge.earnedOf(idOf(group())), 1080 * USDT);
    }

    function test_subscribe_WhenTheOwnerLowersThePriceBeforeThePurchaseLands() external {
        vm.prank(creator);
        forge.setTerms(modelId, monthly(4 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(usdt.balanceOf(address(forge)), 4 * USDT);
    }

    function test_subscribe_WhenTheTreasuryBuysFromItsCredit() external {
        credit(treasury, 10 * USDT);
        vm.prank(treasury);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    /// @dev Whatever the price, the platform has a tenth rounded down and the split has all the rest.
    function testFuzz_subscribe_WhenThePriceIsAny(uint64 price, uint256 months, bool fromCredit) external {
        vm.assume(price > 0);
        months = bound(months, 1, 120);
        uint256 total = price * months;
        usdt.issue(total);
        fund(stranger, total);
        vm.prank(creator);
        forge.setTerms(modelId, monthly(price));
        vm.startPrank(stranger);
        if (fromCredit) forge.deposit(stranger, total);
        Source source = fromCredit ? Source.Credit : Source.Wallet;
        forge.subscribe(modelId, months, total, idOf(group()), USER, source);
        vm.assertEq(forge.uncollectedFees(), total / 10);
        vm.assertEq(forge.earnedOf(idOf(group())), total - total / 10);
        vm.assertEq(usdt.balanceOf(address(forge)), total);
        vm.assertEq(usdt.balanceOf(stranger), 0);
        vm.assertEq(forge.creditOf(stranger), 0);
    }

    function test_getters_WhenSERVICEFEEBPSIsRead() external view {
        vm.assertEq(forge.SERVICE_FEE_BPS(), 1000);
    }
}

contract ServicesOnEthereumTest is ServicesTest, OnEthereum {
    function setUp() public override(Fixture, ServicesTest) {
        ServicesTest.setUp();
    }
}

contract ServicesOnTronTest is ServicesTest, OnTron {
    function setUp() public override(Fixture, ServicesTest) {
        ServicesTest.setUp();
    }
}

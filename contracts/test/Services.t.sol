// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Services} from "../solidity/Services.sol";
import {Source, Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

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

    /// @dev The worked example: an API subscription of 10 is 1 to the platform and 9 to the split.
    function test_subscribe_10_is_1_and_9() external {
        uint256 before = usdt.balanceOf(customer);
        vm.expectEmit(address(forge));
        emit Services.ServicePurchased({
            modelId: modelId,
            account: USER,
            payer: customer,
            months: 1,
            price: 10 * USDT,
            fee: USDT,
            splitId: idOf(group()),
            splitEarned: 9 * USDT,
            fees: USDT
        });
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(before - usdt.balanceOf(customer), 10 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 10 * USDT);
        vm.assertEq(forge.uncollectedFees(), USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    function test_subscribe_buysMonths() external {
        subscribe(12, 120 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(forge.uncollectedFees(), 12 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 108 * USDT);
    }

    function test_subscribe_paysFromCredit() external {
        credit(customer, 15 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Debited(customer, 10 * USDT, 5 * USDT);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
        vm.assertEq(forge.creditOf(customer), 5 * USDT);
        vm.assertEq(forge.uncollectedFees(), USDT);

        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 5 * USDT, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
    }

    function test_subscribe_keepsCountWhenTheTreasuryBuys() external {
        credit(treasury, 10 * USDT);
        vm.prank(treasury);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
        vm.assertEq(forge.creditOf(treasury), 0);
        vm.assertEq(forge.uncollectedFees(), USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    function test_subscribe_asksAtMostWhatTheCallerAgreedTo() external {
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 20 * USDT, 20 * USDT - 1));
        subscribe(2, 20 * USDT - 1, idOf(group()), USER, Source.Wallet);
        // The creator raises the price between the page and the signature.
        vm.prank(creator);
        forge.setTerms(modelId, monthly(11 * USDT));
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 11 * USDT, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        // A lower price is taken as it is.
        vm.prank(creator);
        forge.setTerms(modelId, monthly(4 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(usdt.balanceOf(address(forge)), 4 * USDT);
    }

    function test_subscribe_paysOnlyTheSplitThatWasShown() external {
        Split memory greedy = alone(creator);
        vm.prank(creator);
        forge.setSplit(modelId, greedy);
        vm.expectRevert(abi.encodeWithSelector(Services.SplitChanged.selector, idOf(greedy), idOf(group())));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_refusesWhatIsNotOffered() external {
        vm.prank(creator);
        forge.setTerms(modelId, monthly(0));
        vm.expectRevert(abi.encodeWithSelector(Services.NotOffered.selector, modelId));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_refusesAnUnknownModel() external {
        modelId = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, modelId));
        subscribe(1, 10 * USDT, 0, USER, Source.Wallet);
    }

    function test_subscribe_refusesMonthsOutOfRange() external {
        uint256[3] memory months = [uint256(0), 121, type(uint256).max];
        for (uint256 i = 0; i < months.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, months[i]));
            subscribe(months[i], type(uint256).max, idOf(group()), USER, Source.Wallet);
        }
    }

    function test_subscribe_refusesNoAccount() external {
        vm.expectRevert(Models.ZeroAccount.selector);
        subscribe(1, 10 * USDT, idOf(group()), 0, Source.Wallet);
    }

    function test_subscribe_refusesAnUnknownSource() external {
        bytes memory call = abi.encodeCall(
            forge.subscribe,
            (modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit)
        );
        call[call.length - 1] = 0x02;
        vm.prank(customer);
        (bool done, ) = address(forge).call(call);
        vm.assertFalse(done);
    }

    function test_subscribe_needsTheMoney() external {
        vm.prank(stranger);
        vm.expectRevert();
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet);

        fund(stranger, 10 * USDT - 1);
        vm.prank(stranger);
        vm.expectRevert();
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_takesAnExactAllowance() external {
        fund(stranger, 10 * USDT);
        vm.startPrank(stranger);
        // USDT's approve changes from or to zero only.
        vm.expectRevert();
        Spendable(address(usdt)).approve(address(forge), 10 * USDT);
        Spendable(address(usdt)).approve(address(forge), 0);
        Spendable(address(usdt)).approve(address(forge), 10 * USDT);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(usdt.allowance(stranger, address(forge)), 0);
    }

    function test_subscribe_refusesATokenThatTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 10 * USDT, 9_981_000, 10 * USDT));
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_subscribe_stopsWhilePaused() external {
        credit(customer, 10 * USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        vm.expectRevert(Roles.EnforcedPause.selector);
        subscribe(1, 10 * USDT, idOf(group()), USER, Source.Credit);
    }

    /// @dev Whatever the price, the platform has a tenth rounded down and the split has all the rest.
    function testFuzz_subscribe_isExact(uint64 price, uint256 months, bool fromCredit) external {
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

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Plans} from "../solidity/Plans.sol";
import {Roles} from "../solidity/Roles.sol";
import {Services} from "../solidity/Services.sol";
import {Source} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {Log} from "./Vm.sol";

abstract contract PlansTest is Fixture {
    uint8 private constant BASIC = 1;
    uint8 private constant PRO = 2;
    uint8 private constant ENTERPRISE = 3;

    function buyPlan(uint8 plan, uint256 months, uint256 maxPrice, bytes32 account, Source source) private {
        vm.prank(customer);
        forge.buyPlan(plan, months, maxPrice, account, source);
    }

    function setPrice(uint8 plan, uint64 price) private {
        vm.prank(admin);
        forge.setPlanPrice(plan, price);
    }

    // constructor

    function test_constructor_WhenItIsDeployed() external {
        vm.recordLogs();
        deploy(address(usdt), admin, operator, treasury, 0);
        Log[] memory logs = vm.getRecordedLogs();
        uint64[4] memory prices = [0, uint64(10 * USDT), uint64(30 * USDT), uint64(100 * USDT)];
        uint256 announced = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != Plans.PlanPriceSet.selector) continue;
            ++announced;
            vm.assertEq(uint256(logs[i].topics[1]), announced);
            vm.assertEq(abi.decode(logs[i].data, (uint256)), prices[announced]);
        }
        vm.assertEq(announced, 3);
        vm.assertEq(forge.planPriceOf(BASIC), 10 * USDT);
        vm.assertEq(forge.planPriceOf(PRO), 30 * USDT);
        vm.assertEq(forge.planPriceOf(ENTERPRISE), 100 * USDT);
        vm.assertEq(forge.poolFunded(), 0);
    }

    // buyPlan

    function test_buyPlan_RevertWhen_NewMoneyIsStopped() external {
        credit(customer, 30 * USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
        vm.expectRevert(Roles.EnforcedPause.selector);
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Credit);
    }

    function test_buyPlan_RevertWhen_NoAccountIsNamed() external {
        vm.expectRevert(Models.ZeroAccount.selector);
        buyPlan(PRO, 1, 30 * USDT, 0, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_MonthsAreZero() external {
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 0));
        buyPlan(PRO, 0, 30 * USDT, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_MonthsAre121OrMore() external {
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, 121));
        buyPlan(PRO, 121, type(uint256).max, USER, Source.Wallet);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, type(uint256).max));
        buyPlan(PRO, type(uint256).max, type(uint256).max, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_ThePlanIs0Or4Or255() external {
        uint8[3] memory unknown = [0, 4, 255];
        for (uint256 i = 0; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Plans.UnknownPlan.selector, unknown[i]));
            buyPlan(unknown[i], 1, type(uint256).max, USER, Source.Wallet);
        }
    }

    function test_buyPlan_RevertWhen_ThePlanIsNotOffered() external {
        setPrice(PRO, 0);
        vm.expectRevert(abi.encodeWithSelector(Plans.UnknownPlan.selector, PRO));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_ThePriceIsOneUnitAboveWhatTheCallerAgreedTo() external {
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 60 * USDT, 60 * USDT - 1));
        buyPlan(PRO, 2, 60 * USDT - 1, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_AnAdminRaisesThePriceBeforeThePurchaseLands() external {
        setPrice(PRO, uint64(30 * USDT + 1));
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 30 * USDT + 1, 30 * USDT));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_TheCreditIsOneUnitLess() external {
        credit(customer, 30 * USDT - 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 30 * USDT - 1, 30 * USDT));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Credit);
    }

    function test_buyPlan_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 30 * USDT, 29_943_000, 30 * USDT));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
    }

    function test_buyPlan_RevertWhen_ThePlanOutgrowsWhereItsSumIsKept() external {
        // No market can bring that much, so it is written above the price of 30.
        bytes32 slot = slotOf(bytes32(uint256(PRO)));
        uint256 most = type(uint128).max;
        vm.store(address(forge), slot, bytes32(((most - 21 * USDT) << 64) | (30 * USDT)));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), most);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, most + 21 * USDT));
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
    }

    function purchased() private {
        vm.expectEmit(address(forge));
        emit Plans.PlanPurchased({
            plan: PRO,
            account: USER,
            payer: customer,
            months: 2,
            price: 60 * USDT,
            fee: 18 * USDT,
            funded: 42 * USDT,
            fees: 18 * USDT
        });
    }

    function test_buyPlan_WhenTheWalletPays() external {
        uint256 before = usdt.balanceOf(customer);
        purchased();
        // The most that is agreed to may be more than the price.
        buyPlan(PRO, 2, 61 * USDT, USER, Source.Wallet);
        vm.assertEq(before - usdt.balanceOf(customer), 60 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 60 * USDT);
        vm.assertEq(forge.uncollectedFees(), 18 * USDT);
        vm.assertEq(forge.poolFunded(), 42 * USDT);
    }

    function test_buyPlan_WhenTheCreditPays() external {
        credit(customer, 61 * USDT);
        uint256 before = usdt.balanceOf(customer);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: customer, amount: 60 * USDT, credit: USDT});
        purchased();
        buyPlan(PRO, 2, 60 * USDT, USER, Source.Credit);
        vm.assertEq(usdt.balanceOf(customer), before);
        vm.assertEq(forge.creditOf(customer), USDT);
    }

    function test_buyPlan_When120MonthsAreBought() external {
        buyPlan(ENTERPRISE, 120, 12_000 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), 8400 * USDT);
        vm.assertEq(forge.uncollectedFees(), 3600 * USDT);
    }

    function test_buyPlan_WhenEachPlanIsBoughtTwice() external {
        for (uint8 plan = BASIC; plan <= ENTERPRISE; ++plan) {
            uint256 price = forge.planPriceOf(plan);
            buyPlan(plan, 1, price, USER, Source.Wallet);
            vm.recordLogs();
            buyPlan(plan, 1, price, USER, Source.Wallet);
            Log[] memory logs = vm.getRecordedLogs();
            (, , , uint256 funded, ) = abi.decode(
                logs[logs.length - 1].data,
                (uint256, uint256, uint256, uint256, uint256)
            );
            vm.assertEq(funded, (2 * price * 7) / 10, "of this plan alone");
        }
        vm.assertEq(forge.poolFunded(), 196 * USDT);
        vm.assertEq(forge.uncollectedFees(), 84 * USDT);
    }

    /// @dev Whatever the price, the platform has 30 % rounded down and the pool has all the rest.
    function testFuzz_buyPlan_WhenThePriceIsAny(uint64 price, uint8 plan, uint256 months) external {
        vm.assume(price > 0);
        plan = uint8(bound(plan, BASIC, ENTERPRISE));
        months = bound(months, 1, 120);
        setPrice(plan, price);
        uint256 total = months * price;
        usdt.issue(total);
        fund(stranger, total);
        vm.prank(stranger);
        forge.buyPlan(plan, months, total, USER, Source.Wallet);
        vm.assertEq(forge.uncollectedFees(), (total * 3) / 10);
        vm.assertEq(forge.poolFunded(), total - (total * 3) / 10);
        vm.assertEq(usdt.balanceOf(address(forge)), total);
        vm.assertEq(forge.planPriceOf(plan), price);
    }

    // setPlanPrice

    function test_setPlanPrice_RevertWhen_TheCallerIsNoADMIN() external {
        bytes32 role = forge.ADMIN();
        address[3] memory others = [operator, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.setPlanPrice(PRO, 1);
        }
    }

    function test_setPlanPrice_RevertWhen_ThePlanIs0() external {
        vm.expectRevert(abi.encodeWithSelector(Plans.UnknownPlan.selector, 0));
        setPrice(0, 1);
    }

    function test_setPlanPrice_RevertWhen_ThePlanIs4() external {
        vm.expectRevert(abi.encodeWithSelector(Plans.UnknownPlan.selector, 4));
        setPrice(4, 1);
    }

    function test_setPlanPrice_WhenAnADMINCallsIt() external {
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
        vm.expectEmit(address(forge));
        emit Plans.PlanPriceSet(PRO, uint64(40 * USDT));
        setPrice(PRO, uint64(40 * USDT));
        vm.assertEq(forge.planPriceOf(PRO), 40 * USDT);
        vm.assertEq(forge.poolFunded(), 21 * USDT);
        buyPlan(PRO, 1, 40 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), 49 * USDT);
        vm.assertEq(forge.planPriceOf(BASIC), 10 * USDT);
    }

    // what can be read

    function test_planPriceOf_WhenPlansAreKnownOrNot() external view {
        vm.assertEq(forge.planPriceOf(0), 0);
        vm.assertEq(forge.planPriceOf(BASIC), 10 * USDT);
        vm.assertEq(forge.planPriceOf(4), 0);
    }

    function test_poolFunded_WhenSeveralPlansWereBought() external {
        buyPlan(BASIC, 1, 10 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), 7 * USDT);
        buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), 28 * USDT);
        buyPlan(ENTERPRISE, 1, 100 * USDT, USER, Source.Wallet);
        vm.assertEq(forge.poolFunded(), 98 * USDT);
    }

    function test_getters_WhenPLANFEEBPSAndPLANSAreRead() external view {
        vm.assertEq(forge.PLAN_FEE_BPS(), 3000);
        vm.assertEq(uint256(forge.PLANS()), 3);
    }
}

contract PlansOnEthereumTest is PlansTest, OnEthereum {}

contract PlansOnTronTest is PlansTest, OnTron {}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Source} from "../solidity/Types.sol";
import {Usage} from "../solidity/Usage.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {UsageFixture} from "./UsageFixture.sol";

abstract contract UsageTest is UsageFixture {
    // depositUsage

    function test_depositUsage_RevertWhen_NewMoneyIsStopped() external {
        credit(customer, USDT);
        pause();
        vm.startPrank(customer);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.depositUsage(USER, USDT, CAP, Source.Wallet);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.depositUsage(USER, USDT, CAP, Source.Credit);
    }

    function test_depositUsage_RevertWhen_NoAccountIsNamed() external {
        vm.prank(customer);
        vm.expectRevert(Models.ZeroAccount.selector);
        forge.depositUsage(0, USDT, CAP, Source.Wallet);
    }

    function test_depositUsage_RevertWhen_TheAmountIsZero() external {
        vm.prank(customer);
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.depositUsage(USER, 0, CAP, Source.Wallet);
    }

    function test_depositUsage_RevertWhen_TheCreditIsOneUnitLess() external {
        credit(customer, USDT - 1);
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, USDT - 1, USDT));
        forge.depositUsage(USER, USDT, CAP, Source.Credit);
    }

    function test_depositUsage_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 110 * USDT, 109_981_000, 10 * USDT));
        deposit(customer, 10 * USDT, CAP);
    }

    function test_depositUsage_RevertWhen_TheDepositOutgrowsWhereItIsKept() external {
        uint256 most = type(uint64).max;
        usdt.issue(2 * most + 1);
        fund(second, most);
        deposit(second, most, CAP);
        vm.assertEq(forge.usageDepositOf(second).amount, most);
        fund(third, most + 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, most + 1));
        deposit(third, most + 1, CAP);
    }

    function test_depositUsage_RevertWhen_TheCapIsOneUnitBelowTheLastOne() external {
        vm.expectRevert(abi.encodeWithSelector(Usage.CapLowered.selector, CAP, CAP - 1));
        deposit(customer, USDT, CAP - 1);
    }

    function test_depositUsage_WhenTheWalletPays() external {
        uint256 before = usdt.balanceOf(creator);
        vm.expectEmit(address(forge));
        emit Usage.UsageDeposited({
            payer: creator,
            account: USER,
            amount: 10 * USDT,
            deposit: 10 * USDT,
            dailyCap: USDT
        });
        deposit(creator, 10 * USDT, uint64(USDT));
        vm.assertEq(before - usdt.balanceOf(creator), 10 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 110 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
        vm.assertEq(forge.usageDepositOf(creator).amount, 10 * USDT);
    }

    function test_depositUsage_WhenTheCreditPays() external {
        credit(second, 12 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: second, amount: 10 * USDT, credit: 2 * USDT});
        vm.expectEmit(address(forge));
        emit Usage.UsageDeposited({payer: second, account: USER, amount: 10 * USDT, deposit: 10 * USDT, dailyCap: CAP});
        vm.prank(second);
        forge.depositUsage(USER, 10 * USDT, CAP, Source.Credit);
        vm.assertEq(forge.creditOf(second), 2 * USDT);
        vm.assertEq(forge.usageDepositOf(second).amount, 10 * USDT);
    }

    function test_depositUsage_WhenThereIsADepositAlready() external {
        vm.expectEmit(address(forge));
        emit Usage.UsageDeposited({
            payer: customer,
            account: bytes32(uint256(7)),
            amount: USDT,
            deposit: 101 * USDT,
            dailyCap: 50 * USDT
        });
        vm.prank(customer);
        forge.depositUsage(bytes32(uint256(7)), USDT, uint64(50 * USDT), Source.Wallet);
        vm.assertEq(forge.usageDepositOf(customer).amount, 101 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, 50 * USDT);
    }

    function test_depositUsage_WhenThePayerWasLeaving() external {
        leave();
        deposit(customer, 1, CAP);
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, 0);
        vm.warp(START + 4 days);
        vm.expectRevert(abi.encodeWithSelector(Usage.NotLeaving.selector, customer, 0));
        forge.withdrawUsage(customer);
        charge(USDT);
    }

    function test_depositUsage_WhenSomethingWasSpentToday() external {
        charge(40 * USDT);
        deposit(customer, 10 * USDT, CAP);
        vm.assertEq(forge.usageDepositOf(customer).spent, 40 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 70 * USDT);
    }

    // setUsageCap

    /// @dev It would keep the operator from charging what was used already.
    function test_setUsageCap_RevertWhen_TheCapIsOneUnitBelowTheLastOne() external {
        vm.expectRevert(abi.encodeWithSelector(Usage.CapLowered.selector, CAP, CAP - 1));
        setCap(CAP - 1);
        charge(40 * USDT);
    }

    function test_setUsageCap_WhenTheCapIsTheSame() external {
        setCap(CAP);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, CAP);
    }

    function test_setUsageCap_WhenAPayerRaisesTheCap() external {
        charge(40 * USDT);
        vm.expectEmit(address(forge));
        emit Usage.UsageCapSet(customer, 60 * USDT);
        setCap(uint64(60 * USDT));
        charge(20 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 40 * USDT);
    }

    function test_setUsageCap_WhenNewMoneyIsStopped() external {
        pause();
        setCap(CAP + 1);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, CAP + 1);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT);
    }

    // leaveUsage

    function test_leaveUsage_RevertWhen_TheCallerHasNoDeposit() external {
        vm.prank(stranger);
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.leaveUsage();
    }

    function test_leaveUsage_WhenTheCallerHasADeposit() external {
        vm.expectEmit(address(forge));
        emit Usage.UsageLeaving(customer, START + 3 days);
        leave();
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, START + 3 days);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT);
    }

    function test_leaveUsage_WhenTheCallerSaysItAgain() external {
        leave();
        vm.warp(START + 1 days);
        vm.recordLogs();
        leave();
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, START + 3 days);
    }

    function test_leaveUsage_WhenNewMoneyIsStopped() external {
        pause();
        leave();
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, START + 3 days);
    }

    // withdrawUsage

    function test_withdrawUsage_RevertWhen_ThePayerNeverSaidThatItLeaves() external {
        vm.warp(START + 365 days);
        vm.expectRevert(abi.encodeWithSelector(Usage.NotLeaving.selector, customer, 0));
        forge.withdrawUsage(customer);
    }

    function test_withdrawUsage_RevertWhen_TheDelayEndsInASecond() external {
        leave();
        vm.warp(START + 3 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Usage.NotLeaving.selector, customer, START + 3 days));
        forge.withdrawUsage(customer);
    }

    function test_withdrawUsage_RevertWhen_ThePayerLeftAlready() external {
        leave();
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        vm.expectRevert(abi.encodeWithSelector(Usage.NotLeaving.selector, customer, 0));
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
    }

    function test_withdrawUsage_WhenTheDelayEndsThisVerySecond() external {
        credit(customer, 5 * USDT);
        leave();
        vm.warp(START + 3 days);
        vm.expectEmit(address(forge));
        emit Usage.UsageWithdrawn({payer: customer, amount: 100 * USDT, credit: 105 * USDT});
        vm.prank(stranger);
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 105 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
        vm.assertEq(forge.usageDepositOf(customer).amount, 0);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, 0);
    }

    function test_withdrawUsage_WhenTheLastBatchTookPartOfIt() external {
        leave();
        vm.warp(START + 1 days);
        charge(30 * USDT);
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 70 * USDT);
    }

    function test_withdrawUsage_WhenTheLastBatchTookAllOfIt() external {
        setCap(uint64(100 * USDT));
        leave();
        charge(100 * USDT);
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 0);
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, 0);
    }

    function test_withdrawUsage_WhenNewMoneyIsStopped() external {
        leave();
        pause();
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
    }

    function test_withdrawUsage_WhenThePayerComesBack() external {
        leave();
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        deposit(customer, USDT, 1);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, 1);
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, 0);
        vm.assertEq(forge.usageDepositOf(customer).spent, 0);
    }

    // what can be read

    function test_usageDepositOf_WhenAPayerDepositsSpendsAndLeaves() external {
        charge(15 * USDT);
        leave();
        Usage.UsageDeposit memory deposited = forge.usageDepositOf(customer);
        vm.assertEq(deposited.amount, 85 * USDT);
        vm.assertEq(deposited.dailyCap, CAP);
        vm.assertEq(deposited.spent, 15 * USDT);
        vm.assertEq(deposited.day, START / 1 days);
        vm.assertEq(deposited.leaveAt, START + 3 days);
        vm.assertEq(forge.usageDepositOf(stranger).amount, 0);
    }

    function test_getters_WhenUSAGEFEEBPSUSAGEEXITDELAYAndLastUsageBatchAreRead() external {
        vm.assertEq(forge.USAGE_FEE_BPS(), 1000);
        vm.assertEq(forge.USAGE_EXIT_DELAY(), 3 days);
        vm.assertEq(forge.lastUsageBatch(), 0);
        charge(1);
        vm.assertEq(forge.lastUsageBatch(), 1);
    }
}

contract UsageOnEthereumTest is UsageTest, OnEthereum {
    function setUp() public override(Fixture, UsageFixture) {
        UsageFixture.setUp();
    }
}

contract UsageOnTronTest is UsageTest, OnTron {
    function setUp() public override(Fixture, UsageFixture) {
        UsageFixture.setUp();
    }
}

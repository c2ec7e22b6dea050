// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Roles} from "../solidity/Roles.sol";
import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

contract SixteenDecimals {
    uint8 public constant decimals = 16;
}

abstract contract LedgerTest is Fixture {
    // constructor

    function test_constructor_RevertWhen_TheTokenHasNoCode() external {
        vm.expectRevert(abi.encodeWithSelector(Ledger.InvalidToken.selector, stranger));
        deploy(stranger, admin, operator, treasury, 0);
    }

    function test_constructor_RevertWhen_TheTokenHasOtherDecimalsThan6() external {
        address token = address(new SixteenDecimals());
        vm.expectRevert(abi.encodeWithSelector(Ledger.InvalidToken.selector, token));
        deploy(token, admin, operator, treasury, 0);
    }

    function test_constructor_RevertWhen_TheTokenDoesNotSayItsDecimals() external {
        vm.expectRevert();
        deploy(address(this), admin, operator, treasury, 0);
    }

    function test_constructor_RevertWhen_Permit2HasNoCode() external {
        vm.expectRevert(abi.encodeWithSelector(Ledger.InvalidPermit2.selector, stranger));
        deploy(address(usdt), stranger, admin, operator, treasury, 0);
    }

    function test_constructor_WhenPermit2IsTheZeroAddress() external {
        vm.assertEq(deploy(address(usdt), address(0), admin, operator, treasury, 0).permit2(), address(0));
    }

    function test_constructor_WhenTokenAndPermit2AreContracts() external view {
        vm.assertEq(forge.token(), address(usdt));
        vm.assertEq(forge.permit2(), PERMIT2);
    }

    // deposit

    function test_deposit_RevertWhen_NewMoneyIsStopped() external {
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        credit(creator, USDT);
    }

    function test_deposit_RevertWhen_TheAmountIsZero() external {
        vm.expectRevert(Ledger.ZeroAmount.selector);
        credit(creator, 0);
    }

    function test_deposit_RevertWhen_ThePayeeIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        credit(address(0), USDT);
    }

    function test_deposit_RevertWhen_ThePayeeIsTheContractItself() external {
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        credit(address(forge), USDT);
    }

    function test_deposit_RevertWhen_ThePayerAllowedOneUnitLess() external {
        fund(stranger, USDT);
        vm.startPrank(stranger);
        Spendable(address(usdt)).approve(address(forge), 0);
        Spendable(address(usdt)).approve(address(forge), USDT - 1);
        vm.expectRevert();
        forge.deposit(stranger, USDT);
    }

    function test_deposit_RevertWhen_ThePayerHoldsOneUnitLess() external {
        fund(stranger, USDT - 1);
        vm.prank(stranger);
        vm.expectRevert();
        forge.deposit(stranger, USDT);
    }

    function test_deposit_RevertWhen_TheTokenRefusesThePayer() external {
        usdt.addBlackList(customer);
        vm.expectRevert();
        credit(creator, USDT);
    }

    function test_deposit_RevertWhen_TheTokenIsPaused() external {
        usdt.pause();
        vm.expectRevert();
        credit(creator, USDT);
    }

    function test_deposit_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        // 0.19 % of 10 USDT never arrived.
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 10 * USDT, 9_981_000, 10 * USDT));
        credit(creator, 10 * USDT);
    }

    function test_deposit_WhenThePayerAllowedAndHoldsExactlyTheAmount() external {
        fund(stranger, USDT);
        vm.startPrank(stranger);
        // USDT's approve changes from or to zero only.
        Spendable(address(usdt)).approve(address(forge), 0);
        Spendable(address(usdt)).approve(address(forge), USDT);
        forge.deposit(stranger, USDT);
        vm.assertEq(usdt.allowance(stranger, address(forge)), 0);
        vm.assertEq(usdt.balanceOf(stranger), 0);
        vm.assertEq(forge.creditOf(stranger), USDT);
    }

    function test_deposit_WhenThePayeeHasCreditAlready() external {
        vm.expectEmit(address(forge));
        emit Ledger.Deposited({payer: customer, payee: creator, amount: 10 * USDT, credit: 10 * USDT});
        credit(creator, 10 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Deposited({payer: customer, payee: creator, amount: 5 * USDT, credit: 15 * USDT});
        credit(creator, 5 * USDT);

        vm.assertEq(forge.creditOf(creator), 15 * USDT);
        vm.assertEq(forge.creditOf(customer), 0);
        vm.assertEq(usdt.balanceOf(address(forge)), 15 * USDT);
        vm.assertEq(usdt.balanceOf(customer), 999_985 * USDT);
    }

    function testFuzz_deposit_WhenTwoPaymentsOfAnySizeAreMade(uint256 one, uint256 two) external {
        one = bound(one, 1, 400_000 * USDT);
        two = bound(two, 1, 400_000 * USDT);
        credit(creator, one);
        credit(creator, two);
        vm.assertEq(forge.creditOf(creator), one + two);
        vm.assertEq(usdt.balanceOf(address(forge)), one + two);
    }

    function test_deposit_WhenUSDTComesByAPlainTransfer() external {
        vm.prank(customer);
        Spendable(address(usdt)).transfer(address(forge), 7 * USDT);
        credit(creator, USDT);
        vm.assertEq(forge.creditOf(customer), 0);
        vm.assertEq(forge.creditOf(creator), USDT);
    }

    // getters

    function test_getters_WhenTokenPermit2AndCreditOfAreRead() external {
        credit(creator, USDT);
        vm.assertEq(forge.token(), address(usdt));
        vm.assertEq(forge.permit2(), PERMIT2);
        vm.assertEq(forge.creditOf(creator), USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
    }
}

contract LedgerOnEthereumTest is LedgerTest, OnEthereum {}

contract LedgerOnTronTest is LedgerTest, OnTron {}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Roles} from "../solidity/Roles.sol";
import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

contract SixteenDecimals {
    uint8 public constant decimals = 16;
}

abstract contract LedgerTest is Fixture {
    // construction

    function test_construction_refusesATokenWithoutCode() external {
        vm.expectRevert(abi.encodeWithSelector(Ledger.InvalidToken.selector, stranger));
        deploy(stranger, admin, operator, treasury, 0);
    }

    function test_construction_refusesATokenWithOtherDecimals() external {
        address token = address(new SixteenDecimals());
        vm.expectRevert(abi.encodeWithSelector(Ledger.InvalidToken.selector, token));
        deploy(token, admin, operator, treasury, 0);
    }

    function test_construction_refusesAContractThatIsNoToken() external {
        vm.expectRevert();
        deploy(address(this), admin, operator, treasury, 0);
    }

    function test_construction_namesTheToken() external view {
        vm.assertEq(forge.token(), address(usdt));
    }

    // deposit

    function test_deposit_creditsThePayee() external {
        vm.expectEmit(address(forge));
        emit Ledger.Deposited(customer, creator, 10 * USDT, 10 * USDT);
        credit(creator, 10 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Deposited(customer, creator, 5 * USDT, 15 * USDT);
        credit(creator, 5 * USDT);

        vm.assertEq(forge.creditOf(creator), 15 * USDT);
        vm.assertEq(forge.creditOf(customer), 0);
        vm.assertEq(usdt.balanceOf(address(forge)), 15 * USDT);
        vm.assertEq(usdt.balanceOf(customer), 999_985 * USDT);
    }

    function test_deposit_refusesZero() external {
        vm.expectRevert(Ledger.ZeroAmount.selector);
        credit(creator, 0);
    }

    function test_deposit_refusesAPayeeThatCannotWithdraw() external {
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        credit(address(0), USDT);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        credit(address(forge), USDT);
    }

    function test_deposit_needsTheAllowanceAndTheBalance() external {
        vm.prank(stranger);
        vm.expectRevert();
        forge.deposit(stranger, USDT);

        vm.prank(stranger);
        Spendable(address(usdt)).approve(address(forge), USDT);
        vm.prank(stranger);
        vm.expectRevert();
        forge.deposit(stranger, USDT);
    }

    function test_deposit_refusesATokenThatTakesAFee() external {
        switchFeeOn();
        // 0.19 % of 10 USDT never arrived.
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 10 * USDT, 9_981_000, 10 * USDT));
        credit(creator, 10 * USDT);
    }

    function test_deposit_stopsWhilePaused() external {
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        credit(creator, USDT);
    }

    function test_deposit_failsWithTheToken() external {
        usdt.addBlackList(customer);
        vm.expectRevert();
        credit(creator, USDT);
        usdt.removeBlackList(customer);
        usdt.pause();
        vm.expectRevert();
        credit(creator, USDT);
    }

    function testFuzz_deposit_addsUp(uint256 one, uint256 two) external {
        one = bound(one, 1, 400_000 * USDT);
        two = bound(two, 1, 400_000 * USDT);
        credit(creator, one);
        credit(creator, two);
        vm.assertEq(forge.creditOf(creator), one + two);
        vm.assertEq(usdt.balanceOf(address(forge)), one + two);
    }

    function test_plainTransfer_isNobodysCredit() external {
        vm.prank(customer);
        Spendable(address(usdt)).transfer(address(forge), 7 * USDT);
        credit(creator, USDT);
        vm.assertEq(forge.creditOf(customer), 0);
        vm.assertEq(forge.creditOf(creator), USDT);
    }

    // withdraw

    function test_withdraw_sendsOnesOwnCreditAnywhere() external {
        credit(creator, 10 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Withdrawn(creator, stranger, 4 * USDT, 6 * USDT);
        vm.prank(creator);
        forge.withdraw(stranger, 4 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 4 * USDT);
        vm.assertEq(forge.creditOf(creator), 6 * USDT);

        vm.prank(creator);
        forge.withdraw(stranger, 6 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 10 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_withdraw_refusesMoreThanTheCredit() external {
        credit(creator, 10 * USDT);
        credit(second, 10 * USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, creator, 10 * USDT, 10 * USDT + 1));
        forge.withdraw(creator, 10 * USDT + 1);

        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, stranger, 0, type(uint256).max));
        forge.withdraw(stranger, type(uint256).max);
    }

    function test_withdraw_refusesZero() external {
        vm.prank(creator);
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.withdraw(creator, 0);
    }

    function test_withdraw_refusesToLoseTheMoney() external {
        credit(creator, USDT);
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.withdraw(address(0), USDT);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.withdraw(address(forge), USDT);
    }

    function test_withdraw_goesOnWhilePaused() external {
        credit(creator, USDT);
        pause();
        vm.prank(creator);
        forge.withdraw(stranger, USDT);
        vm.assertEq(usdt.balanceOf(stranger), USDT);
    }

    function test_withdraw_goesOnWhenTheTokenTakesAFee() external {
        credit(creator, 10 * USDT);
        switchFeeOn();
        vm.prank(creator);
        forge.withdraw(stranger, 10 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 9_981_000, "the recipient bears the fee");
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_withdraw_keepsTheCreditWhereTheTokenRefuses() external {
        credit(creator, USDT);
        usdt.addBlackList(address(forge));
        vm.prank(creator);
        vm.expectRevert();
        forge.withdraw(creator, USDT);
        usdt.removeBlackList(address(forge));
        usdt.pause();
        vm.prank(creator);
        vm.expectRevert();
        forge.withdraw(creator, USDT);
        vm.assertEq(forge.creditOf(creator), USDT);

        usdt.unpause();
        vm.prank(creator);
        forge.withdraw(stranger, USDT);
        vm.assertEq(usdt.balanceOf(stranger), USDT);
    }

    function test_withdraw_leavesABlacklistedRecipientToTheToken() external {
        credit(stranger, USDT);
        usdt.addBlackList(stranger);
        forge.withdrawFor(stranger);
        vm.assertEq(usdt.balanceOf(stranger), USDT, "arrived, and stuck in the token rather than here");
    }

    // withdrawFor

    function test_withdrawFor_sendsItAllToThePayee() external {
        credit(creator, 10 * USDT);
        uint256 before = usdt.balanceOf(creator);
        vm.expectEmit(address(forge));
        emit Ledger.Withdrawn(creator, creator, 10 * USDT, 0);
        vm.prank(stranger);
        forge.withdrawFor(creator);
        vm.assertEq(usdt.balanceOf(creator) - before, 10 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
    }

    function test_withdrawFor_refusesWhereThereIsNothing() external {
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.withdrawFor(creator);
    }

    function test_withdrawFor_goesOnWhilePaused() external {
        credit(treasury, USDT);
        pause();
        forge.withdrawFor(treasury);
        vm.assertEq(usdt.balanceOf(treasury), USDT);
    }

    function testFuzz_withdraw_neverTakesFromAnother(uint256 mine, uint256 others, uint256 amount) external {
        mine = bound(mine, 1, 400_000 * USDT);
        others = bound(others, 1, 400_000 * USDT);
        amount = bound(amount, 1, 800_000 * USDT);
        credit(creator, mine);
        credit(second, others);
        vm.prank(creator);
        if (amount > mine) {
            vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, creator, mine, amount));
            forge.withdraw(stranger, amount);
        } else {
            forge.withdraw(stranger, amount);
            vm.assertEq(forge.creditOf(creator), mine - amount);
            vm.assertEq(usdt.balanceOf(stranger), amount);
        }
        vm.assertEq(forge.creditOf(second), others);
    }
}

contract LedgerOnEthereumTest is LedgerTest, OnEthereum {}

contract LedgerOnTronTest is LedgerTest, OnTron {}

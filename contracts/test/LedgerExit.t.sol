// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Roles} from "../solidity/Roles.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract LedgerExitTest is Fixture {
    // withdraw

    function test_withdraw_RevertWhen_TheAmountIsZero() external {
        vm.prank(creator);
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.withdraw(creator, 0);
    }

    function test_withdraw_RevertWhen_TheAmountIsOneUnitAboveTheCredit() external {
        credit(creator, 10 * USDT);
        credit(second, 10 * USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, creator, 10 * USDT, 10 * USDT + 1));
        forge.withdraw(creator, 10 * USDT + 1);
    }

    function test_withdraw_RevertWhen_TheCallerHasNoCredit() external {
        credit(creator, USDT);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, stranger, 0, type(uint256).max));
        forge.withdraw(stranger, type(uint256).max);
    }

    function test_withdraw_RevertWhen_TheRecipientIsTheZeroAddress() external {
        credit(creator, USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.withdraw(address(0), USDT);
    }

    function test_withdraw_RevertWhen_TheRecipientIsTheContractItself() external {
        credit(creator, USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.withdraw(address(forge), USDT);
    }

    function test_withdraw_RevertWhen_TheTokenRefusesTheContract() external {
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

    function test_withdraw_WhenTheAmountIsBelowTheCredit() external {
        credit(creator, 10 * USDT);
        vm.expectEmit(address(forge));
        emit Ledger.Withdrawn({payee: creator, to: stranger, amount: 4 * USDT, credit: 6 * USDT});
        vm.prank(creator);
        forge.withdraw(stranger, 4 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 4 * USDT);
        vm.assertEq(forge.creditOf(creator), 6 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
    }

    function test_withdraw_WhenTheAmountIsExactlyTheCredit() external {
        credit(creator, 10 * USDT);
        vm.prank(creator);
        forge.withdraw(stranger, 10 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 10 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_withdraw_WhenTheTokenTakesAFee() external {
        credit(creator, 10 * USDT);
        switchFeeOn();
        vm.prank(creator);
        forge.withdraw(stranger, 10 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 9_981_000, "the recipient bears the fee");
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_withdraw_WhenNewMoneyIsStopped() external {
        credit(creator, USDT);
        pause();
        vm.prank(creator);
        forge.withdraw(stranger, USDT);
        vm.assertEq(usdt.balanceOf(stranger), USDT);
    }

    function testFuzz_withdraw_WhenOthersHaveCreditToo(uint256 mine, uint256 others, uint256 amount) external {
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

    // withdrawFor

    function test_withdrawFor_RevertWhen_ThePayeeHasNoCredit() external {
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.withdrawFor(creator);
    }

    function test_withdrawFor_WhenAnyoneCallsIt() external {
        credit(creator, 10 * USDT);
        uint256 before = usdt.balanceOf(creator);
        vm.expectEmit(address(forge));
        emit Ledger.Withdrawn({payee: creator, to: creator, amount: 10 * USDT, credit: 0});
        vm.prank(stranger);
        forge.withdrawFor(creator);
        vm.assertEq(usdt.balanceOf(creator) - before, 10 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 0);
        vm.assertEq(forge.creditOf(creator), 0);
    }

    function test_withdrawFor_WhenTheTokenFrozeThePayee() external {
        credit(stranger, USDT);
        usdt.addBlackList(stranger);
        forge.withdrawFor(stranger);
        vm.assertEq(usdt.balanceOf(stranger), USDT, "arrived, and stuck in the token rather than here");
    }

    function test_withdrawFor_WhenNewMoneyIsStopped() external {
        credit(second, USDT);
        pause();
        forge.withdrawFor(second);
        vm.assertEq(usdt.balanceOf(second), USDT);
    }

    // collectFees

    /// @dev A purchase of 10 that leaves a fee of 1.
    function earnFee(bytes32 salt) private {
        buy(publish(salt, alone(stranger), 10 * USDT), alone(stranger), 10 * USDT);
    }

    function test_collectFees_RevertWhen_ThereAreNoFees() external {
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.collectFees();
    }

    function test_collectFees_RevertWhen_TheFeesWereJustCollected() external {
        earnFee(SALT);
        forge.collectFees();
        vm.expectRevert(Ledger.ZeroAmount.selector);
        forge.collectFees();
    }

    function test_collectFees_WhenAStrangerCollects() external {
        credit(treasury, 3 * USDT);
        earnFee(SALT);
        vm.expectEmit(address(forge));
        emit Ledger.FeesCollected({treasury: treasury, amount: USDT, credit: 4 * USDT});
        vm.prank(stranger);
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), 4 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
        vm.assertEq(forge.uncollectedFees(), 0);
    }

    function test_collectFees_WhenNewMoneyIsStopped() external {
        earnFee(SALT);
        pause();
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), USDT);
        vm.assertTrue(forge.paused());
        vm.assertEq(forge.treasury(), treasury);
    }

    // setTreasury

    function test_setTreasury_RevertWhen_TheCallerIsNoADMIN() external {
        address[3] memory others = [operator, treasury, stranger];
        bytes32 role = forge.ADMIN();
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.setTreasury(others[i]);
        }
    }

    function test_setTreasury_RevertWhen_TheTreasuryIsTheZeroAddress() external {
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.setTreasury(address(0));
    }

    function test_setTreasury_RevertWhen_TheTreasuryIsTheContractItself() external {
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.setTreasury(address(forge));
    }

    function test_setTreasury_WhenFeesWait() external {
        earnFee(SALT);
        vm.expectEmit(address(forge));
        emit Ledger.FeesCollected({treasury: treasury, amount: USDT, credit: USDT});
        vm.expectEmit(address(forge));
        emit Roles.TreasurySet(second);
        vm.prank(admin);
        forge.setTreasury(second);
        vm.assertEq(forge.treasury(), second);
        vm.assertEq(forge.uncollectedFees(), 0);

        buy(forge.modelIdOf(creator, SALT), alone(stranger), 10 * USDT);
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), USDT);
        vm.assertEq(forge.creditOf(second), USDT);
    }

    function test_setTreasury_WhenNoFeesWait() external {
        vm.recordLogs();
        vm.prank(admin);
        forge.setTreasury(second);
        vm.assertEq(vm.getRecordedLogs().length, 1);
        vm.assertEq(forge.treasury(), second);
        vm.assertFalse(forge.paused());
    }

    // uncollectedFees

    function test_uncollectedFees_WhenFeesComeFromSeveralPurchases() external {
        vm.assertEq(forge.uncollectedFees(), 0);
        earnFee(SALT);
        vm.assertEq(forge.uncollectedFees(), USDT);
        // The second model costs 5 to publish and brings 1.
        earnFee(bytes32(uint256(2)));
        vm.assertEq(forge.uncollectedFees(), 7 * USDT);
    }

    function test_uncollectedFees_RevertWhen_TheFeesOutgrowWhereTheyAreKept() external {
        bytes32 modelId = publish(SALT, alone(stranger), 10 * USDT);
        // No market can bring that much, so it is written where the treasury is: 11 bytes above address and switch.
        bytes32 slot = slotOfContent(bytes32(uint256(uint160(treasury))));
        vm.store(address(forge), slot, bytes32(uint256(uint160(treasury)) | (uint256(type(uint88).max - USDT) << 168)));
        vm.assertEq(forge.uncollectedFees(), type(uint88).max - USDT);
        buy(modelId, alone(stranger), 10 * USDT);
        vm.assertEq(forge.uncollectedFees(), type(uint88).max);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, uint256(type(uint88).max) + USDT));
        buy(modelId, alone(stranger), 10 * USDT);
    }
}

contract LedgerExitOnEthereumTest is LedgerExitTest, OnEthereum {}

contract LedgerExitOnTronTest is LedgerExitTest, OnTron {}

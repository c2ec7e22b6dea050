// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IAccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Roles} from "../solidity/Roles.sol";
import {Source} from "../solidity/Types.sol";
import {Fixture, OnEthereum} from "./Fixture.sol";

/// @dev The token plays no part here, so one stand-in is enough.
contract RolesTest is OnEthereum {
    function lacks(address account, bytes32 role) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role);
    }

    function test_construction_grantsTheRoles() external view {
        vm.assertEq(forge.defaultAdmin(), admin);
        vm.assertTrue(forge.hasRole(forge.ADMIN(), admin));
        vm.assertTrue(forge.hasRole(forge.OPERATOR(), operator));
        vm.assertFalse(forge.hasRole(forge.ADMIN(), operator));
        vm.assertFalse(forge.hasRole(forge.OPERATOR(), admin));
        vm.assertEq(forge.treasury(), treasury);
        vm.assertEq(forge.defaultAdminDelay(), 1 days);
        vm.assertFalse(forge.paused());
    }

    function test_construction_refusesTheZeroAddress() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector,
                address(0)
            )
        );
        deploy(address(usdt), address(0), operator, treasury, 0);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        deploy(address(usdt), admin, address(0), treasury, 0);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        deploy(address(usdt), admin, operator, address(0), 0);
    }

    function test_pause_isTheAdmins() external {
        vm.expectEmit(address(forge));
        emit Roles.Paused(admin);
        pause();
        vm.assertTrue(forge.paused());
        vm.expectEmit(address(forge));
        emit Roles.Unpaused(admin);
        vm.prank(admin);
        forge.unpause();
        vm.assertFalse(forge.paused());
        credit(creator, USDT);
    }

    function test_pause_isNobodyElses() external {
        bytes32 role = forge.ADMIN();
        address[3] memory others = [operator, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.pause();
            vm.expectRevert(lacks(others[i], role));
            forge.unpause();
            vm.expectRevert(lacks(others[i], role));
            forge.setTreasury(others[i]);
            vm.stopPrank();
        }
    }

    function test_pause_refusesWhatIsDoneAlready() external {
        vm.prank(admin);
        vm.expectRevert(Roles.ExpectedPause.selector);
        forge.unpause();
        pause();
        vm.prank(admin);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.pause();
    }

    function test_setTreasury_movesLaterFeesOnly() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        vm.expectEmit(address(forge));
        emit Roles.TreasurySet(stranger);
        vm.prank(admin);
        forge.setTreasury(stranger);
        vm.assertEq(forge.treasury(), stranger);
        buy(modelId, group(), 10 * USDT);
        vm.assertEq(forge.creditOf(treasury), USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), USDT);
        vm.assertEq(forge.creditOf(stranger), USDT);
    }

    function test_setTreasury_refusesWhatCannotWithdraw() external {
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.setTreasury(address(0));
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.setTreasury(address(forge));
    }

    function test_admin_isAListThatTheDefaultAdminKeeps() external {
        bytes32 role = forge.ADMIN();
        vm.prank(admin);
        forge.grantRole(role, second);
        vm.prank(second);
        forge.pause();
        vm.prank(admin);
        forge.revokeRole(role, second);
        vm.prank(second);
        vm.expectRevert(lacks(second, role));
        forge.unpause();
        vm.prank(second);
        vm.expectRevert(lacks(second, bytes32(0)));
        forge.grantRole(role, second);
    }

    function test_defaultAdmin_changesHandsAfterTheDelay() external {
        vm.prank(admin);
        forge.beginDefaultAdminTransfer(second);
        vm.warp(START + 1 days);
        vm.prank(second);
        vm.expectRevert();
        forge.acceptDefaultAdminTransfer();
        vm.warp(START + 1 days + 1);
        vm.prank(second);
        forge.acceptDefaultAdminTransfer();
        vm.assertEq(forge.defaultAdmin(), second);
    }

    function test_noRole_canTakeAnothersMoney() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        credit(creator, 5 * USDT);
        address[2] memory powerful = [admin, operator];
        for (uint256 i = 0; i < powerful.length; ++i) {
            vm.startPrank(powerful[i]);
            vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, powerful[i], 0, 1));
            forge.withdraw(powerful[i], 1);
            vm.expectRevert();
            forge.drawAndWithdraw(group(), powerful[i]);
            vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, powerful[i], 0, 10 * USDT));
            forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
            vm.stopPrank();
        }
    }
}

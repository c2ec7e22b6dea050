// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {Roles} from "../solidity/Roles.sol";
import {OnEthereum} from "./Fixture.sol";

/// @dev The token plays no part here, so one stand-in is enough.
contract RolesTest is OnEthereum {
    // constructor

    function test_constructor_RevertWhen_TheAdminIsTheZeroAddress() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector,
                address(0)
            )
        );
        deploy(address(usdt), address(0), operator, treasury, 0);
    }

    function test_constructor_RevertWhen_TheOperatorIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        deploy(address(usdt), admin, address(0), treasury, 0);
    }

    function test_constructor_RevertWhen_TheTreasuryIsTheZeroAddress() external {
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        deploy(address(usdt), admin, operator, address(0), 0);
    }

    function test_constructor_WhenEverybodyIsNamed() external view {
        vm.assertEq(forge.defaultAdmin(), admin);
        vm.assertEq(forge.defaultAdminDelay(), 1 days);
        vm.assertTrue(forge.hasRole(forge.ADMIN(), admin));
        vm.assertTrue(forge.hasRole(forge.OPERATOR(), operator));
        vm.assertFalse(forge.hasRole(forge.ADMIN(), operator));
        vm.assertFalse(forge.hasRole(forge.OPERATOR(), admin));
        vm.assertEq(forge.getRoleAdmin(forge.OPERATOR()), forge.ADMIN());
        vm.assertEq(forge.getRoleAdmin(forge.ADMIN()), forge.DEFAULT_ADMIN_ROLE());
        vm.assertEq(forge.treasury(), treasury);
        vm.assertFalse(forge.paused());
    }

    // pause and unpause

    function test_pause_RevertWhen_TheCallerIsNoADMIN() external {
        bytes32 role = forge.ADMIN();
        address[3] memory others = [operator, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.pause();
        }
    }

    function test_pause_RevertWhen_NewMoneyIsStoppedAlready() external {
        pause();
        vm.prank(admin);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.pause();
    }

    function test_pause_WhenAnADMINCallsIt() external {
        vm.expectEmit(address(forge));
        emit Roles.Paused(admin);
        vm.prank(admin);
        forge.pause();
        vm.assertTrue(forge.paused());
        vm.assertEq(forge.treasury(), treasury);
        vm.expectRevert(Roles.EnforcedPause.selector);
        credit(creator, USDT);
    }

    function test_unpause_RevertWhen_TheCallerIsNoADMIN() external {
        bytes32 role = forge.ADMIN();
        pause();
        address[3] memory others = [operator, treasury, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.unpause();
        }
    }

    function test_unpause_RevertWhen_NewMoneyFlowsAlready() external {
        vm.prank(admin);
        vm.expectRevert(Roles.ExpectedPause.selector);
        forge.unpause();
    }

    function test_unpause_WhenAnADMINCallsIt() external {
        pause();
        vm.expectEmit(address(forge));
        emit Roles.Unpaused(admin);
        vm.prank(admin);
        forge.unpause();
        vm.assertFalse(forge.paused());
        credit(creator, USDT);
        vm.assertEq(forge.creditOf(creator), USDT);
    }

    // what can be read

    function test_paused_WhenNewMoneyIsStoppedAndLetInAgain() external {
        vm.assertFalse(forge.paused());
        pause();
        vm.assertTrue(forge.paused());
        vm.prank(admin);
        forge.unpause();
        vm.assertFalse(forge.paused());
    }

    function test_treasury_WhenTheTreasuryIsReplaced() external {
        vm.assertEq(forge.treasury(), treasury);
        vm.prank(admin);
        forge.setTreasury(second);
        vm.assertEq(forge.treasury(), second);
    }

    function test_getters_WhenADMINAndOPERATORAreRead() external view {
        vm.assertEq(forge.ADMIN(), keccak256("ADMIN"));
        vm.assertEq(forge.OPERATOR(), keccak256("OPERATOR"));
    }
}

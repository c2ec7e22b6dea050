// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {Jobs} from "../solidity/Jobs.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Splits} from "../solidity/Splits.sol";
import {Job, ModelUsage, Source} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {Signing} from "./Signing.sol";

/// @notice What the roles can do to each other, and never to the money.
contract RoleScenariosTest is Signing, OnEthereum {
    function test_admin_WhenTheDefaultAdminGrantsAndRevokes() external {
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
    }

    function test_admin_RevertWhen_AnADMINWhoIsNotTheDefaultAdminGrantsADMIN() external {
        bytes32 role = forge.ADMIN();
        vm.prank(admin);
        forge.grantRole(role, second);
        vm.prank(second);
        vm.expectRevert(lacks(second, bytes32(0)));
        forge.grantRole(role, third);
    }

    function test_admin_RevertWhen_TheDefaultAdminLeavesItsDelayUnfinished() external {
        vm.prank(admin);
        forge.beginDefaultAdminTransfer(second);
        vm.warp(START + 1 days);
        vm.prank(second);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector,
                uint48(START + 1 days)
            )
        );
        forge.acceptDefaultAdminTransfer();
    }

    function test_admin_WhenTheDefaultAdminsDelayIsOver() external {
        vm.prank(admin);
        forge.beginDefaultAdminTransfer(second);
        vm.warp(START + 1 days + 1);
        vm.prank(second);
        forge.acceptDefaultAdminTransfer();
        vm.assertEq(forge.defaultAdmin(), second);
    }

    function test_operator_WhenAnADMINRevokesAStolenKey() external {
        bytes32 role = forge.OPERATOR();
        bytes32 adminRole = forge.ADMIN();
        vm.prank(admin);
        forge.grantRole(adminRole, second);
        Job memory job = Job({
            client: customer,
            account: USER,
            specification: "job",
            price: uint64(USDT),
            deadline: uint40(START + 1 days),
            salt: 0
        });
        vm.prank(customer);
        bytes32 jobId = forge.openJob(job, Source.Wallet);
        bytes memory signature = signed(attestationHash(jobId, bytes32(uint256(uint160(stranger))), "result"));

        // An ADMIN is enough: nobody waits for the default admin.
        vm.prank(second);
        forge.revokeRole(role, operator);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOperator.selector, operator));
        forge.payJob(job, bytes32(uint256(uint160(stranger))), "result", signature);
        vm.startPrank(operator);
        vm.expectRevert(lacks(operator, role));
        forge.postRoot(1, "root", 0, "");
        vm.expectRevert(lacks(operator, role));
        forge.settleUsage(1, "root", new ModelUsage[](0));
        vm.expectRevert(abi.encodeWithSelector(Jobs.WrongTime.selector, jobId, START + 1 days));
        forge.refundJob(job);
    }

    function test_operator_RevertWhen_AnOPERATORGrantsOPERATOR() external {
        bytes32 role = forge.OPERATOR();
        bytes32 needed = forge.ADMIN();
        vm.prank(operator);
        vm.expectRevert(lacks(operator, needed));
        forge.grantRole(role, stranger);
    }

    function test_money_RevertWhen_ARoleReachesForAnothersCreditOrRevenue() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        credit(creator, 5 * USDT);
        address[2] memory powerful = [admin, operator];
        for (uint256 i = 0; i < powerful.length; ++i) {
            vm.startPrank(powerful[i]);
            vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, powerful[i], 0, 1));
            forge.withdraw(powerful[i], 1);
            vm.expectRevert(abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), powerful[i]));
            forge.drawAndWithdraw(group(), powerful[i]);
            vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, powerful[i], 0, 10 * USDT));
            forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
            vm.stopPrank();
        }
        vm.assertEq(forge.creditOf(creator), 5 * USDT);
    }
}

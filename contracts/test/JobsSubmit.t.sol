// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Jobs} from "../solidity/Jobs.sol";
import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Assignment, Job} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @dev No token moves after a job was opened, so one stand-in is enough.
contract JobsSubmitTest is JobsFixture, OnEthereum {
    /// @dev The signature is good, and of somebody else than an operator: recovered from other bytes it is nobody's.
    function expectNotOperator(Job memory job, Assignment memory assignment, bytes memory signature) private {
        vm.prank(node);
        (bool done, bytes memory reason) = address(forge).call(
            abi.encodeCall(forge.submitJob, (job, assignment, signature, RESULT))
        );
        vm.assertFalse(done);
        vm.assertEq(bytes32(bytes4(reason)), bytes32(Jobs.NotOperator.selector));
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    /// @dev Brought by the node with the operator's good signature, so that nothing but the terms is refused.
    function expectRefused(Job memory job, Assignment memory assignment, bytes memory reason) private {
        bytes memory signature = signed(assignmentHash(assignment));
        vm.expectRevert(reason);
        submit(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_TheJobIsUnknown() external {
        Job memory job = order();
        expectRefused(job, assignmentOf(job, payeeOf(payee)), notIn(job, Jobs.JobStatus.None));
    }

    function test_submitJob_RevertWhen_TheJobWasSubmittedAlready() external {
        Job memory job = submitted();
        expectRefused(job, assignmentOf(job, payeeOf(payee)), notIn(job, Jobs.JobStatus.Submitted));
    }

    function test_submitJob_RevertWhen_TheJobWasRefunded() external {
        Job memory job = open();
        refund(job);
        expectRefused(job, assignmentOf(job, payeeOf(payee)), notIn(job, Jobs.JobStatus.Refunded));
    }

    function test_submitJob_RevertWhen_TheTermsAreChanged() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        job.price += 1;
        expectRefused(job, assignment, notIn(job, Jobs.JobStatus.None));
    }

    function test_submitJob_RevertWhen_TheAssignmentIsOfAnotherJob() external {
        Job memory other = order();
        other.salt = 0;
        Job memory job = open();
        expectRefused(
            job,
            assignmentOf(other, payeeOf(payee)),
            abi.encodeWithSelector(Jobs.WrongAssignment.selector, jobIdOf(job), jobIdOf(other))
        );
    }

    function test_submitJob_RevertWhen_TheCallerIsNotTheAssignedNode() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = signed(assignmentHash(assignment));
        vm.prank(stranger);
        vm.expectRevert(notParty(job, node, stranger));
        forge.submitJob(job, assignment, signature, RESULT);
    }

    function test_submitJob_RevertWhen_TheDeadlinePassedASecondAgo() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        assignment.expiry = uint40(DEADLINE + 1 days);
        vm.warp(DEADLINE + 1);
        expectRefused(job, assignment, wrongTime(job, DEADLINE));
    }

    function test_submitJob_RevertWhen_TheAssignmentExpiredASecondAgo() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        assignment.expiry = uint40(START + 1 hours);
        vm.warp(START + 1 hours + 1);
        expectRefused(job, assignment, wrongTime(job, START + 1 hours));
    }

    function test_submitJob_RevertWhen_TheSignatureIsAStrangers() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = sign(
            CUSTOMER_KEY,
            domainOf(block.chainid, address(forge)),
            assignmentHash(assignment)
        );
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOperator.selector, customer));
        submit(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_TheSignatureWasMadeForAnotherChain() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = signed(assignmentHash(assignment));
        uint256 chain = block.chainid;
        // The same contract at the same address of a chain that forked off.
        vm.chainId(chain + 1);
        expectNotOperator(job, assignment, signature);
        vm.chainId(chain);
        submit(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_TheSignatureWasMadeForAnotherContract() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        address other = address(deploy(address(usdt), admin, operator, treasury, 0));
        bytes memory signature = sign(OPERATOR_KEY, domainOf(block.chainid, other), assignmentHash(assignment));
        expectNotOperator(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_ThePayeeIsChanged() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = signed(assignmentHash(assignment));
        assignment.payee = payeeOf(node);
        expectNotOperator(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_TheExpiryIsChanged() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = signed(assignmentHash(assignment));
        assignment.expiry += 1;
        expectNotOperator(job, assignment, signature);
    }

    function test_submitJob_RevertWhen_TheSignatureHasAnotherLength() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = bytes.concat(signed(assignmentHash(assignment)), hex"00");
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
        submit(job, assignment, signature);
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 0));
        submit(job, assignment, "");
    }

    function test_submitJob_RevertWhen_TheSignatureIsMirrored() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes32 domain = domainOf(block.chainid, address(forge));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, assignmentHash(assignment)));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(OPERATOR_KEY, digest);
        uint256 order_ = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes32 mirrored = bytes32(order_ - uint256(s));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, mirrored));
        submit(job, assignment, abi.encodePacked(r, mirrored, v ^ 7));
    }

    function test_submitJob_RevertWhen_TheSignatureIsNoSignature() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        submit(job, assignment, new bytes(65));
    }

    function expectPayeeRefused(bytes32 to, bytes memory reason) private {
        Job memory job = open();
        expectRefused(job, assignmentOf(job, to), reason);
    }

    function test_submitJob_RevertWhen_ThePayeeIsTheZeroAddress() external {
        expectPayeeRefused(0, abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
    }

    function test_submitJob_RevertWhen_ThePayeeIsTheContractItself() external {
        expectPayeeRefused(
            payeeOf(address(forge)),
            abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge))
        );
    }

    function test_submitJob_RevertWhen_ThePayeeIsAnUndeclaredSplit() external {
        bytes32 splitId = idOf(group());
        expectPayeeRefused(splitId, abi.encodeWithSelector(Splits.UndeclaredSplit.selector, splitId));
        // The smallest number that is no address.
        bytes32 smallest = bytes32(uint256(1) << 160);
        vm.prank(operator);
        forge.refundJob(order());
        Job memory job = order();
        job.salt = smallest;
        open(job);
        expectRefused(
            job,
            assignmentOf(job, smallest),
            abi.encodeWithSelector(Splits.UndeclaredSplit.selector, smallest)
        );
    }

    function test_submitJob_WhenTheDeadlineIsThisVerySecond() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        assignment.expiry = uint40(DEADLINE + 1 days);
        vm.warp(DEADLINE);
        submit(job, assignment, signed(assignmentHash(assignment)));
        assertState(job, Jobs.JobStatus.Submitted, 100 * USDT, DEADLINE);
    }

    function test_submitJob_WhenTheAssignmentExpiresThisVerySecond() external {
        Job memory job = open();
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        assignment.expiry = uint40(START + 1 hours);
        vm.warp(START + 1 hours);
        submit(job, assignment, signed(assignmentHash(assignment)));
        assertState(job, Jobs.JobStatus.Submitted, 100 * USDT, START + 1 hours);
    }

    function test_submitJob_WhenTheNodeSubmitsForAnAddress() external {
        Job memory job = open();
        vm.warp(START + 9);
        Assignment memory assignment = assignmentOf(job, payeeOf(payee));
        bytes memory signature = signed(assignmentHash(assignment));
        vm.expectEmit(address(forge));
        emit Jobs.JobSubmitted({jobId: jobIdOf(job), node: node, payee: payeeOf(payee), result: RESULT});
        submit(job, assignment, signature);
        assertState(job, Jobs.JobStatus.Submitted, 100 * USDT, START + 9);
        assertPaid(0, 0);
    }

    function test_submitJob_WhenTheNodeSubmitsForADeclaredSplit() external {
        forge.declareSplit(group());
        Job memory job = open();
        submit(job, idOf(group()));
        assertState(job, Jobs.JobStatus.Submitted, 100 * USDT, START);
        vm.warp(START + 1 days + 1);
        forge.releaseJob(job, submissionTo(idOf(group())));
        vm.assertEq(forge.earnedOf(idOf(group())), 95 * USDT);
    }

    function test_submitJob_WhenNewMoneyIsStopped() external {
        Job memory job = open();
        pause();
        submit(job, payeeOf(payee));
        assertState(job, Jobs.JobStatus.Submitted, 100 * USDT, START);
    }
}

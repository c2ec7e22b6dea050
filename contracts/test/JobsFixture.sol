// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Assignment, Job, Source, Submission} from "../solidity/Types.sol";
import {Signing} from "./Signing.sol";

/// @notice A job of 100 USDT that the customer orders and a node does within a day.
abstract contract JobsFixture is Signing {
    uint256 internal constant DEADLINE = START + 1 days;
    bytes32 internal constant RESULT = keccak256("result");

    address internal immutable node = person("node");
    address internal immutable payee = person("payee");

    function order() internal view returns (Job memory) {
        return
            Job({
                client: customer,
                account: USER,
                specification: keccak256("image, command, inputs"),
                price: uint64(100 * USDT),
                deadline: uint40(DEADLINE),
                salt: SALT
            });
    }

    function payeeOf(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function open(Job memory job) internal returns (bytes32 jobId) {
        vm.prank(customer);
        return forge.openJob(job, Source.Wallet);
    }

    function open() internal returns (Job memory job) {
        job = order();
        open(job);
    }

    function assignmentOf(Job memory job, bytes32 to) internal view returns (Assignment memory) {
        return Assignment({jobId: jobIdOf(job), node: node, payee: to, expiry: uint40(DEADLINE)});
    }

    /// @dev The node submits under an assignment that the operator signed.
    function submit(Job memory job, bytes32 to) internal {
        Assignment memory assignment = assignmentOf(job, to);
        submit(job, assignment, signed(assignmentHash(assignment)));
    }

    function submit(Job memory job, Assignment memory assignment, bytes memory signature) internal {
        vm.prank(node);
        forge.submitJob(job, assignment, signature, RESULT);
    }

    function submissionTo(bytes32 to) internal view returns (Submission memory) {
        return Submission({node: node, payee: to, result: RESULT});
    }

    function submission() internal view returns (Submission memory) {
        return submissionTo(payeeOf(payee));
    }

    /// @dev A job that the node submitted at `START`, to be paid to `payee`.
    function submitted() internal returns (Job memory job) {
        job = open();
        submit(job, payeeOf(payee));
    }

    function dispute(Job memory job) internal {
        vm.prank(customer);
        forge.disputeJob(job);
    }

    function disputed() internal returns (Job memory job) {
        job = submitted();
        dispute(job);
    }

    function refund(Job memory job) internal {
        vm.prank(operator);
        forge.refundJob(job);
    }

    /// @dev The operator attests to the result and a stranger brings it.
    function pay(Job memory job, bytes32 to) internal {
        bytes memory signature = signed(attestationHash(jobIdOf(job), to, RESULT));
        vm.prank(stranger);
        forge.payJob(job, to, RESULT, signature);
    }

    function notIn(Job memory job, Jobs.JobStatus status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Jobs.JobNotIn.selector, jobIdOf(job), status);
    }

    function wrongTime(Job memory job, uint256 limit) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Jobs.WrongTime.selector, jobIdOf(job), limit);
    }

    function notParty(Job memory job, address expected, address caller) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Jobs.NotParty.selector, jobIdOf(job), expected, caller);
    }

    function wrongSubmission(Job memory job) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Jobs.WrongSubmission.selector, jobIdOf(job));
    }

    /// @dev The next call pays `payee`, whose first revenue it is.
    function expectPaid(Job memory job, uint256 amount, uint256 fee) internal {
        vm.expectEmit(address(forge));
        emit Jobs.JobPaid({
            jobId: jobIdOf(job),
            payee: payeeOf(payee),
            result: RESULT,
            amount: amount,
            fee: fee,
            payeeTotal: amount,
            fees: fee
        });
    }

    function assertPaid(uint256 amount, uint256 fee) internal view {
        vm.assertEq(forge.creditOf(payee), amount);
        vm.assertEq(forge.uncollectedFees(), fee);
    }

    function assertState(Job memory job, Jobs.JobStatus status, uint256 escrow, uint256 since) internal view {
        Jobs.JobState memory state = forge.jobOf(jobIdOf(job));
        vm.assertEq(uint256(state.status), uint256(status));
        vm.assertEq(state.escrow, escrow);
        vm.assertEq(state.since, since);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Job, Source, Submission} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @dev No token moves after a job was opened, so one stand-in is enough.
contract JobsExitTest is JobsFixture, OnEthereum {
    function otherSubmission() private view returns (Submission memory other) {
        other = submission();
        other.payee = payeeOf(stranger);
    }

    // releaseJob

    function test_releaseJob_RevertWhen_TheJobIsOpen() external {
        Job memory job = open();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Open));
        forge.releaseJob(job, submission());
    }

    function test_releaseJob_RevertWhen_TheJobIsDisputed() external {
        Job memory job = disputed();
        vm.warp(START + 365 days);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Disputed));
        forge.releaseJob(job, submission());
    }

    function test_releaseJob_RevertWhen_TheChallengeWindowEndsThisVerySecond() external {
        Job memory job = submitted();
        vm.warp(START + 1 days);
        vm.expectRevert(wrongTime(job, START + 1 days));
        forge.releaseJob(job, submission());
    }

    function test_releaseJob_RevertWhen_TheSubmissionIsAnother() external {
        Job memory job = submitted();
        vm.warp(START + 1 days + 1);
        vm.expectRevert(wrongSubmission(job));
        forge.releaseJob(job, otherSubmission());
    }

    function test_releaseJob_WhenTheChallengeWindowEndedASecondAgo() external {
        Job memory job = submitted();
        vm.warp(START + 1 days + 1);
        expectPaid(job, 95 * USDT, 5 * USDT);
        vm.prank(stranger);
        forge.releaseJob(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
        assertState(job, Jobs.JobStatus.Paid, 0, START + 1 days + 1);
    }

    function test_releaseJob_WhenNewMoneyIsStopped() external {
        Job memory job = submitted();
        pause();
        vm.warp(START + 1 days + 1);
        forge.releaseJob(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
    }

    // refundJob

    function test_refundJob_RevertWhen_TheJobIsUnknown() external {
        vm.expectRevert(notIn(order(), Jobs.JobStatus.None));
        refund(order());
    }

    function test_refundJob_RevertWhen_TheJobIsSubmitted() external {
        Job memory job = submitted();
        vm.warp(DEADLINE + 1);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Submitted));
        forge.refundJob(job);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Submitted));
        refund(job);
    }

    function test_refundJob_RevertWhen_TheJobWasRefunded() external {
        Job memory job = open();
        refund(job);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Refunded));
        refund(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
    }

    function test_refundJob_RevertWhen_TheDeadlineIsThisVerySecond() external {
        Job memory job = open();
        vm.warp(DEADLINE);
        address[3] memory others = [customer, admin, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(wrongTime(job, DEADLINE));
            forge.refundJob(job);
        }
    }

    function test_refundJob_WhenTheDeadlinePassedASecondAgo() external {
        Job memory job = order();
        vm.prank(creator);
        forge.openJob(job, Source.Wallet);
        credit(customer, USDT);
        vm.warp(DEADLINE + 1);
        vm.expectEmit(address(forge));
        emit Jobs.JobRefunded({jobId: jobIdOf(job), client: customer, amount: 100 * USDT, credit: 101 * USDT});
        vm.prank(stranger);
        forge.refundJob(job);
        vm.assertEq(forge.creditOf(customer), 101 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
        vm.assertEq(forge.uncollectedFees(), 0);
        assertState(job, Jobs.JobStatus.Refunded, 0, DEADLINE + 1);
    }

    function test_refundJob_WhenAnOperatorCallsBeforeTheDeadline() external {
        Job memory job = open();
        refund(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
        assertState(job, Jobs.JobStatus.Refunded, 0, START);
    }

    function test_refundJob_WhenNewMoneyIsStopped() external {
        Job memory job = open();
        pause();
        vm.warp(DEADLINE + 1);
        forge.refundJob(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
    }

    // disputeJob

    function test_disputeJob_RevertWhen_TheJobIsOpen() external {
        Job memory job = open();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Open));
        dispute(job);
    }

    function test_disputeJob_RevertWhen_TheJobIsDisputedAlready() external {
        Job memory job = disputed();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Disputed));
        dispute(job);
    }

    function test_disputeJob_RevertWhen_TheCallerIsNeitherTheClientNorAnOperator() external {
        Job memory job = submitted();
        address[3] memory others = [node, admin, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(notParty(job, customer, others[i]));
            forge.disputeJob(job);
        }
    }

    function test_disputeJob_RevertWhen_TheChallengeWindowEndedASecondAgo() external {
        Job memory job = submitted();
        vm.warp(START + 1 days + 1);
        vm.expectRevert(wrongTime(job, START + 1 days));
        dispute(job);
    }

    function test_disputeJob_WhenTheChallengeWindowEndsThisVerySecond() external {
        Job memory job = submitted();
        vm.warp(START + 1 days);
        vm.expectEmit(address(forge));
        emit Jobs.JobDisputed({jobId: jobIdOf(job), by: customer});
        dispute(job);
        assertState(job, Jobs.JobStatus.Disputed, 100 * USDT, START + 1 days);
    }

    function test_disputeJob_WhenAnOperatorCallsIt() external {
        Job memory job = submitted();
        vm.expectEmit(address(forge));
        emit Jobs.JobDisputed({jobId: jobIdOf(job), by: operator});
        vm.prank(operator);
        forge.disputeJob(job);
        assertState(job, Jobs.JobStatus.Disputed, 100 * USDT, START);
    }

    function test_disputeJob_WhenNewMoneyIsStopped() external {
        Job memory job = submitted();
        pause();
        dispute(job);
        assertState(job, Jobs.JobStatus.Disputed, 100 * USDT, START);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Job, Source, Submission} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @dev No token moves after a job was opened, so one stand-in is enough.
contract JobsDisputeTest is JobsFixture, OnEthereum {
    function otherSubmission() private view returns (Submission memory other) {
        other = submission();
        other.payee = payeeOf(stranger);
    }

    function resolve(Job memory job, uint256 nodeBps) private {
        vm.prank(admin);
        forge.resolveJob(job, submission(), nodeBps);
    }

    function expectRefunded(Job memory job, uint256 amount) private {
        vm.expectEmit(address(forge));
        emit Jobs.JobRefunded({jobId: jobIdOf(job), client: customer, amount: amount, credit: amount});
    }

    function expectResolved(Job memory job, address by, uint256 nodeBps) private {
        vm.expectEmit(address(forge));
        emit Jobs.JobResolved({jobId: jobIdOf(job), by: by, nodeBps: nodeBps});
    }

    /// @dev A disputed job of any price, all of it at `START`.
    function disputedAt(uint64 price) private returns (Job memory job) {
        usdt.issue(price);
        fund(second, price);
        job = order();
        job.price = price;
        vm.prank(second);
        forge.openJob(job, Source.Wallet);
        submit(job, payeeOf(payee));
        dispute(job);
    }

    // resolveJob

    function test_resolveJob_RevertWhen_TheCallerIsNoADMIN() external {
        Job memory job = disputed();
        bytes32 role = forge.ADMIN();
        address[4] memory others = [operator, customer, node, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.resolveJob(job, submission(), 5000);
        }
    }

    function test_resolveJob_RevertWhen_TheJobIsSubmitted() external {
        Job memory job = submitted();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Submitted));
        resolve(job, 5000);
    }

    function test_resolveJob_RevertWhen_TheDisputeWasDecided() external {
        Job memory job = disputed();
        resolve(job, 5000);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Resolved));
        resolve(job, 5000);
        assertPaid(47_500_000, 2_500_000);
        vm.assertEq(forge.creditOf(customer), 50 * USDT);
    }

    function test_resolveJob_RevertWhen_TheShareIs10001() external {
        Job memory job = disputed();
        vm.expectRevert(abi.encodeWithSelector(Jobs.ShareOutOfRange.selector, 10_001));
        resolve(job, 10_001);
        vm.expectRevert(abi.encodeWithSelector(Jobs.ShareOutOfRange.selector, type(uint256).max));
        resolve(job, type(uint256).max);
    }

    function test_resolveJob_RevertWhen_TheSubmissionIsAnother() external {
        Job memory job = disputed();
        vm.prank(admin);
        vm.expectRevert(wrongSubmission(job));
        forge.resolveJob(job, otherSubmission(), 5000);
    }

    function test_resolveJob_WhenTheShareIsZero() external {
        Job memory job = disputed();
        vm.warp(START + 3);
        expectRefunded(job, 100 * USDT);
        expectResolved(job, admin, 0);
        vm.recordLogs();
        resolve(job, 0);
        vm.assertEq(vm.getRecordedLogs().length, 2);
        assertPaid(0, 0);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
        assertState(job, Jobs.JobStatus.Resolved, 0, START + 3);
    }

    function test_resolveJob_WhenTheShareIs10000() external {
        Job memory job = disputed();
        expectPaid(job, 95 * USDT, 5 * USDT);
        expectResolved(job, admin, 10_000);
        vm.recordLogs();
        resolve(job, 10_000);
        vm.assertEq(vm.getRecordedLogs().length, 2);
        assertPaid(95 * USDT, 5 * USDT);
        vm.assertEq(forge.creditOf(customer), 0);
    }

    function test_resolveJob_WhenTheShareIs3000() external {
        Job memory job = disputed();
        expectPaid(job, 28_500_000, 1_500_000);
        expectRefunded(job, 70 * USDT);
        expectResolved(job, admin, 3000);
        resolve(job, 3000);
        assertPaid(28_500_000, 1_500_000);
        vm.assertEq(forge.creditOf(customer), 70 * USDT);
        assertState(job, Jobs.JobStatus.Resolved, 0, START);
    }

    /// @dev Nothing is left over: the node's part rounded down, the fee a twentieth of it rounded down, all the rest back.
    function testFuzz_resolveJob_WhenPriceAndShareAreAny(uint64 price, uint256 nodeBps) external {
        vm.assume(price > 0);
        nodeBps = bound(nodeBps, 0, 10_000);
        Job memory job = disputedAt(price);
        resolve(job, nodeBps);
        uint256 part = (price * nodeBps) / 10_000;
        assertPaid(part - part / 20, part / 20);
        vm.assertEq(forge.creditOf(customer), price - part);
        vm.assertEq(usdt.balanceOf(address(forge)), price);
    }

    function test_resolveJob_WhenNewMoneyIsStopped() external {
        Job memory job = disputed();
        pause();
        resolve(job, 10_000);
        assertPaid(95 * USDT, 5 * USDT);
    }

    // halveJob

    function test_halveJob_RevertWhen_TheJobIsSubmitted() external {
        Job memory job = submitted();
        vm.warp(START + 365 days);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Submitted));
        forge.halveJob(job, submission());
    }

    function test_halveJob_RevertWhen_TheArbitrationWindowEndsThisVerySecond() external {
        Job memory job = submitted();
        vm.warp(START + 12 hours);
        dispute(job);
        vm.warp(START + 12 hours + 7 days);
        vm.expectRevert(wrongTime(job, START + 12 hours + 7 days));
        forge.halveJob(job, submission());
    }

    function test_halveJob_RevertWhen_TheSubmissionIsAnother() external {
        Job memory job = disputed();
        vm.warp(START + 7 days + 1);
        vm.expectRevert(wrongSubmission(job));
        forge.halveJob(job, otherSubmission());
    }

    function test_halveJob_WhenTheArbitrationWindowEndedASecondAgo() external {
        Job memory job = disputed();
        vm.warp(START + 7 days + 1);
        expectPaid(job, 47_500_000, 2_500_000);
        expectRefunded(job, 50 * USDT);
        expectResolved(job, stranger, 5000);
        vm.prank(stranger);
        forge.halveJob(job, submission());
        assertPaid(47_500_000, 2_500_000);
        vm.assertEq(forge.creditOf(customer), 50 * USDT);
        assertState(job, Jobs.JobStatus.Resolved, 0, START + 7 days + 1);
    }

    function test_halveJob_WhenTheEscrowIsOneUnit() external {
        Job memory job = disputedAt(1);
        vm.warp(START + 7 days + 1);
        forge.halveJob(job, submission());
        assertPaid(0, 0);
        vm.assertEq(forge.creditOf(customer), 1);
    }

    function test_halveJob_WhenNewMoneyIsStopped() external {
        Job memory job = disputed();
        pause();
        vm.warp(START + 7 days + 1);
        forge.halveJob(job, submission());
        assertPaid(47_500_000, 2_500_000);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Job, Source, Submission} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @dev No token moves after a job was opened, so one stand-in is enough.
contract JobsPayTest is JobsFixture, OnEthereum {
    /// @dev Somebody else than an operator signed this: recovered from other bytes it is nobody.
    function expectNotOperator(Job memory job, bytes32 to, bytes32 result, bytes memory signature) private {
        (bool done, bytes memory reason) = address(forge).call(
            abi.encodeCall(forge.payJob, (job, to, result, signature))
        );
        vm.assertFalse(done);
        vm.assertEq(bytes32(bytes4(reason)), bytes32(Jobs.NotOperator.selector));
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    function attestation(Job memory job) private view returns (bytes memory) {
        return signed(attestationHash(jobIdOf(job), payeeOf(payee), RESULT));
    }

    function expectNotIn(Job memory job, Jobs.JobStatus status) private {
        bytes memory signature = attestation(job);
        vm.expectRevert(notIn(job, status));
        forge.payJob(job, payeeOf(payee), RESULT, signature);
    }

    // payJob

    function test_payJob_RevertWhen_TheJobIsUnknown() external {
        expectNotIn(order(), Jobs.JobStatus.None);
    }

    function test_payJob_RevertWhen_TheJobWasPaid() external {
        Job memory job = open();
        pay(job, payeeOf(payee));
        expectNotIn(job, Jobs.JobStatus.Paid);
        assertPaid(95 * USDT, 5 * USDT);
    }

    function test_payJob_RevertWhen_TheJobWasRefunded() external {
        Job memory job = open();
        refund(job);
        expectNotIn(job, Jobs.JobStatus.Refunded);
    }

    function test_payJob_RevertWhen_TheJobIsDisputed() external {
        expectNotIn(disputed(), Jobs.JobStatus.Disputed);
    }

    function test_payJob_RevertWhen_TheSignatureIsAStrangers() external {
        Job memory job = open();
        bytes memory signature = sign(
            CUSTOMER_KEY,
            domainOf(block.chainid, address(forge)),
            attestationHash(jobIdOf(job), payeeOf(payee), RESULT)
        );
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOperator.selector, customer));
        forge.payJob(job, payeeOf(payee), RESULT, signature);
    }

    function test_payJob_RevertWhen_TheSignatureWasMadeForAnotherChain() external {
        Job memory job = open();
        bytes memory signature = attestation(job);
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        expectNotOperator(job, payeeOf(payee), RESULT, signature);
        vm.chainId(chain);
        forge.payJob(job, payeeOf(payee), RESULT, signature);
    }

    function test_payJob_RevertWhen_TheSignatureWasMadeForAnotherContract() external {
        Job memory job = open();
        address other = address(deploy(address(usdt), admin, operator, treasury, 0));
        bytes memory signature = sign(
            OPERATOR_KEY,
            domainOf(block.chainid, other),
            attestationHash(jobIdOf(job), payeeOf(payee), RESULT)
        );
        expectNotOperator(job, payeeOf(payee), RESULT, signature);
    }

    function test_payJob_RevertWhen_TheSignatureWasMadeForAnotherJob() external {
        Job memory other = order();
        other.salt = 0;
        open(other);
        bytes memory signature = attestation(other);
        expectNotOperator(open(), payeeOf(payee), RESULT, signature);
    }

    function test_payJob_RevertWhen_ThePayeeIsChanged() external {
        Job memory job = open();
        expectNotOperator(job, payeeOf(stranger), RESULT, attestation(job));
    }

    function test_payJob_RevertWhen_TheResultIsChanged() external {
        Job memory job = open();
        expectNotOperator(job, payeeOf(payee), keccak256("other"), attestation(job));
    }

    function test_payJob_RevertWhen_AnAssignmentsSignatureIsBrought() external {
        Job memory job = open();
        bytes memory signature = signed(assignmentHash(assignmentOf(job, payeeOf(payee))));
        expectNotOperator(job, payeeOf(payee), RESULT, signature);
    }

    function expectPayeeRefused(bytes32 to, bytes memory reason) private {
        Job memory job = open();
        bytes memory signature = signed(attestationHash(jobIdOf(job), to, RESULT));
        vm.expectRevert(reason);
        forge.payJob(job, to, RESULT, signature);
    }

    function test_payJob_RevertWhen_ThePayeeIsTheZeroAddress() external {
        expectPayeeRefused(0, abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
    }

    function test_payJob_RevertWhen_ThePayeeIsTheContractItself() external {
        expectPayeeRefused(
            payeeOf(address(forge)),
            abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge))
        );
    }

    function test_payJob_RevertWhen_ThePayeeIsAnUndeclaredSplit() external {
        expectPayeeRefused(idOf(group()), abi.encodeWithSelector(Splits.UndeclaredSplit.selector, idOf(group())));
    }

    function test_payJob_WhenTheJobIsOpenAndAStrangerBringsTheAttestation() external {
        Job memory job = open();
        credit(payee, USDT);
        bytes memory signature = attestation(job);
        vm.warp(START + 7);
        vm.expectEmit(address(forge));
        emit Jobs.JobPaid({
            jobId: jobIdOf(job),
            payee: payeeOf(payee),
            result: RESULT,
            amount: 95 * USDT,
            fee: 5 * USDT,
            payeeTotal: 96 * USDT,
            fees: 5 * USDT
        });
        vm.prank(stranger);
        forge.payJob(job, payeeOf(payee), RESULT, signature);
        assertPaid(96 * USDT, 5 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
        assertState(job, Jobs.JobStatus.Paid, 0, START + 7);
    }

    function test_payJob_WhenTheJobIsSubmitted() external {
        Job memory job = submitted();
        expectPaid(job, 95 * USDT, 5 * USDT);
        pay(job, payeeOf(payee));
        assertState(job, Jobs.JobStatus.Paid, 0, START);
    }

    function test_payJob_WhenThePayeeIsADeclaredSplit() external {
        buy(publish(SALT, group(), 10 * USDT), group(), 10 * USDT);
        Job memory job = open();
        bytes memory signature = signed(attestationHash(jobIdOf(job), idOf(group()), RESULT));
        vm.expectEmit(address(forge));
        emit Jobs.JobPaid({
            jobId: jobIdOf(job),
            payee: idOf(group()),
            result: RESULT,
            amount: 95 * USDT,
            fee: 5 * USDT,
            payeeTotal: 104 * USDT,
            fees: 6 * USDT
        });
        forge.payJob(job, idOf(group()), RESULT, signature);
        vm.assertEq(forge.earnedOf(idOf(group())), 104 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 52 * USDT);
    }

    function test_payJob_WhenTheDeadlinePassedAndNobodyRefunded() external {
        Job memory job = open();
        vm.warp(DEADLINE + 100 days);
        pay(job, payeeOf(payee));
        assertPaid(95 * USDT, 5 * USDT);
    }

    /// @dev Whatever the price, the platform has a twentieth rounded down and the payee has all the rest.
    function testFuzz_payJob_WhenThePriceIsAny(uint64 price) external {
        vm.assume(price > 0);
        usdt.issue(price);
        fund(second, price);
        Job memory job = order();
        job.price = price;
        vm.prank(second);
        forge.openJob(job, Source.Wallet);
        pay(job, payeeOf(payee));
        assertPaid(price - price / 20, price / 20);
        vm.assertEq(usdt.balanceOf(address(forge)), price);
    }

    function test_payJob_WhenNewMoneyIsStopped() external {
        Job memory job = open();
        pause();
        pay(job, payeeOf(payee));
        assertPaid(95 * USDT, 5 * USDT);
    }

    // approveJob

    function approve(Job memory job, Submission memory made) private {
        vm.prank(customer);
        forge.approveJob(job, made);
    }

    function test_approveJob_RevertWhen_TheJobIsUnknown() external {
        vm.expectRevert(notIn(order(), Jobs.JobStatus.None));
        approve(order(), submission());
    }

    function test_approveJob_RevertWhen_TheJobIsOpen() external {
        Job memory job = open();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Open));
        approve(job, submission());
    }

    function test_approveJob_RevertWhen_TheJobWasPaid() external {
        Job memory job = submitted();
        approve(job, submission());
        vm.expectRevert(notIn(job, Jobs.JobStatus.Paid));
        approve(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
    }

    function test_approveJob_RevertWhen_TheCallerIsNotTheClient() external {
        Job memory job = submitted();
        address[4] memory others = [node, payee, operator, admin];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(notParty(job, customer, others[i]));
            forge.approveJob(job, submission());
        }
    }

    function test_approveJob_RevertWhen_TheSubmissionIsAnother() external {
        Job memory job = submitted();
        Submission[3] memory others = [submission(), submission(), submission()];
        others[0].node = stranger;
        others[1].payee = payeeOf(stranger);
        others[2].result = 0;
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(wrongSubmission(job));
            approve(job, others[i]);
        }
    }

    function test_approveJob_WhenTheJobIsSubmitted() external {
        Job memory job = submitted();
        expectPaid(job, 95 * USDT, 5 * USDT);
        approve(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
        assertState(job, Jobs.JobStatus.Paid, 0, START);
    }

    function test_approveJob_WhenTheJobIsDisputed() external {
        Job memory job = disputed();
        vm.warp(START + 365 days);
        approve(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
        assertState(job, Jobs.JobStatus.Paid, 0, START + 365 days);
    }

    function test_approveJob_WhenNewMoneyIsStopped() external {
        Job memory job = submitted();
        pause();
        approve(job, submission());
        assertPaid(95 * USDT, 5 * USDT);
    }
}

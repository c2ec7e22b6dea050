// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Job, Source} from "../solidity/Types.sol";
import {OnEthereum, OnTron} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

abstract contract JobsOpenTest is JobsFixture {
    function expectInvalid(Job memory job) private {
        vm.expectRevert(abi.encodeWithSelector(Jobs.InvalidJob.selector, jobIdOf(job)));
        open(job);
    }

    function expectOpened(Job memory job, address payer) private {
        vm.expectEmit(address(forge));
        emit Jobs.JobOpened({jobId: jobIdOf(job), client: customer, account: USER, payer: payer, job: job});
    }

    function test_openJob_RevertWhen_NewMoneyIsStopped() external {
        credit(customer, 100 * USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        open(order());
        vm.prank(customer);
        vm.expectRevert(Roles.EnforcedPause.selector);
        forge.openJob(order(), Source.Credit);
    }

    function test_openJob_RevertWhen_TheJobWasOpenedBefore() external {
        Job memory job = open();
        vm.expectRevert(notIn(job, Jobs.JobStatus.Open));
        open(job);
        vm.assertEq(usdt.balanceOf(address(forge)), 100 * USDT);
    }

    function test_openJob_RevertWhen_TheJobWasClosedBefore() external {
        Job memory job = open();
        refund(job);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Refunded));
        open(job);
    }

    function test_openJob_RevertWhen_NoAccountIsNamed() external {
        Job memory job = order();
        job.account = 0;
        vm.expectRevert(Models.ZeroAccount.selector);
        open(job);
    }

    function test_openJob_RevertWhen_TheClientIsTheZeroAddress() external {
        Job memory job = order();
        job.client = address(0);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        open(job);
    }

    function test_openJob_RevertWhen_TheClientIsTheContractItself() external {
        Job memory job = order();
        job.client = address(forge);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        open(job);
    }

    function test_openJob_RevertWhen_ThePriceIsZero() external {
        Job memory job = order();
        job.price = 0;
        expectInvalid(job);
    }

    function test_openJob_RevertWhen_TheDeadlineIsThisVerySecond() external {
        Job memory job = order();
        job.deadline = uint40(START);
        expectInvalid(job);
        job.deadline = 0;
        expectInvalid(job);
    }

    function test_openJob_RevertWhen_TheDeadlineIsASecondBeyond30Days() external {
        Job memory job = order();
        job.deadline = uint40(START + 30 days + 1);
        expectInvalid(job);
        job.deadline = type(uint40).max;
        expectInvalid(job);
    }

    function test_openJob_RevertWhen_TheCreditIsOneUnitLess() external {
        credit(customer, 100 * USDT - 1);
        vm.prank(customer);
        vm.expectRevert(
            abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 100 * USDT - 1, 100 * USDT)
        );
        forge.openJob(order(), Source.Credit);
    }

    function test_openJob_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 100 * USDT, 99_810_000, 100 * USDT));
        open(order());
    }

    function test_openJob_WhenTheWalletPays() external {
        uint256 before = usdt.balanceOf(customer);
        Job memory job = order();
        expectOpened(job, customer);
        vm.assertEq(open(job), jobIdOf(job));
        vm.assertEq(before - usdt.balanceOf(customer), 100 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 100 * USDT);
        vm.assertEq(forge.uncollectedFees(), 0);
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    function test_openJob_WhenTheCreditPays() external {
        credit(customer, 101 * USDT);
        uint256 before = usdt.balanceOf(customer);
        Job memory job = order();
        expectOpened(job, customer);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: customer, amount: 100 * USDT, credit: USDT});
        vm.prank(customer);
        vm.assertEq(forge.openJob(job, Source.Credit), jobIdOf(job));
        vm.assertEq(usdt.balanceOf(customer), before);
        vm.assertEq(forge.creditOf(customer), USDT);
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    function test_openJob_WhenAnotherThanTheClientPays() external {
        Job memory job = order();
        expectOpened(job, creator);
        vm.prank(creator);
        forge.openJob(job, Source.Wallet);
        refund(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
        vm.assertEq(forge.creditOf(creator), 0);
    }

    function test_openJob_WhenTheDeadlineIsTheNextSecond() external {
        Job memory job = order();
        job.deadline = uint40(START + 1);
        open(job);
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    function test_openJob_WhenTheDeadlineIsExactly30DaysAway() external {
        Job memory job = order();
        job.deadline = uint40(START + 30 days);
        open(job);
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    function test_openJob_WhenTwoJobsDifferByTheirSaltAlone() external {
        Job memory one = open();
        Job memory two = order();
        two.salt = bytes32(uint256(2));
        open(two);
        refund(one);
        assertState(one, Jobs.JobStatus.Refunded, 0, START);
        assertState(two, Jobs.JobStatus.Open, 100 * USDT, START);
    }

    // what can be read

    function test_jobOf_WhenAJobIsUnknownOpenAndPaid() external {
        assertState(order(), Jobs.JobStatus.None, 0, 0);
        Job memory job = open();
        assertState(job, Jobs.JobStatus.Open, 100 * USDT, START);
        vm.warp(START + 5);
        pay(job, payeeOf(payee));
        assertState(job, Jobs.JobStatus.Paid, 0, START + 5);
    }

    function test_jobIdOf_WhenAnyTermDiffers() external view {
        bytes32 jobId = forge.jobIdOf(order());
        vm.assertEq(jobId, keccak256(abi.encode(order())));
        Job[6] memory others = [order(), order(), order(), order(), order(), order()];
        others[0].client = stranger;
        others[1].account = 0;
        others[2].specification = 0;
        others[3].price = 1;
        others[4].deadline = 1;
        others[5].salt = 0;
        for (uint256 i = 0; i < 6; ++i) {
            vm.assertTrue(forge.jobIdOf(others[i]) != jobId);
        }
    }

    function test_getters_WhenJOBFEEBPSMAXJOBDURATIONCHALLENGEWINDOWAndARBITRATIONWINDOWAreRead() external view {
        vm.assertEq(forge.JOB_FEE_BPS(), 500);
        vm.assertEq(forge.MAX_JOB_DURATION(), 30 days);
        vm.assertEq(forge.CHALLENGE_WINDOW(), 1 days);
        vm.assertEq(forge.ARBITRATION_WINDOW(), 7 days);
    }
}

contract JobsOpenOnEthereumTest is JobsOpenTest, OnEthereum {}

contract JobsOpenOnTronTest is JobsOpenTest, OnTron {}

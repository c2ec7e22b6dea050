// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "../solidity/CreatorPool.sol";
import {Jobs} from "../solidity/Jobs.sol";
import {Usage} from "../solidity/Usage.sol";
import {Assignment, Job, Source, Split, Submission} from "../solidity/Types.sol";
import {Fixture, OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {UsageFixture} from "./UsageFixture.sol";

/// @notice A thief holds the operator's key: what it can take, what never, and how an admin ends it.
contract HostileOperatorTest is JobsFixture, PoolFixture, UsageFixture, OnEthereum {
    address private immutable thief = person("thief");
    Split private loot;

    function setUp() public override(Fixture, PoolFixture, UsageFixture) {
        Fixture.setUp();
        modelId = publish(SALT, group(), USDT);
        deposit(customer, 100 * USDT, CAP);
        fundPool();
        loot = alone(thief);
        forge.declareSplit(loot);
    }

    /// @dev All ADMINs can: revoke the key, refuse its root. Nothing was lost.
    function stopTheThief() private {
        bytes32 role = forge.OPERATOR();
        vm.startPrank(admin);
        forge.vetoRoot();
        forge.revokeRole(role, operator);
        vm.stopPrank();
    }

    function test_stolenPoolKey_WhenAnAdminVetoesWithinTheWindow() external {
        bytes32 root = leafOf(idOf(loot), 700 * USDT);
        post(JANUARY, root, 700 * USDT);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.InvalidProof.selector, idOf(loot), 700 * USDT));
        forge.claimShare(idOf(loot), 700 * USDT, new bytes32[](0));
        stopTheThief();
        vm.warp(START + 3 days);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.InvalidProof.selector, idOf(loot), 700 * USDT));
        forge.claimShare(idOf(loot), 700 * USDT, new bytes32[](0));
        bytes memory refusal = lacks(operator, forge.OPERATOR());
        vm.prank(operator);
        vm.expectRevert(refusal);
        forge.postRoot(JANUARY, root, uint64(700 * USDT), "");
        vm.assertEq(forge.poolFunded() - forge.poolOf().claimed, 700 * USDT);
    }

    /// @dev Nobody woke up for two days: the pool is gone, and nothing but the pool.
    function test_stolenPoolKey_WhenNobodyVetoes() external {
        credit(creator, 50 * USDT);
        activate(JANUARY, leafOf(idOf(loot), 1_000_000 * USDT), 700 * USDT);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.PoolExceeded.selector, 1_000_000 * USDT, 700 * USDT));
        forge.claimShare(idOf(loot), 1_000_000 * USDT, new bytes32[](0));
        activate(JANUARY + 1, leafOf(idOf(loot), 700 * USDT), 700 * USDT);
        vm.prank(thief);
        forge.claimAndDraw(loot, 700 * USDT, new bytes32[](0), thief);
        vm.assertEq(usdt.balanceOf(thief), 700 * USDT);

        vm.expectRevert(abi.encodeWithSelector(CreatorPool.NothingToClaim.selector, idOf(loot), 700 * USDT));
        forge.claimShare(idOf(loot), 700 * USDT, new bytes32[](0));
        forge.collectFees();
        vm.assertEq(forge.creditOf(treasury), 300 * USDT);
        vm.assertEq(forge.creditOf(creator), 50 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 300 * USDT + 50 * USDT + 100 * USDT);
    }

    /// @dev A leaf of 2^256 - 1 neither wraps around nor pays.
    function test_stolenPoolKey_RevertWhen_ALeafOverflows() external {
        activate(JANUARY, leafOf(idOf(loot), type(uint256).max), 700 * USDT);
        vm.expectRevert(abi.encodeWithSelector(CreatorPool.PoolExceeded.selector, type(uint256).max, 700 * USDT));
        forge.claimShare(idOf(loot), type(uint256).max, new bytes32[](0));
        activate(JANUARY + 1, leafOf(idOf(loot), 1), 700 * USDT);
        forge.claimShare(idOf(loot), 1, new bytes32[](0));
        activate(JANUARY + 2, leafOf(idOf(loot), type(uint256).max), 700 * USDT);
        vm.expectRevert();
        forge.claimShare(idOf(loot), type(uint256).max, new bytes32[](0));
        vm.assertEq(forge.poolOf().claimed, 1);
    }

    /// @dev A day's cap a day from those who have a deposit; who leaves is free after the delay.
    function test_stolenUsageKey_WhenItChargesWhatNobodyUsed() external {
        vm.prank(thief);
        modelId = forge.publish(SALT, WEIGHTS, loot, monthly(1), USER, 0, Source.Wallet);
        charge(40 * USDT);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Usage.UsageExceeded.selector, customer, 0, 1));
        forge.settleUsage(2, RECEIPTS, batchOf(customer, 1));
        vm.assertEq(forge.earnedOf(idOf(loot)), 36 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 60 * USDT);

        bytes32 role = forge.OPERATOR();
        vm.prank(admin);
        forge.revokeRole(role, operator);
        leave();
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        vm.assertEq(forge.creditOf(customer), 60 * USDT);
    }

    function test_stolenUsageKey_RevertWhen_ThePayerHasNoDeposit() external {
        credit(creator, 50 * USDT);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Usage.UsageExceeded.selector, creator, 0, 1));
        forge.settleUsage(1, RECEIPTS, batchOf(creator, 1));
    }

    /// @dev Whoever signs that work is done can pay it to a friend: the escrows of jobs that run are what is at stake.
    /// A disputed one is out of its reach, and so is all else.
    function test_stolenJobsKey_WhenItAttestsToItself() external {
        Job memory running = open();
        Job memory doubted = order();
        doubted.salt = "doubted";
        open(doubted);
        submit(doubted, payeeOf(payee));
        dispute(doubted);
        pay(running, payeeOf(thief));
        vm.assertEq(forge.creditOf(thief), 95 * USDT);

        bytes memory signature = signed(attestationHash(jobIdOf(doubted), payeeOf(thief), RESULT));
        vm.expectRevert(notIn(doubted, Jobs.JobStatus.Disputed));
        forge.payJob(doubted, payeeOf(thief), RESULT, signature);
        bytes memory refusal = lacks(operator, forge.ADMIN());
        vm.prank(operator);
        vm.expectRevert(refusal);
        forge.resolveJob(doubted, submission(), 10_000);
    }

    /// @dev What the thief signed is worth nothing once the role is revoked, whoever holds it and whenever it was signed.
    function test_stolenJobsKey_WhenItIsRevokedBeforeTheSignatureIsBrought() external {
        Job memory job = open();
        bytes32 jobId = jobIdOf(job);
        Assignment memory assignment = assignmentOf(job, payeeOf(thief));
        bytes memory assigned = signed(assignmentHash(assignment));
        bytes memory attested = signed(attestationHash(jobId, payeeOf(thief), RESULT));
        bytes32 role = forge.OPERATOR();
        vm.prank(admin);
        forge.revokeRole(role, operator);
        vm.prank(node);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOperator.selector, operator));
        forge.submitJob(job, assignment, assigned, RESULT);
        vm.expectRevert(abi.encodeWithSelector(Jobs.NotOperator.selector, operator));
        forge.payJob(job, payeeOf(thief), RESULT, attested);
        vm.warp(DEADLINE + 1);
        forge.refundJob(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
    }

    /// @dev It can delay a node by a dispute, and has no part in the decision.
    function test_stolenJobsKey_WhenItDisputesEverything() external {
        Job memory job = submitted();
        vm.prank(operator);
        forge.disputeJob(job);
        Submission memory made = submission();
        vm.prank(customer);
        forge.approveJob(job, made);
        assertPaid(95 * USDT, 305 * USDT);
    }
}

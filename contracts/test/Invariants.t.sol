// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "../solidity/CreatorPool.sol";
import {Split} from "../solidity/Types.sol";
import {Usage} from "../solidity/Usage.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {HandlerExits} from "./HandlerExits.sol";
import {HandlerJobs} from "./HandlerJobs.sol";
import {HandlerUsage} from "./HandlerUsage.sol";
import {HandlerWorld} from "./HandlerWorld.sol";

/// @notice What holds after whatever people, operators, admins and attackers did, in any order. On its own:
/// `npx hardhat test solidity contracts/test/Invariants.t.sol contracts/test/Handler.sol`.
/// @dev That they can fail was tried with one mistake at a time in the contract, and 16 to 64 runs instead of 1,024. Each was
/// noticed by the invariant named (and others), or by an honest call that reverted (R) after the books had parted:
/// a fee of one unit more: feesAreExact, solvency. A draw not booked: drawsAreFloors…, solvency. A draw of one unit more:
/// drawsAreFloors…, solvency. A subscription's fee of another size: splitsEarnWhatWasPaid, solvency. Paying from credit
/// for nothing: nobodyLowersAnothersCredit, solvency. withdrawFor to the caller: nothingForbiddenSucceeds. Fees collected
/// twice: feesAreExact, solvency. A new treasury given the old one's fees: R. A claim above the root's total:
/// poolPaysWithin… A month posted twice, a total above what was funded: nothingForbiddenSucceeds, R. A veto that keeps its
/// month: rootsComeInTheOrderOfMonths, R. A claim of an undeclared split: nothingForbiddenSucceeds. The day's cap not
/// asked, a charge after leaving, a lower cap: nothingForbiddenSucceeds. A deposit withdrawn twice:
/// usageChargedWithinTheDeposit, solvency. A batch settled twice: R. An escrow that stays: jobMoneyLeavesOnce. A paid job
/// that stays open: jobMoneyLeavesOnce. A refund before the deadline, anyone's attestation: nothingForbiddenSucceeds, R. A
/// pause that stops releaseJob or withdrawFor: anExitAlwaysExists, aPauseBlocksNoExit. Only admins halve:
/// anExitAlwaysExists. Every model free: theFirstModelIsFreeOnce. A listing that counts from now: listingsLastAsPaid. A
/// stranger who sets a split: nothingForbiddenSucceeds.
abstract contract InvariantsTest is HandlerWorld, HandlerExits {
    /// @dev The last three are heavy: they are checked after every sixteenth call.
    uint256 private constant SAMPLE = 16;

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Everything owed is here, and nothing is here that is not owed or was not given away.
    function invariant_solvency() external view {
        uint256 owed = forge.uncollectedFees() + forge.poolFunded() - forge.poolOf().claimed;
        for (uint256 i = 0; i < people.length; ++i) {
            owed += forge.creditOf(people[i]) + forge.usageDepositOf(people[i]).amount;
        }
        for (uint256 i = 0; i < splits.length; ++i) {
            owed += forge.earnedOf(splitIds[i]);
            for (uint256 j = 0; j < splits[i].members.length; ++j) {
                owed -= forge.drawnOf(splitIds[i], splits[i].members[j]);
            }
        }
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            owed += forge.jobOf(handler.dealIdAt(i)).escrow;
        }
        vm.assertEq(usdt.balanceOf(address(forge)), owed + handler.donated(), "balance = all that is owed + donations");
    }

    /// @dev Nobody's credit is lowered but by who has it: the books lower it for that person's acts alone.
    function invariant_nobodyLowersAnothersCredit() external view {
        for (uint256 i = 0; i < people.length; ++i) {
            uint256 had = handler.gave(people[i]) - handler.took(people[i]);
            vm.assertEq(forge.creditOf(people[i]), had, "credit = given - taken by its owner");
        }
        vm.assertEq(forge.creditOf(address(forge)) + forge.creditOf(address(0)) + forge.creditOf(operator), 0);
    }

    /// @dev No credit comes from nowhere: all credits together are what came in for somebody and did not leave.
    function invariant_creditsSum() external view {
        uint256 sum = 0;
        uint256 given = 0;
        uint256 taken = 0;
        for (uint256 i = 0; i < people.length; ++i) {
            sum += forge.creditOf(people[i]);
            given += handler.gave(people[i]);
            taken += handler.took(people[i]);
        }
        vm.assertEq(sum, given - taken, "credits = given - taken");
    }

    /// @dev A split earns exactly what buyers paid less the platform's part, job by job and purchase by purchase.
    function invariant_splitsEarnWhatWasPaid() external view {
        for (uint256 i = 0; i < splits.length; ++i) {
            vm.assertEq(forge.earnedOf(splitIds[i]), handler.earned(splitIds[i]), "earned");
            vm.assertEq(forge.claimedOf(splitIds[i]), handler.claimed(splitIds[i]), "claimed");
        }
    }

    /// @dev Nobody ever drew more than their floor of the lifetime sum: what a member has drawn or can draw only grows.
    function invariant_drawsAreFloorsOfTheLifetimeSum() external view {
        for (uint256 i = 0; i < splits.length; ++i) {
            uint256 earned = forge.earnedOf(splitIds[i]);
            for (uint256 j = 0; j < splits[i].members.length; ++j) {
                uint256 drawn = forge.drawnOf(splitIds[i], splits[i].members[j]);
                vm.assertEq(drawn, handler.drawn(splitIds[i], splits[i].members[j]), "drawn");
                vm.assertLe(drawn, (earned * splits[i].bps[j]) / 10_000, "drawn <= floor(earned * bps / 10,000)");
            }
        }
    }

    /// @dev If all drew now, at most members - 1 base units would wait in a split: no share is lost to rounding.
    function invariant_dustIsLessThanTheMembers() external view {
        uint256 index = handler.calls() % splits.length;
        Split memory split = splits[index];
        uint256 left = forge.earnedOf(splitIds[index]);
        for (uint256 j = 0; j < split.members.length; ++j) {
            left -= forge.drawnOf(splitIds[index], split.members[j]) + forge.drawableOf(split, split.members[j]);
        }
        vm.assertLe(left, split.members.length - 1, "dust <= members - 1");
    }

    /// @dev The platform gets its shares of what was paid, rounded down once per payment, and nothing else.
    function invariant_feesAreExact() external view {
        vm.assertEq(forge.uncollectedFees(), handler.fees() - handler.collected(), "fees");
        vm.assertEq(forge.treasury(), handler.collector());
        vm.assertEq(forge.poolFunded(), handler.funded(), "pool part of the plans");
    }

    /// @dev Nobody is charged more in a day than they allowed, however the batches are cut.
    function invariant_usageStaysUnderTheDailyCap() external view {
        for (uint256 i = 0; i < people.length; ++i) {
            Usage.UsageDeposit memory deposited = forge.usageDepositOf(people[i]);
            HandlerUsage.Metered memory metered = handler.meteredOf(people[i]);
            vm.assertLe(metered.spent, deposited.dailyCap, "spent in a day <= cap");
            vm.assertEq(deposited.dailyCap, metered.cap, "cap");
            if (deposited.day == metered.day) vm.assertEq(deposited.spent, metered.spent, "spent");
        }
    }

    /// @dev Nobody is charged more than they put in, and what is not charged stays theirs.
    function invariant_usageChargedWithinTheDeposit() external view {
        for (uint256 i = 0; i < people.length; ++i) {
            HandlerUsage.Metered memory metered = handler.meteredOf(people[i]);
            vm.assertLe(metered.allCharged + metered.allWithdrawn, metered.allDeposited, "charged <= deposited");
            vm.assertEq(
                forge.usageDepositOf(people[i]).amount,
                metered.allDeposited - metered.allCharged - metered.allWithdrawn,
                "deposit"
            );
        }
        vm.assertEq(forge.lastUsageBatch(), handler.batches(), "every batch once");
    }

    /// @dev Whatever roots say, the pool pays no more than the total of one of them, which is no more than what was
    /// funded. (That it never pays above the total of the root that pays now is tried by each claim of the handler.)
    function invariant_poolPaysWithinWhatWasFunded() external view {
        CreatorPool.Pool memory pool = forge.poolOf();
        uint256 highest = handler.poolTotal() > handler.highestTotal() ? handler.poolTotal() : handler.highestTotal();
        vm.assertLe(pool.claimed, highest, "claimed <= a root's total");
        vm.assertLe(pool.total, forge.poolFunded(), "total <= funded");
        vm.assertLe(pool.pendingTotal, forge.poolFunded(), "total that waits <= funded");
        vm.assertEq(pool.claimed, handler.poolClaimed(), "claimed");
    }

    /// @dev A root holds all months until its own, so that no month can be posted twice; a veto takes back its month alone.
    function invariant_rootsComeInTheOrderOfMonths() external view {
        CreatorPool.Pool memory pool = forge.poolOf();
        vm.assertEq(pool.month, handler.month(), "month");
        if (pool.activeAt != 0) vm.assertTrue(pool.previousMonth < pool.month, "months only go up");
        else vm.assertTrue(pool.previousMonth <= pool.month, "after a veto they are the same");
    }

    /// @dev What a job holds leaves once: to the node, the platform and the client, and sums to its price.
    function invariant_jobMoneyLeavesOnce() external view {
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            HandlerJobs.Deal memory deal = handler.dealAt(i);
            uint256 left = deal.paid + deal.fee + deal.refunded;
            vm.assertEq(
                forge.jobOf(forge.jobIdOf(deal.job)).escrow + left,
                deal.job.price,
                "escrow + paid + fee + refunded = price"
            );
            vm.assertTrue(forge.jobOf(forge.jobIdOf(deal.job)).status == deal.status, "status");
        }
    }

    /// @dev The first model is free and no other.
    function invariant_theFirstModelIsFreeOnce() external view {
        for (uint256 i = 0; i < people.length; ++i) {
            uint256 published = handler.published(people[i]);
            vm.assertEq(forge.publishFeeOf(people[i]), published == 0 ? 0 : 5 * USDT, "the next fee");
            uint256 free = published == 0 ? 0 : 1;
            vm.assertEq(handler.publishPaid(people[i]), (published - free) * 5 * USDT, "5 USDT for all but the first");
        }
    }

    /// @dev A model is listed as long as somebody paid for, and no longer.
    function invariant_listingsLastAsPaid() external view {
        bytes32 modelId = handler.models(handler.calls() % handler.modelCount());
        (, uint64 paidUntil, bytes32 splitId, ) = forge.modelOf(modelId);
        (, uint256 split, uint256 expected, , ) = handler.listed(modelId);
        vm.assertEq(paidUntil, expected, "paid until");
        vm.assertEq(splitId, splitIds[split]);
    }

    /// @dev What the roles, the signatures and the states forbid never went through, whoever tried.
    function invariant_nothingForbiddenSucceeds() external view {
        string memory breach = handler.breach();
        vm.assertTrue(bytes(breach).length == 0, breach);
    }

    /// @dev Who wants out gets out without anyone's help once the longest time-out passed. What is left is dust, what
    /// nobody shared out of the pool yet, and what nobody owns.
    function invariant_anExitAlwaysExists() external {
        if (handler.calls() % SAMPLE != 0) return;
        leaveInTime(forge, handler);
        uint256 dust = 0;
        for (uint256 i = 0; i < splits.length; ++i) {
            dust += splits[i].members.length - 1;
        }
        uint256 rest = handler.donated() + forge.poolFunded() - forge.poolOf().claimed;
        uint256 balance = usdt.balanceOf(address(forge));
        vm.assertTrue(rest <= balance && balance <= rest + dust, "nothing left but dust");
    }

    /// @dev The same while new money is stopped, for ever: a pause holds nobody's money.
    function invariant_aPauseBlocksNoExit() external {
        if (handler.calls() % SAMPLE != 1) return;
        if (!handler.paused()) pause();
        leaveInTime(forge, handler);
        vm.assertTrue(forge.paused());
    }

    /// @dev What waits for nothing leaves at once, in every state.
    function invariant_creditLeavesAtOnce() external {
        if (handler.calls() % SAMPLE != 2) return;
        leaveNow(forge, handler);
        vm.assertEq(forge.uncollectedFees(), 0);
    }
}

contract InvariantsOnEthereumTest is InvariantsTest, OnEthereum {
    function setUp() public override(HandlerWorld, Fixture) {
        HandlerWorld.setUp();
    }
}

contract InvariantsOnTronTest is InvariantsTest, OnTron {
    function setUp() public override(HandlerWorld, Fixture) {
        HandlerWorld.setUp();
    }
}

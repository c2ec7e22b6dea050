// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout as AIForge} from "../solidity/Checkout.sol";
import {Jobs} from "../solidity/Jobs.sol";
import {Split} from "../solidity/Types.sol";
import {Handler} from "./Handler.sol";
import {HandlerJobs} from "./HandlerJobs.sol";
import {HandlerUsage} from "./HandlerUsage.sol";
import {Test} from "./Vm.sol";

/// @notice Takes every way out there is, as somebody whom nobody gave a role. The runner forgets afterwards.
abstract contract HandlerExits is Test {
    address private immutable outsider = address(0x0DD);

    /// @dev What can leave at once: fees to the treasury's credit, shares to the members', credit to the wallets.
    function leaveNow(AIForge forge, Handler handler) internal {
        vm.startPrank(outsider);
        if (forge.uncollectedFees() != 0) forge.collectFees();
        Split[] memory splits = handler.splits();
        for (uint256 i = 0; i < splits.length; ++i) {
            (uint256 cumulative, bytes32[] memory proof) = handler.leafOf(i);
            uint256 claimed = forge.claimedOf(handler.splitIds(i));
            if (cumulative > claimed && handler.poolClaimed() + cumulative - claimed <= handler.poolTotal()) {
                // A dishonest root promises more than its total: then who comes first is served.
                try forge.claimShare(handler.splitIds(i), cumulative, proof) {} catch {
                    vm.assertTrue(forge.poolOf().claimed > handler.poolClaimed(), "a claim within the total failed");
                }
            }
            for (uint256 j = 0; j < splits[i].members.length; ++j) {
                address member = splits[i].members[j];
                if (forge.drawableOf(splits[i], member) != 0) forge.draw(splits[i], member);
            }
        }
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            address person_ = handler.people(i);
            if (forge.creditOf(person_) == 0) continue;
            forge.withdrawFor(person_);
            vm.assertEq(forge.creditOf(person_), 0, "credit left");
        }
        vm.stopPrank();
    }

    /// @dev Waits for the longest of all time-outs, then ends every job and every deposit.
    function leaveInTime(AIForge forge, Handler handler) internal {
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            if (handler.meteredOf(handler.people(i)).deposit == 0) continue;
            vm.prank(handler.people(i));
            forge.leaveUsage();
        }
        vm.warp(block.timestamp + 30 days + 1);
        vm.startPrank(outsider);
        HandlerJobs.Deal[] memory deals = handler.deals();
        for (uint256 i = 0; i < deals.length; ++i) {
            Jobs.JobStatus status = deals[i].status;
            if (status == Jobs.JobStatus.Open) forge.refundJob(deals[i].job);
            else if (status == Jobs.JobStatus.Submitted) forge.releaseJob(deals[i].job, deals[i].submission);
            else if (status == Jobs.JobStatus.Disputed) forge.halveJob(deals[i].job, deals[i].submission);
            vm.assertEq(forge.jobOf(forge.jobIdOf(deals[i].job)).escrow, 0, "escrow left");
        }
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            address payer = handler.people(i);
            HandlerUsage.Metered memory metered = handler.meteredOf(payer);
            if (metered.deposit == 0 && metered.leaveAt == 0) continue;
            forge.withdrawUsage(payer);
            vm.assertEq(forge.usageDepositOf(payer).amount, 0, "deposit left");
        }
        vm.stopPrank();
        leaveNow(forge, handler);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Assignment, ModelUsage, Source, Split, Terms, UsageRow} from "../solidity/Types.sol";
import {HandlerJobs} from "./HandlerJobs.sol";

/// @notice What must fail whatever happened before, tried at any time by anyone. What succeeds is a breach.
abstract contract HandlerAttacks is HandlerJobs {
    /// @dev What takes a role, by somebody without it; `who` is a person, or the operator at an admin's work.
    function attackRoles(uint256 which, uint256 who) external counted {
        address attacker = who % 4 == 0 ? operator : _someone(who);
        which %= 7;
        if (which == 0) _mustFail(attacker, abi.encodeCall(forge.pause, ()), "pause");
        else if (which == 1) _mustFail(attacker, abi.encodeCall(forge.setTreasury, (attacker)), "setTreasury");
        else if (which == 2) _mustFail(attacker, abi.encodeCall(forge.setPlanPrice, (1, 0)), "setPlanPrice");
        else if (which == 3) _mustFail(attacker, abi.encodeCall(forge.vetoRoot, ()), "vetoRoot");
        else if (which == 4)
            _mustFail(attacker, abi.encodeCall(forge.grantRole, (forge.OPERATOR(), attacker)), "grantRole");
        else if (which == 5)
            _mustFail(
                _someone(who),
                abi.encodeCall(forge.postRoot, (uint16(month + 1), bytes32("root"), uint64(poolClaimed), "")),
                "postRoot"
            );
        else
            _mustFail(
                _someone(who),
                abi.encodeCall(forge.settleUsage, (batches + 1, "receipts", new ModelUsage[](0))),
                "settleUsage"
            );
    }

    /// @dev Taking what is another's, or one's own twice.
    function attackMoney(uint256 which, uint256 who, uint256 more) external counted {
        address attacker = _someone(who);
        which %= 6;
        if (which == 0) {
            uint256 above = gave[attacker] - took[attacker] + _amount(more);
            _mustFail(attacker, abi.encodeCall(forge.withdraw, (attacker, above)), "withdraw more than the credit");
            _mustFail(
                attacker,
                abi.encodeCall(forge.buyPlan, (1, 1 + above / planPrice[1], above * 2, ACCOUNT, Source.Credit)),
                "pay with more than the credit"
            );
        } else if (which == 1) {
            Split memory split = _splits[more % _splits.length];
            if (_draws(more % _splits.length, 0) != 0) {
                vm.prank(split.members[0]);
                forge.drawAndWithdraw(split, attacker);
            }
            _mustFail(attacker, abi.encodeCall(forge.draw, (split, split.members[0])), "draw twice");
            _mustFail(nobody, abi.encodeCall(forge.drawAndWithdraw, (split, nobody)), "draw of a stranger");
        } else if (which == 2) {
            Split memory split = _splits[1];
            split.bps[0] += uint16(bound(more, 1, 1000));
            _mustFail(attacker, abi.encodeCall(forge.declareSplit, (split)), "declare more than the whole");
            _mustFail(attacker, abi.encodeCall(forge.draw, (split, split.members[0])), "draw of other shares");
        } else if (which == 3) {
            address payer = _someone(more);
            uint256 leaveAt = _metered[payer].leaveAt;
            if (leaveAt == 0 || block.timestamp < leaveAt) {
                _mustFail(attacker, abi.encodeCall(forge.withdrawUsage, (payer)), "leave at once");
            }
        } else if (which == 4) {
            if (_metered[attacker].cap == 0) return;
            uint64 lower = uint64(bound(more, 0, _metered[attacker].cap - 1));
            _mustFail(attacker, abi.encodeCall(forge.setUsageCap, (lower)), "lower the cap");
        } else {
            bytes32 modelId = _someModel(more);
            if (attacker == listed[modelId].owner) return;
            _mustFail(attacker, abi.encodeCall(forge.setSplit, (modelId, _splits[0])), "take a model's revenue");
            _mustFail(attacker, abi.encodeCall(forge.setTerms, (modelId, Terms(1, 1, 1, 1))), "change a price");
        }
    }

    /// @dev What a stolen key of the operator's cannot do.
    function attackAsOperator(uint256 which, uint256 more, uint256 who) external counted {
        which %= 5;
        uint64 amount = uint64(_amount(more));
        if (which == 0) {
            uint64 total = uint64(funded + amount);
            _mustFail(
                operator,
                abi.encodeCall(forge.postRoot, (uint16(month + 1), "root", total, "")),
                "promise more than was funded"
            );
        } else if (which == 1) {
            bool waits = pendingUntil != 0 && block.timestamp < pendingUntil;
            uint16 again = uint16(waits ? month + 1 : month - (month == 0 ? 0 : more % 3));
            _mustFail(
                operator,
                abi.encodeCall(forge.postRoot, (again, "root", uint64(poolClaimed), "")),
                "post a month again, or beside a root that waits"
            );
        } else if (which == 2) {
            ModelUsage[] memory usage = new ModelUsage[](1);
            usage[0] = ModelUsage({modelId: _someModel(more), rows: new UsageRow[](1)});
            address payer = _leaver(who);
            usage[0].rows[0] = UsageRow(payer, uint64(_chargeable(payer) + (amount % 2 == 0 ? 1 : amount)));
            _mustFail(operator, abi.encodeCall(forge.settleUsage, (batches + 1, "r", usage)), "charge above the cap");
        } else if (which == 3) {
            uint256 batch = more % 2 == 0 ? batches : batches + 2;
            _mustFail(
                operator,
                abi.encodeCall(forge.settleUsage, (batch, "r", new ModelUsage[](0))),
                "settle a batch twice, or skip one"
            );
        } else {
            _mustFail(operator, abi.encodeCall(forge.withdraw, (operator, amount)), "take as the operator");
        }
    }

    function attackPool(uint256 split, uint256 more, bool hurry) external counted {
        _ripen(hurry);
        split %= 3;
        uint256 cumulative = _active.amounts[split] + _amount(more);
        bytes memory call = abi.encodeCall(
            forge.claimShare,
            (splitIds[split], cumulative, _proof(_active.amounts, split))
        );
        _mustFail(nobody, call, "claim another amount");
        call = abi.encodeCall(forge.claimShare, (UNDECLARED, _active.amounts[3], _proof(_active.amounts, 3)));
        _mustFail(nobody, call, "claim for an undeclared split");
    }

    function attackJobs(uint256 which, uint256 who, uint256 dice) external counted {
        if (_deals.length == 0) return;
        address attacker = _someone(dice);
        Deal storage deal = _deals[who % _deals.length];
        bytes32 jobId = jobIdOf(deal.job);
        bytes memory attestation = signed(attestationHash(jobId, bytes32(uint256(1)), "result"));
        bytes memory pay = abi.encodeCall(forge.payJob, (deal.job, bytes32(uint256(1)), "result", attestation));
        bytes memory refund = abi.encodeCall(forge.refundJob, (deal.job));
        bytes memory release = abi.encodeCall(forge.releaseJob, (deal.job, deal.submission));
        bytes memory halve = abi.encodeCall(forge.halveJob, (deal.job, deal.submission));
        if (deal.status > Jobs.JobStatus.Disputed) {
            _mustFail(nobody, pay, "pay a job twice");
            _mustFail(operator, refund, "refund a job that ended");
            _mustFail(nobody, release, "release a job that ended");
            _mustFail(nobody, halve, "halve a job that ended");
            _mustFail(attacker, abi.encodeCall(forge.openJob, (deal.job, Source.Wallet)), "open a job again");
            return;
        }
        if (deal.status == Jobs.JobStatus.Disputed) _mustFail(nobody, pay, "attest a disputed job");
        if (which % 3 == 0) {
            bytes memory forged = sign(
                CUSTOMER_KEY,
                domainOf(block.chainid, address(forge)),
                attestationHash(jobId, bytes32(uint256(1)), "result")
            );
            pay = abi.encodeCall(forge.payJob, (deal.job, bytes32(uint256(1)), "result", forged));
            _mustFail(attacker, pay, "attest without the role");
        } else if (which % 3 == 1 && attacker != deal.job.client) {
            _mustFail(
                attacker,
                abi.encodeCall(forge.approveJob, (deal.job, deal.submission)),
                "approve for the client"
            );
            _mustFail(attacker, abi.encodeCall(forge.disputeJob, (deal.job)), "dispute for the client");
            bytes memory resolve = abi.encodeCall(forge.resolveJob, (deal.job, deal.submission, 0));
            _mustFail(attacker, resolve, "decide without the role");
        } else {
            if (block.timestamp <= deal.job.deadline) _mustFail(attacker, refund, "refund before the deadline");
            if (block.timestamp <= deal.since + 1 days) _mustFail(attacker, release, "release within the window");
            if (block.timestamp <= deal.since + 7 days) _mustFail(attacker, halve, "halve before the arbiter's time");
            Assignment memory other = Assignment(jobId, nobody, bytes32(uint256(1)), deal.job.deadline);
            bytes memory signature = signed(assignmentHash(other));
            _mustFail(
                attacker,
                abi.encodeCall(forge.submitJob, (deal.job, other, signature, "result")),
                "submit as another node"
            );
        }
    }

    /// @dev Somebody whose deposit is free to go, if there is such a one.
    function _leaver(uint256 dice) private view returns (address payer) {
        for (uint256 i = 0; i < people.length; ++i) {
            payer = people[((dice % people.length) + i) % people.length];
            Metered storage metered = _metered[payer];
            if (metered.deposit != 0 && metered.leaveAt != 0 && block.timestamp >= metered.leaveAt) return payer;
        }
        return _someone(dice);
    }

    function _mustFail(address caller, bytes memory call, string memory what) private {
        vm.prank(caller);
        (bool succeeded, ) = address(forge).call(call);
        if (succeeded) _breach(what);
        ++done["attack"];
    }
}

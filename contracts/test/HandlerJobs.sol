// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Assignment, Job, Submission} from "../solidity/Types.sol";
import {HandlerPermit} from "./HandlerPermit.sol";

/// @notice Jobs through every state, with the operator's real signatures.
abstract contract HandlerJobs is HandlerPermit {
    uint256 private constant MAX_JOBS = 8;

    /// @dev A job as the books know it: what it held left as `paid`, `fee` and `refunded`.
    struct Deal {
        Job job;
        Submission submission;
        Jobs.JobStatus status;
        uint256 since;
        uint256 paid;
        uint256 fee;
        uint256 refunded;
    }

    Deal[] internal _deals;
    uint256 private _opened;

    function deals() external view returns (Deal[] memory) {
        return _deals;
    }

    function dealCount() external view returns (uint256) {
        return _deals.length;
    }

    function dealIdAt(uint256 index) external view returns (bytes32) {
        return jobIdOf(_deals[index].job);
    }

    function dealAt(uint256 index) external view returns (Deal memory) {
        return _deals[index];
    }

    /// @dev Paid from the wallet, from credit, or by the customer's signature; the client may be another than the payer.
    function openJob(uint256 who, uint256 client, uint256 price, uint256 time, uint256 way) external newMoney {
        Job memory job = Job({
            client: _someone(client),
            account: ACCOUNT,
            specification: "specification",
            price: uint64(_amount(price)),
            deadline: uint40(block.timestamp + bound(time, 1 hours, 30 days)),
            salt: bytes32(++_opened)
        });
        uint256 place = _place(who);
        if (place == MAX_JOBS) return;
        if (way % 3 == 2) {
            if (!_permitJob(job)) return;
        } else {
            address payer = _someone(who);
            bool fromCredit = way % 3 == 1;
            if (!_affords(payer, job.price, fromCredit)) return;
            vm.prank(payer);
            forge.openJob(job, _from(fromCredit));
            _paid(payer, job.price, fromCredit);
        }
        if (place == _deals.length) _deals.push();
        delete _deals[place];
        (_deals[place].job, _deals[place].since) = (job, block.timestamp);
        _deals[place].status = Jobs.JobStatus.Open;
        ++done["openJob"];
    }

    function submitJob(uint256 which, uint256 node, uint256 payee) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Open);
        if (!found || block.timestamp > deal.job.deadline) return;
        Assignment memory assignment = Assignment({
            jobId: jobIdOf(deal.job),
            node: _someone(node),
            payee: _payee(payee),
            expiry: deal.job.deadline
        });
        bytes memory signature = signed(assignmentHash(assignment));
        deal.submission = Submission(assignment.node, assignment.payee, bytes32(node));
        _moves(deal, Jobs.JobStatus.Submitted);
        vm.prank(assignment.node);
        forge.submitJob(deal.job, assignment, signature, bytes32(node));
        ++done["submitJob"];
    }

    /// @dev By an attestation, that a stranger brings.
    function payJob(uint256 which, uint256 payee, bool submitted) external counted {
        (bool found, Deal storage deal) = _deal(which, submitted ? Jobs.JobStatus.Submitted : Jobs.JobStatus.Open);
        if (!found) return;
        bytes32 to = _payee(payee);
        bytes memory signature = signed(attestationHash(jobIdOf(deal.job), to, "result"));
        vm.prank(nobody);
        forge.payJob(deal.job, to, "result", signature);
        _pays(deal, Jobs.JobStatus.Paid, to, deal.job.price);
        ++done[submitted ? "paySubmittedJob" : "payOpenJob"];
    }

    function approveJob(uint256 which, bool disputed) external counted {
        (bool found, Deal storage deal) = _deal(which, disputed ? Jobs.JobStatus.Disputed : Jobs.JobStatus.Submitted);
        if (!found) return;
        vm.prank(deal.job.client);
        forge.approveJob(deal.job, deal.submission);
        _pays(deal, Jobs.JobStatus.Paid, deal.submission.payee, deal.job.price);
        ++done[disputed ? "approveDisputedJob" : "approveJob"];
    }

    function releaseJob(uint256 which, bool hurry) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Submitted);
        if (!found || !_passed(deal.since + 1 days, hurry)) return;
        vm.prank(nobody);
        forge.releaseJob(deal.job, deal.submission);
        _pays(deal, Jobs.JobStatus.Paid, deal.submission.payee, deal.job.price);
        ++done["releaseJob"];
    }

    function refundJob(uint256 which, bool byOperator, bool hurry) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Open);
        if (!found || (!byOperator && !_passed(deal.job.deadline, hurry))) return;
        vm.prank(byOperator ? operator : nobody);
        forge.refundJob(deal.job);
        _pays(deal, Jobs.JobStatus.Refunded, 0, 0);
        ++done[byOperator ? "refundJobEarly" : "refundJob"];
    }

    function disputeJob(uint256 which, bool byOperator) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Submitted);
        if (!found || block.timestamp > deal.since + 1 days) return;
        vm.prank(byOperator ? operator : deal.job.client);
        forge.disputeJob(deal.job);
        _moves(deal, Jobs.JobStatus.Disputed);
        ++done["disputeJob"];
    }

    function resolveJob(uint256 which, uint256 bps) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Disputed);
        if (!found) return;
        bps = bps % 4 == 0 ? (bps % 8) * 2500 : bound(bps, 0, 10_000);
        vm.prank(admin);
        forge.resolveJob(deal.job, deal.submission, bps);
        _pays(deal, Jobs.JobStatus.Resolved, deal.submission.payee, (deal.job.price * bps) / 10_000);
        ++done["resolveJob"];
    }

    function halveJob(uint256 which, bool hurry) external counted {
        (bool found, Deal storage deal) = _deal(which, Jobs.JobStatus.Disputed);
        if (!found || !_passed(deal.since + 7 days, hurry)) return;
        vm.prank(nobody);
        forge.halveJob(deal.job, deal.submission);
        _pays(deal, Jobs.JobStatus.Resolved, deal.submission.payee, deal.job.price / 2);
        ++done["halveJob"];
    }

    /// @dev An address or a split.
    function _payee(uint256 dice) internal view returns (bytes32) {
        if (dice % 2 == 0) return bytes32(uint256(uint160(_someone(dice / 2))));
        return splitIds[(dice / 2) % splitIds.length];
    }

    /// @dev A job in a state, if there is one.
    function _deal(uint256 which, Jobs.JobStatus status) internal view returns (bool found, Deal storage deal) {
        deal = _deals[0];
        for (uint256 i = 0; i < _deals.length; ++i) {
            deal = _deals[((which % _deals.length) + i) % _deals.length];
            if (deal.status == status) return (true, deal);
        }
    }

    function _passed(uint256 time, bool hurry) private returns (bool) {
        if (hurry && block.timestamp <= time) vm.warp(time + 1);
        return block.timestamp > time;
    }

    function _moves(Deal storage deal, Jobs.JobStatus status) private {
        (deal.status, deal.since) = (status, block.timestamp);
    }

    /// @dev Books that a job ended with `gross` for the node's side, the fee in it, and the rest for the client.
    function _pays(Deal storage deal, Jobs.JobStatus status, bytes32 payee, uint256 gross) private {
        deal.paid = _charge(gross, 500);
        deal.fee = gross - deal.paid;
        deal.refunded = deal.job.price - gross;
        if (uint256(payee) >> 160 != 0) earned[payee] += deal.paid;
        else if (gross != 0) gave[address(uint160(uint256(payee)))] += deal.paid;
        gave[deal.job.client] += deal.refunded;
        _moves(deal, status);
    }

    /// @dev Where the next job is kept: in a free place, or in that of one that ended and was checked.
    function _place(uint256 dice) private view returns (uint256 place) {
        if (_deals.length < MAX_JOBS) return _deals.length;
        for (uint256 i = 0; i < MAX_JOBS; ++i) {
            place = ((dice % MAX_JOBS) + i) % MAX_JOBS;
            if (_deals[place].status > Jobs.JobStatus.Disputed) return place;
        }
        return MAX_JOBS;
    }
}

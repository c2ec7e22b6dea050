// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Shares} from "./Shares.sol";
import {Assignment, Job, Source, Submission} from "./Types.sol";
import {Usage} from "./Usage.sol";

/// @notice Jobs: funded before they run, paid when done, and never held for ever.
/// @dev Open → Submitted → Paid, Refunded, or Disputed → Resolved. Every state that holds money has an exit that anyone
/// can take in time: an open job is refunded after its deadline, a submitted one is paid after the challenge window, and
/// a dispute that no admin decides is halved after the arbitration window.
abstract contract Jobs is Usage {
    /// @notice The platform's part of what a node is paid, in basis points. Rounded down; the rest is the payee's.
    uint256 public constant JOB_FEE_BPS = 500;
    /// @notice The longest that a job may wait for a result, in seconds.
    uint256 public constant MAX_JOB_DURATION = 30 days;
    /// @notice How long a submitted result can be disputed, in seconds.
    uint256 public constant CHALLENGE_WINDOW = 1 days;
    /// @notice How long an admin has to decide a dispute, in seconds.
    uint256 public constant ARBITRATION_WINDOW = 7 days;

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant ASSIGNMENT_TYPEHASH = keccak256(
        "Assignment(bytes32 jobId,address node,bytes32 payee,uint40 expiry)"
    );
    bytes32 private constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 jobId,bytes32 payee,bytes32 result)"
    );

    /// @notice Where a job stands.
    enum JobStatus {
        None,
        Open,
        Submitted,
        Disputed,
        Paid,
        Refunded,
        Resolved
    }

    /// @dev One slot: what is held, and since when (Unix seconds) in which state.
    struct JobState {
        uint64 escrow;
        uint40 since;
        JobStatus status;
    }

    mapping(bytes32 jobId => JobState state) private _jobs;
    mapping(bytes32 jobId => bytes32 submissionHash) private _submissions;

    /// @notice `payer` funded a job.
    event JobOpened(bytes32 indexed jobId, address indexed client, bytes32 indexed account, address payer, Job job);
    /// @notice `node` submitted a result; `payee` is paid for it unless it is disputed in time.
    event JobSubmitted(bytes32 indexed jobId, address indexed node, bytes32 indexed payee, bytes32 result);
    /// @notice `by` doubts the result; an admin decides.
    event JobDisputed(bytes32 indexed jobId, address indexed by);
    /// @notice `amount` went to `payee`, whose credit or lifetime revenue is now `payeeTotal`, and `fee` to the platform.
    event JobPaid(
        bytes32 indexed jobId,
        bytes32 indexed payee,
        bytes32 result,
        uint256 amount,
        uint256 fee,
        uint256 payeeTotal,
        uint256 fees
    );
    /// @notice `amount` went back to the client, whose credit is now `credit`.
    event JobRefunded(bytes32 indexed jobId, address indexed client, uint256 amount, uint256 credit);
    /// @notice A dispute ended: the node's side got `nodeBps` of the escrow, decided by an admin or by time.
    event JobResolved(bytes32 indexed jobId, address indexed by, uint256 nodeBps);

    /// @notice The job is in another state than this needs.
    error JobNotIn(bytes32 jobId, JobStatus status);
    /// @notice A job without a price, or with a deadline that passed or is too far.
    error InvalidJob(bytes32 jobId);
    /// @notice It is too early for this, or too late: the time that counts is `limit`.
    error WrongTime(bytes32 jobId, uint256 limit);
    /// @notice Only `expected` may do this.
    error NotParty(bytes32 jobId, address expected, address caller);
    /// @notice The signature is not an operator's.
    error NotOperator(address signer);
    /// @notice The assignment is of another job.
    error WrongAssignment(bytes32 jobId, bytes32 assigned);
    /// @notice Another submission than the one that was made.
    error WrongSubmission(bytes32 jobId);
    /// @notice A share above the whole.
    error ShareOutOfRange(uint256 bps);

    /// @notice Funds a job. The caller pays; the client named in it is the one who approves, disputes and is refunded.
    function openJob(Job calldata job, Source source) external whenNotPaused returns (bytes32 jobId) {
        jobId = _requireNewJob(job);
        // Before the token is called: a token that called back could have the same job paid twice and held once.
        _openJob(msg.sender, job, jobId);
        _collect(source, job.price);
    }

    /// @notice Submits a result, as the assigned node.
    /// @param signature An operator's, over the assignment.
    function submitJob(
        Job calldata job,
        Assignment calldata assignment,
        bytes calldata signature,
        bytes32 result
    ) external {
        bytes32 jobId = _requireJob(job, JobStatus.Open);
        if (assignment.jobId != jobId) revert WrongAssignment(jobId, assignment.jobId);
        if (assignment.node != msg.sender) revert NotParty(jobId, assignment.node, msg.sender);
        uint256 latest = assignment.expiry < job.deadline ? assignment.expiry : job.deadline;
        if (block.timestamp > latest) revert WrongTime(jobId, latest);
        _requireOperator(
            keccak256(abi.encode(ASSIGNMENT_TYPEHASH, jobId, assignment.node, assignment.payee, assignment.expiry)),
            signature
        );
        // Whoever could not be paid would hold the escrow.
        if (_isSplit(assignment.payee)) _requireDeclared(assignment.payee);
        else _requirePayable(_addressOf(assignment.payee));

        _setStatus(jobId, JobStatus.Submitted);
        _submissions[jobId] = keccak256(
            abi.encode(Submission({node: msg.sender, payee: assignment.payee, result: result}))
        );
        emit JobSubmitted({jobId: jobId, node: msg.sender, payee: assignment.payee, result: result});
    }

    /// @notice Pays at once on an operator's word that the result is good. Anyone may bring it.
    /// @param payee Who is paid: an address or a declared split.
    /// @param result Hash of the outcome.
    /// @param signature An operator's, over the attestation.
    function payJob(Job calldata job, bytes32 payee, bytes32 result, bytes calldata signature) external {
        bytes32 jobId = jobIdOf(job);
        JobStatus status = _jobs[jobId].status;
        if (status != JobStatus.Open && status != JobStatus.Submitted) revert JobNotIn(jobId, status);
        _requireOperator(keccak256(abi.encode(ATTESTATION_TYPEHASH, jobId, payee, result)), signature);
        _payJob(jobId, payee, result, _close(jobId, JobStatus.Paid));
    }

    /// @notice Pays at once on the client's word, disputed or not.
    function approveJob(Job calldata job, Submission calldata submission) external {
        bytes32 jobId = jobIdOf(job);
        JobStatus status = _jobs[jobId].status;
        if (status != JobStatus.Submitted && status != JobStatus.Disputed) revert JobNotIn(jobId, status);
        if (msg.sender != job.client) revert NotParty(jobId, job.client, msg.sender);
        _requireSubmission(jobId, submission);
        _payJob(jobId, submission.payee, submission.result, _close(jobId, JobStatus.Paid));
    }

    /// @notice Pays a result that nobody disputed in time. Anyone may call it.
    function releaseJob(Job calldata job, Submission calldata submission) external {
        bytes32 jobId = _requireJob(job, JobStatus.Submitted);
        _requirePassed(jobId, _jobs[jobId].since + CHALLENGE_WINDOW);
        _requireSubmission(jobId, submission);
        _payJob(jobId, submission.payee, submission.result, _close(jobId, JobStatus.Paid));
    }

    /// @notice Refunds a job without a result: anyone after its deadline, an operator before.
    function refundJob(Job calldata job) external {
        bytes32 jobId = _requireJob(job, JobStatus.Open);
        if (!hasRole(OPERATOR, msg.sender)) _requirePassed(jobId, job.deadline);
        _refundJob(jobId, job.client, _close(jobId, JobStatus.Refunded));
    }

    /// @notice Stops the payment of a result, as the client or an operator, within the challenge window.
    function disputeJob(Job calldata job) external {
        bytes32 jobId = _requireJob(job, JobStatus.Submitted);
        if (msg.sender != job.client && !hasRole(OPERATOR, msg.sender)) {
            revert NotParty(jobId, job.client, msg.sender);
        }
        uint256 latest = _jobs[jobId].since + CHALLENGE_WINDOW;
        if (block.timestamp > latest) revert WrongTime(jobId, latest);
        _setStatus(jobId, JobStatus.Disputed);
        emit JobDisputed(jobId, msg.sender);
    }

    /// @notice Decides a dispute.
    /// @param nodeBps The node's part of the escrow, in basis points, out of which the fee is paid; the rest is refunded.
    function resolveJob(Job calldata job, Submission calldata submission, uint256 nodeBps) external onlyRole(ADMIN) {
        bytes32 jobId = _requireJob(job, JobStatus.Disputed);
        if (nodeBps > Shares.WHOLE) revert ShareOutOfRange(nodeBps);
        _resolveJob(jobId, job.client, submission, nodeBps);
    }

    /// @notice Halves a dispute that no admin decided in time. Anyone may call it.
    function halveJob(Job calldata job, Submission calldata submission) external {
        bytes32 jobId = _requireJob(job, JobStatus.Disputed);
        _requirePassed(jobId, _jobs[jobId].since + ARBITRATION_WINDOW);
        _resolveJob(jobId, job.client, submission, Shares.WHOLE / 2);
    }

    /// @notice What a job holds in micro-USDT, and since when in which state.
    function jobOf(bytes32 jobId) external view returns (JobState memory) {
        return _jobs[jobId];
    }

    /// @notice The name of a job.
    function jobIdOf(Job calldata job) public pure returns (bytes32) {
        return keccak256(abi.encode(job));
    }

    /// @dev The job's id, if it can be opened.
    function _requireNewJob(Job calldata job) internal view returns (bytes32 jobId) {
        jobId = jobIdOf(job);
        JobStatus status = _jobs[jobId].status;
        if (status != JobStatus.None) revert JobNotIn(jobId, status);
        if (job.account == 0) revert ZeroAccount();
        _requirePayable(job.client);
        if (job.price == 0 || job.deadline <= block.timestamp || job.deadline > block.timestamp + MAX_JOB_DURATION)
            revert InvalidJob(jobId);
    }

    function _openJob(address payer, Job calldata job, bytes32 jobId) internal {
        _jobs[jobId] = JobState({escrow: job.price, since: uint40(block.timestamp), status: JobStatus.Open});
        emit JobOpened({jobId: jobId, client: job.client, account: job.account, payer: payer, job: job});
    }

    /// @dev Empties the escrow of a job for good and returns what it held.
    function _close(bytes32 jobId, JobStatus status) private returns (uint256 escrow) {
        escrow = _jobs[jobId].escrow;
        _jobs[jobId] = JobState({escrow: 0, since: uint40(block.timestamp), status: status});
    }

    function _setStatus(bytes32 jobId, JobStatus status) private {
        _jobs[jobId].since = uint40(block.timestamp);
        _jobs[jobId].status = status;
    }

    function _payJob(bytes32 jobId, bytes32 payee, bytes32 result, uint256 price) private {
        uint256 fee = Shares.part(price, JOB_FEE_BPS);
        uint256 amount = price - fee;
        emit JobPaid({
            jobId: jobId,
            payee: payee,
            result: result,
            amount: amount,
            fee: fee,
            payeeTotal: _pay(payee, amount),
            fees: _charge(fee)
        });
    }

    function _refundJob(bytes32 jobId, address client, uint256 amount) private {
        emit JobRefunded({jobId: jobId, client: client, amount: amount, credit: _credit(client, amount)});
    }

    function _resolveJob(bytes32 jobId, address client, Submission calldata submission, uint256 nodeBps) private {
        _requireSubmission(jobId, submission);
        uint256 escrow = _close(jobId, JobStatus.Resolved);
        uint256 paid = Shares.part(escrow, nodeBps);
        if (paid != 0) _payJob(jobId, submission.payee, submission.result, paid);
        if (paid != escrow) _refundJob(jobId, client, escrow - paid);
        emit JobResolved(jobId, msg.sender, nodeBps);
    }

    /// @dev Gives `amount` to an address or a split and returns its new total.
    function _pay(bytes32 payee, uint256 amount) private returns (uint256) {
        if (_isSplit(payee)) return _earn(payee, amount);
        _requirePayable(_addressOf(payee));
        return _credit(_addressOf(payee), amount);
    }

    function _requireJob(Job calldata job, JobStatus expected) private view returns (bytes32 jobId) {
        jobId = jobIdOf(job);
        JobStatus status = _jobs[jobId].status;
        if (status != expected) revert JobNotIn(jobId, status);
    }

    function _requirePassed(bytes32 jobId, uint256 time) private view {
        if (block.timestamp <= time) revert WrongTime(jobId, time);
    }

    function _requireSubmission(bytes32 jobId, Submission calldata submission) private view {
        if (_submissions[jobId] != keccak256(abi.encode(submission))) revert WrongSubmission(jobId);
    }

    /// @dev EIP-712 in the domain of this contract on this chain: a signature counts nowhere else.
    function _requireOperator(bytes32 structHash, bytes calldata signature) private view {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("AIForge"), keccak256("1"), block.chainid, address(this))
        );
        address signer = ECDSA.recoverCalldata(MessageHashUtils.toTypedDataHash(domain, structHash), signature);
        if (!hasRole(OPERATOR, signer)) revert NotOperator(signer);
    }

    /// @dev A split's id is a hash: that its upper 96 bits are zero is as likely as guessing a key.
    function _isSplit(bytes32 payee) private pure returns (bool) {
        return uint256(payee) >> 160 != 0;
    }

    function _addressOf(bytes32 payee) private pure returns (address) {
        return address(uint160(uint256(payee)));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Who shares a stream of revenue, and in what proportion. Only its hash is stored; callers pass it whole.
/// @dev Shares sum to exactly 10,000; 1 to 100 members; no zero address, no zero share, nobody twice.
/// @param members The addresses that draw.
/// @param bps The share of each member, in basis points, in the order of `members`.
struct Split {
    address[] members;
    uint16[] bps;
}

/// @notice What a model is offered for. Zero means not offered.
/// @param month API subscription, micro-USDT per 30 days.
/// @param sale Licence to the weights, micro-USDT.
/// @param input Metered use, micro-USDT per million tokens in.
/// @param output Metered use, micro-USDT per million tokens out.
struct Terms {
    uint64 month;
    uint64 sale;
    uint64 input;
    uint64 output;
}

/// @notice Where a payment comes from: the caller's wallet by allowance, or the caller's own credit.
enum Source {
    Wallet,
    Credit
}

/// @notice A purchase by a Permit2 signature: what a wallet shows before it signs. See `Checkout`.
/// @param kind "plan", "subscription", "license", "listing", "job" or "usage".
/// @param item The plan's number, the model, or the job.
/// @param account The platform account that is entitled.
/// @param months How many periods of 30 days; for usage the most to be charged in a day, in micro-USDT; else 0.
/// @param maxPrice The most that is paid, in micro-USDT.
/// @param splitId The split that the payer was shown, or 0 where none earns at once.
struct Purchase {
    string kind;
    bytes32 item;
    bytes32 account;
    uint256 months;
    uint256 maxPrice;
    bytes32 splitId;
}

/// @notice A Permit2 signature over a `Purchase`.
/// @param payer Who signed, and pays.
/// @param nonce Permit2's, unordered.
/// @param deadline Unix seconds; the signature is void after it.
/// @param signature Of Permit2's `PermitWitnessTransferFrom`, for this contract as the spender.
struct Permit {
    address payer;
    uint256 nonce;
    uint256 deadline;
    bytes signature;
}

/// @notice A job's terms. Only their hash is stored; callers pass them whole.
/// @param client Who approves, disputes and is refunded.
/// @param account The platform account that ordered.
/// @param specification Hash of what is to be done: image, command, inputs, limits.
/// @param price What is paid for it, in micro-USDT, the platform's fee included.
/// @param deadline Unix seconds; without a result by then the client is refunded.
/// @param salt Makes two equal orders two jobs.
struct Job {
    address client;
    bytes32 account;
    bytes32 specification;
    uint64 price;
    uint40 deadline;
    bytes32 salt;
}

/// @notice The operator's word on who does a job (EIP-712).
/// @param jobId The job.
/// @param node Who may submit a result.
/// @param payee Who is paid: an address (its upper 96 bits zero), or a declared split.
/// @param expiry Unix seconds; a result submitted later is refused.
struct Assignment {
    bytes32 jobId;
    address node;
    bytes32 payee;
    uint40 expiry;
}

/// @notice What a node submitted. Only its hash is stored; callers pass it whole.
/// @param node Who submitted.
/// @param payee Who is paid: an address or a declared split.
/// @param result Hash of the outcome.
struct Submission {
    address node;
    bytes32 payee;
    bytes32 result;
}

/// @notice What one payer used of a model, in micro-USDT.
struct UsageRow {
    address payer;
    uint64 amount;
}

/// @notice What was used of one model since the last batch, payer by payer.
struct ModelUsage {
    bytes32 modelId;
    UsageRow[] rows;
}

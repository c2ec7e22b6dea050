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

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The arithmetic of every share: of a fee, and of a member.
/// @dev Nothing else divides money. What is left over by rounding down stays where it is.
library Shares {
    /// @notice The whole, in basis points.
    uint256 internal constant WHOLE = 10_000;

    /// @notice floor(amount * bps / 10,000). Reverts where the product does not fit 256 bits.
    function part(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return (amount * bps) / WHOLE;
    }
}

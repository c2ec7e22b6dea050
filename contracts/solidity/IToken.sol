// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The part of USDT that is relied on.
/// @dev `transfer` and `transferFrom` declare no result on purpose: USDT returns nothing on Ethereum, and `false` on
/// success on Tron, so whatever comes back is ignored and the balance is measured instead. A revert still bubbles up.
interface IToken {
    /// @notice Moves the caller's tokens.
    function transfer(address to, uint256 amount) external;

    /// @notice Moves tokens that `from` allowed the caller to move.
    function transferFrom(address from, address to, uint256 amount) external;

    /// @notice What `account` holds, in base units.
    function balanceOf(address account) external view returns (uint256);

    /// @notice How many digits of a base amount are behind the point.
    function decimals() external view returns (uint256);
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// @notice Who may do what, where the platform's fees go, and the switch that stops new money.
/// @dev Nobody here can move another's credit: ADMIN pauses and names the treasury, OPERATOR signs and posts.
abstract contract Roles is AccessControlDefaultAdminRules {
    /// @notice The wallets that the platform's admin pages accept.
    bytes32 public constant ADMIN = keccak256("ADMIN");
    /// @notice The hot key of the platform's server. It can sign and post, never take.
    bytes32 public constant OPERATOR = keccak256("OPERATOR");

    /// @dev Every purchase reads all three, so they share a slot. `fees` is what the treasury has not been credited
    /// with yet, in micro-USDT; see `Ledger`.
    struct Platform {
        address treasury;
        bool paused;
        uint88 fees;
    }

    Platform internal _platform;

    /// @notice New money was stopped.
    event Paused(address account);
    /// @notice New money is let in again.
    event Unpaused(address account);
    /// @notice The platform's fees are collected for `treasury` from now on.
    event TreasurySet(address indexed treasury);

    /// @notice New money is stopped.
    error EnforcedPause();
    /// @notice New money is not stopped.
    error ExpectedPause();
    /// @notice What is credited or sent to this address could never be withdrawn.
    error InvalidAddress(address account);

    /// @dev Stops new money only: no way out may ever carry this modifier.
    modifier whenNotPaused() {
        if (_platform.paused) revert EnforcedPause();
        _;
    }

    /// @notice Grants the first roles and names the treasury.
    /// @param admin Default admin (it grants and revokes roles) and the first ADMIN.
    /// @param operator The first OPERATOR.
    /// @param treasury_ Who is credited with the platform's fees.
    /// @param adminDelay Seconds between naming a new default admin and its acceptance.
    constructor(
        address admin,
        address operator,
        address treasury_,
        uint48 adminDelay
    ) AccessControlDefaultAdminRules(adminDelay, admin) {
        if (operator == address(0)) revert InvalidAddress(operator);
        _grantRole(ADMIN, admin);
        _grantRole(OPERATOR, operator);
        // A stolen operator's key is revoked by whichever admin is awake.
        _setRoleAdmin(OPERATOR, ADMIN);
        _setTreasury(treasury_);
    }

    /// @notice Stops deposits, publishing, listing and purchases. Withdrawing and drawing go on.
    function pause() external onlyRole(ADMIN) whenNotPaused {
        _platform.paused = true;
        emit Paused(msg.sender);
    }

    /// @notice Lets new money in again.
    function unpause() external onlyRole(ADMIN) {
        if (!_platform.paused) revert ExpectedPause();
        _platform.paused = false;
        emit Unpaused(msg.sender);
    }

    /// @notice Whether new money is stopped.
    function paused() external view returns (bool) {
        return _platform.paused;
    }

    /// @notice Who the platform's fees are collected for.
    function treasury() external view returns (address) {
        return _platform.treasury;
    }

    function _setTreasury(address treasury_) internal {
        _requirePayable(treasury_);
        _platform.treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    /// @dev Credit of the zero address or of this contract could never be withdrawn.
    function _requirePayable(address account) internal view {
        if (account == address(0) || account == address(this)) revert InvalidAddress(account);
    }
}

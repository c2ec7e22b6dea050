// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "./Ledger.sol";
import {Roles} from "./Roles.sol";
import {Services} from "./Services.sol";

/// @title AIForge: a marketplace for AI models in which every USDT flows through one contract.
/// @notice Immutable and without a proxy. Roles ← Ledger ← Splits ← Models ← Services, read in that order.
contract AIForge is Services {
    /// @notice Deploys the marketplace over a token, for ever.
    /// @param token USDT: a contract with 6 decimals.
    /// @param admin Default admin and first ADMIN.
    /// @param operator First OPERATOR.
    /// @param treasury Who is credited with the platform's fees.
    /// @param adminDelay Seconds between naming a new default admin and its acceptance.
    constructor(
        address token,
        address admin,
        address operator,
        address treasury,
        uint48 adminDelay
    ) Roles(admin, operator, treasury, adminDelay) Ledger(token) {}
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout} from "./Checkout.sol";
import {Ledger} from "./Ledger.sol";
import {Roles} from "./Roles.sol";

/// @title AIForge: a marketplace for AI models and compute in which every USDT flows through one contract.
/// @notice Immutable and without a proxy. Roles ← Ledger ← Splits ← Models ← Services ← Sales ← Plans ← CreatorPool ←
/// Usage ← Jobs ← Checkout, read in that order.
contract AIForge is Checkout {
    /// @notice Deploys the marketplace over a token, for ever.
    /// @param token USDT: a contract with 6 decimals.
    /// @param permit2 Uniswap's Permit2 on this chain, or zero where there is none.
    /// @param admin Default admin and first ADMIN.
    /// @param operator First OPERATOR.
    /// @param treasury Who the platform's fees are collected for.
    /// @param adminDelay Seconds between naming a new default admin and its acceptance.
    constructor(
        address token,
        address permit2,
        address admin,
        address operator,
        address treasury,
        uint48 adminDelay
    ) Roles(admin, operator, treasury, adminDelay) Ledger(token, permit2) {}
}

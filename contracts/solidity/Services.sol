// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Models} from "./Models.sol";
import {Source} from "./Types.sol";

/// @notice API subscriptions to a model, by the month.
/// @dev Who is subscribed until when is not stored: the event says what was bought, and readers add it up.
abstract contract Services is Models {
    /// @notice The platform's part of an API subscription, in basis points. Rounded down; the rest is the split's.
    uint256 public constant SERVICE_FEE_BPS = 1000;

    /// @notice `payer` bought `months` of a model for `account`: `fee` for the platform, the rest for the split. The new
    /// totals of both are `treasuryCredit` and `splitEarned`.
    event ServicePurchased(
        bytes32 indexed modelId,
        bytes32 indexed account,
        address indexed payer,
        uint256 months,
        uint256 price,
        uint256 fee,
        bytes32 splitId,
        uint256 splitEarned,
        address treasury,
        uint256 treasuryCredit
    );

    /// @notice The model has no price by the month.
    error NotOffered(bytes32 modelId);
    /// @notice The price is more than the caller agreed to.
    error PriceAboveMax(uint256 price, uint256 maxPrice);
    /// @notice Another split earns than the one the caller was shown.
    error SplitChanged(bytes32 current, bytes32 shown);

    /// @notice Buys `months` of API subscription to a model for an account.
    /// @param modelId The model.
    /// @param months 1 to 120 periods of 30 days.
    /// @param maxPrice The most the caller agrees to pay for all of them, in micro-USDT.
    /// @param splitId The split that the caller was shown; another one reverts.
    /// @param account The platform account that is entitled, whoever pays.
    /// @param source Where the price comes from.
    function subscribe(
        bytes32 modelId,
        uint256 months,
        uint256 maxPrice,
        bytes32 splitId,
        bytes32 account,
        Source source
    ) external whenNotPaused {
        if (account == 0) revert ZeroAccount();
        _requireMonths(months);
        Model storage model = _listedModel(modelId);
        if (model.splitId != splitId) revert SplitChanged(model.splitId, splitId);
        uint256 price = months * model.month;
        if (price == 0) revert NotOffered(modelId);
        if (price > maxPrice) revert PriceAboveMax(price, maxPrice);

        _collect(source, price);
        uint256 fee = (price * SERVICE_FEE_BPS) / BPS;
        address platform = treasury();
        emit ServicePurchased({
            modelId: modelId,
            account: account,
            payer: msg.sender,
            months: months,
            price: price,
            fee: fee,
            splitId: splitId,
            splitEarned: _earn(splitId, price - fee),
            treasury: platform,
            treasuryCredit: _credit(platform, fee)
        });
    }
}

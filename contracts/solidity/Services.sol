// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Models} from "./Models.sol";
import {Shares} from "./Shares.sol";
import {Source} from "./Types.sol";

/// @notice API subscriptions to a model, by the month.
/// @dev Who is subscribed until when is not stored: the event says what was bought, and readers add it up.
abstract contract Services is Models {
    /// @notice The platform's part of an API subscription, in basis points. Rounded down; the rest is the split's.
    uint256 public constant SERVICE_FEE_BPS = 1000;

    /// @notice `payer` bought `months` of a model for `account`: `fee` for the platform, the rest for the split. The new
    /// totals of both are `fees` (not collected yet) and `splitEarned`.
    event ServicePurchased(
        bytes32 indexed modelId,
        bytes32 indexed account,
        address indexed payer,
        uint256 months,
        uint256 price,
        uint256 fee,
        bytes32 splitId,
        uint256 splitEarned,
        uint256 fees
    );

    /// @notice The model has no price for this.
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
        uint256 price = _servicePrice(modelId, months, maxPrice, splitId, account);
        _collect(source, price);
        _subscribe(msg.sender, modelId, months, price, splitId, account);
    }

    /// @dev What a subscription costs, if it can be bought on these conditions.
    function _servicePrice(
        bytes32 modelId,
        uint256 months,
        uint256 maxPrice,
        bytes32 splitId,
        bytes32 account
    ) internal view returns (uint256 price) {
        if (account == 0) revert ZeroAccount();
        _requireMonths(months);
        Model storage model = _offeredModel(modelId, splitId);
        price = months * model.month;
        _requirePrice(modelId, price, maxPrice);
    }

    function _subscribe(
        address payer,
        bytes32 modelId,
        uint256 months,
        uint256 price,
        bytes32 splitId,
        bytes32 account
    ) internal {
        uint256 fee = Shares.part(price, SERVICE_FEE_BPS);
        emit ServicePurchased({
            modelId: modelId,
            account: account,
            payer: payer,
            months: months,
            price: price,
            fee: fee,
            splitId: splitId,
            splitEarned: _earn(splitId, price - fee),
            fees: _charge(fee)
        });
    }

    /// @dev The model, if it is listed and earns for the split that the buyer was shown.
    function _offeredModel(bytes32 modelId, bytes32 splitId) internal view returns (Model storage model) {
        model = _listedModel(modelId);
        if (model.splitHead != bytes20(splitId)) revert SplitChanged(_splitIdOf(model), splitId);
    }

    function _requirePrice(bytes32 modelId, uint256 price, uint256 maxPrice) internal pure {
        if (price == 0) revert NotOffered(modelId);
        if (price > maxPrice) revert PriceAboveMax(price, maxPrice);
    }
}

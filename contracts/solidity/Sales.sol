// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Services} from "./Services.sol";
import {Shares} from "./Shares.sol";
import {Source} from "./Types.sol";

/// @notice Licences to a model's weights, bought once.
abstract contract Sales is Services {
    /// @notice The platform's part of a sale, in basis points. Rounded down; the rest is the split's.
    uint256 public constant SALE_FEE_BPS = 500;

    /// @notice `payer` bought a licence to a model's weights for `account`: `fee` for the platform, the rest for the
    /// split. The new totals of both are `fees` (not collected yet) and `splitEarned`.
    event LicensePurchased(
        bytes32 indexed modelId,
        bytes32 indexed account,
        address indexed payer,
        uint256 price,
        uint256 fee,
        bytes32 splitId,
        uint256 splitEarned,
        uint256 fees
    );

    /// @notice Buys a licence to a model's weights for an account.
    /// @param modelId The model.
    /// @param maxPrice The most the caller agrees to pay, in micro-USDT.
    /// @param splitId The split that the caller was shown; another one reverts.
    /// @param account The platform account that is licensed, whoever pays.
    /// @param source Where the price comes from.
    function buyLicense(
        bytes32 modelId,
        uint256 maxPrice,
        bytes32 splitId,
        bytes32 account,
        Source source
    ) external whenNotPaused {
        uint256 price = _licensePrice(modelId, maxPrice, splitId, account);
        _collect(source, price);
        _buyLicense(msg.sender, modelId, price, splitId, account);
    }

    /// @dev What a licence costs, if it can be bought on these conditions.
    function _licensePrice(
        bytes32 modelId,
        uint256 maxPrice,
        bytes32 splitId,
        bytes32 account
    ) internal view returns (uint256 price) {
        if (account == 0) revert ZeroAccount();
        price = _offeredModel(modelId, splitId).sale;
        _requirePrice(modelId, price, maxPrice);
    }

    function _buyLicense(address payer, bytes32 modelId, uint256 price, bytes32 splitId, bytes32 account) internal {
        uint256 fee = Shares.part(price, SALE_FEE_BPS);
        emit LicensePurchased({
            modelId: modelId,
            account: account,
            payer: payer,
            price: price,
            fee: fee,
            splitId: splitId,
            splitEarned: _earn(splitId, price - fee),
            fees: _charge(fee)
        });
    }
}

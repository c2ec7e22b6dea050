// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Permit, Purchase} from "../solidity/Types.sol";
import {HandlerUsage} from "./HandlerUsage.sol";

/// @notice The customer's purchases by a Permit2 signature, each brought in by a stranger.
abstract contract HandlerPermit is HandlerUsage {
    uint256 private _nonce;

    function permitPlan(uint8 plan, uint256 months, uint256 slack) external newMoney {
        (plan, months) = (1 + (plan % 3), bound(months, 1, 3));
        uint256 price = planPrice[plan] * months;
        if (!_permit("plan", bytes32(uint256(plan)), months, price, price + _amount(slack), 0)) return;
        _planned(price);
    }

    function permitSubscription(uint256 model, uint256 months, uint256 slack) external newMoney {
        bytes32 modelId = _someModel(model);
        months = bound(months, 1, 3);
        uint256 price = listed[modelId].month * months;
        bytes32 splitId = splitIds[listed[modelId].split];
        if (!_keepListed(customer, modelId)) return;
        if (!_permit("subscription", modelId, months, price, price + _amount(slack), splitId)) return;
        _subscribed(splitId, price);
    }

    function permitLicense(uint256 model, uint256 slack) external newMoney {
        bytes32 modelId = _someModel(model);
        uint256 price = listed[modelId].sale;
        bytes32 splitId = splitIds[listed[modelId].split];
        if (!_keepListed(customer, modelId)) return;
        if (!_permit("license", modelId, 0, price, price + _amount(slack), splitId)) return;
        _licensed(splitId, price);
    }

    function permitListing(uint256 model, uint256 months, uint256 slack) external newMoney {
        bytes32 modelId = _someModel(model);
        months = bound(months, 1, 3);
        if (!_permit("listing", modelId, months, months * 2e6, months * 2e6 + _amount(slack), 0)) return;
        _extended(modelId, months);
    }

    function permitUsage(uint256 amount, uint256 cap) external newMoney {
        amount = _amount(amount);
        cap = _metered[customer].cap + _amount(cap);
        if (!_permit("usage", 0, cap, amount, amount, 0)) return;
        _deposited(customer, amount, cap);
    }

    function _permitJob(Job memory job) internal returns (bool) {
        if (!_affords(customer, job.price, false)) return false;
        (, Permit memory permit) = _signed("job", jobIdOf(job), 0, job.price, 0);
        vm.prank(nobody);
        forge.openJobWithPermit(job, permit);
        ++done["permit"];
        return true;
    }

    function _permit(
        string memory kind,
        bytes32 item,
        uint256 months,
        uint256 price,
        uint256 maxPrice,
        bytes32 splitId
    ) private returns (bool) {
        if (!_affords(customer, price, false)) return false;
        (Purchase memory bought, Permit memory permit) = _signed(kind, item, months, maxPrice, splitId);
        vm.prank(nobody);
        forge.purchase(bought, permit);
        ++done["permit"];
        return true;
    }

    function _signed(
        string memory kind,
        bytes32 item,
        uint256 months,
        uint256 maxPrice,
        bytes32 splitId
    ) private returns (Purchase memory bought, Permit memory permit) {
        bought = Purchase(kind, item, ACCOUNT, months, maxPrice, splitId);
        Allowed memory allowed = allowing(bought);
        allowed.nonce = ++_nonce;
        permit = permitOf(CUSTOMER_KEY, bought, allowed);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Terms} from "../solidity/Types.sol";
import {HandlerLedger} from "./HandlerLedger.sol";

/// @notice Publishing, listing, subscriptions, licences and plans.
abstract contract HandlerMarket is HandlerLedger {
    uint256 private constant MAX_MODELS = 6;
    bytes32 internal constant ACCOUNT = "someone";

    /// @dev A model as the books know it; `split` is a number in `_splits`.
    struct Listed {
        address owner;
        uint256 split;
        uint256 paidUntil;
        uint64 month;
        uint64 sale;
    }

    bytes32[] public models;
    mapping(bytes32 modelId => Listed model) public listed;
    mapping(address owner => uint256 models) public published;
    mapping(address owner => uint256 amount) public publishPaid;
    mapping(uint8 plan => uint256 price) public planPrice;
    /// @notice What the plans brought the pool.
    uint256 public funded;

    constructor() {
        (planPrice[1], planPrice[2], planPrice[3]) = (10e6, 30e6, 100e6);
    }

    function modelCount() external view returns (uint256) {
        return models.length;
    }

    function publish(uint256 who, uint256 split, uint256 prices, bool fromCredit) external newMoney {
        if (models.length == MAX_MODELS) return;
        address owner = _someone(who);
        uint256 fee = published[owner] == 0 ? 0 : 5e6;
        if (!_affords(owner, fee, fromCredit)) return;
        split %= _splits.length;
        Terms memory terms = _terms(prices);
        bytes32 salt = bytes32(models.length);
        vm.prank(owner);
        bytes32 modelId = forge.publish(salt, "weights", _splits[split], terms, ACCOUNT, fee, _from(fromCredit));
        models.push(modelId);
        listed[modelId] = Listed(owner, split, block.timestamp + 30 days, terms.month, terms.sale);
        ++published[owner];
        publishPaid[owner] += fee;
        _charge(fee, 10_000);
        _paid(owner, fee, fromCredit);
        ++done["publish"];
    }

    function extendListing(uint256 who, uint256 model, uint256 months, bool fromCredit) external newMoney {
        _extendListing(_someone(who), _someModel(model), bound(months, 1, 3), fromCredit);
    }

    function setSplit(uint256 model, uint256 split) external counted {
        bytes32 modelId = _someModel(model);
        split %= _splits.length;
        vm.prank(listed[modelId].owner);
        forge.setSplit(modelId, _splits[split]);
        listed[modelId].split = split;
        ++done["setSplit"];
    }

    function setTerms(uint256 model, uint256 prices) external counted {
        bytes32 modelId = _someModel(model);
        Terms memory terms = _terms(prices);
        vm.prank(listed[modelId].owner);
        forge.setTerms(modelId, terms);
        (listed[modelId].month, listed[modelId].sale) = (terms.month, terms.sale);
        ++done["setTerms"];
    }

    function declareSplit(uint256 split) external counted {
        vm.prank(nobody);
        forge.declareSplit(_splits[split % _splits.length]);
        ++done["declareSplit"];
    }

    function subscribe(uint256 who, uint256 model, uint256 months, bool fromCredit) external newMoney {
        (address payer, bytes32 modelId) = (_someone(who), _someModel(model));
        months = bound(months, 1, 3);
        uint256 price = listed[modelId].month * months;
        if (!_keepListed(payer, modelId) || !_affords(payer, price, fromCredit)) return;
        bytes32 splitId = splitIds[listed[modelId].split];
        vm.prank(payer);
        forge.subscribe(modelId, months, price, splitId, ACCOUNT, _from(fromCredit));
        _subscribed(splitId, price);
        _paid(payer, price, fromCredit);
    }

    function buyLicense(uint256 who, uint256 model, bool fromCredit) external newMoney {
        (address payer, bytes32 modelId) = (_someone(who), _someModel(model));
        uint256 price = listed[modelId].sale;
        if (!_keepListed(payer, modelId) || !_affords(payer, price, fromCredit)) return;
        bytes32 splitId = splitIds[listed[modelId].split];
        vm.prank(payer);
        forge.buyLicense(modelId, price, splitId, ACCOUNT, _from(fromCredit));
        _licensed(splitId, price);
        _paid(payer, price, fromCredit);
    }

    function buyPlan(uint256 who, uint8 plan, uint256 months, bool fromCredit) external newMoney {
        address payer = _someone(who);
        (plan, months) = (1 + (plan % 3), bound(months, 1, 3));
        uint256 price = planPrice[plan] * months;
        if (!_affords(payer, price, fromCredit)) return;
        vm.prank(payer);
        forge.buyPlan(plan, months, price, ACCOUNT, _from(fromCredit));
        _planned(price);
        _paid(payer, price, fromCredit);
    }

    function setPlanPrice(uint8 plan, uint256 price) external counted {
        plan = 1 + (plan % 3);
        planPrice[plan] = _amount(price);
        vm.prank(admin);
        forge.setPlanPrice(plan, uint64(planPrice[plan]));
        ++done["setPlanPrice"];
    }

    function _subscribed(bytes32 splitId, uint256 price) internal {
        earned[splitId] += _charge(price, 1000);
        ++done["subscribe"];
    }

    function _licensed(bytes32 splitId, uint256 price) internal {
        earned[splitId] += _charge(price, 500);
        ++done["buyLicense"];
    }

    function _planned(uint256 price) internal {
        funded += _charge(price, 3000);
        ++done["buyPlan"];
    }

    function _extended(bytes32 modelId, uint256 months) internal {
        uint256 paidUntil = listed[modelId].paidUntil;
        listed[modelId].paidUntil = (paidUntil > block.timestamp ? paidUntil : block.timestamp) + months * 30 days;
        _charge(months * 2e6, 10_000);
        ++done["extendListing"];
    }

    /// @dev Whether the model can be bought now; a lapsed listing is paid for first.
    function _keepListed(address payer, bytes32 modelId) internal returns (bool) {
        if (block.timestamp <= listed[modelId].paidUntil + 7 days) return true;
        return _extendListing(payer, modelId, 1, false);
    }

    function _someModel(uint256 dice) internal view returns (bytes32) {
        return models[dice % models.length];
    }

    function _extendListing(address payer, bytes32 modelId, uint256 months, bool fromCredit) private returns (bool) {
        if (!_affords(payer, months * 2e6, fromCredit)) return false;
        vm.prank(payer);
        forge.extendListing(modelId, months, ACCOUNT, _from(fromCredit));
        _extended(modelId, months);
        _paid(payer, months * 2e6, fromCredit);
        return true;
    }

    function _terms(uint256 dice) private pure returns (Terms memory) {
        uint256 other = uint256(keccak256(abi.encode(dice)));
        return Terms({month: uint64(_amount(dice)), sale: uint64(_amount(other)), input: 0, output: 0});
    }
}

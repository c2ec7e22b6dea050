// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "./Jobs.sol";
import {Job, Permit, Purchase} from "./Types.sol";

/// @notice Purchases paid by one Permit2 signature, which says in words what is bought. Anyone may bring it in, so the
/// payer needs no gas.
abstract contract Checkout is Jobs {
    string private constant PURCHASE_TYPE =
        "Purchase(string kind,bytes32 item,bytes32 account,uint256 months,uint256 maxPrice,bytes32 splitId)";
    string private constant WITNESS_TYPE =
        "Purchase witness)Purchase(string kind,bytes32 item,bytes32 account,uint256 months,uint256 maxPrice,bytes32 splitId)TokenPermissions(address token,uint256 amount)";

    bytes32 private constant PLAN = keccak256("plan");
    bytes32 private constant SUBSCRIPTION = keccak256("subscription");
    bytes32 private constant LICENSE = keccak256("license");
    bytes32 private constant LISTING = keccak256("listing");
    bytes32 private constant USAGE = keccak256("usage");
    bytes32 private constant JOB = keccak256("job");

    /// @notice Nothing of this kind is sold here.
    error UnknownPurchase(string kind);

    /// @notice Buys what a Permit2 signature says.
    function purchase(Purchase calldata bought, Permit calldata permit) external whenNotPaused {
        bytes32 kind = keccak256(bytes(bought.kind));
        address payer = permit.payer;
        (bytes32 item, bytes32 account, uint256 months) = (bought.item, bought.account, bought.months);
        if (kind == PLAN) {
            uint8 plan = uint8(_fit(uint256(item), type(uint8).max));
            uint256 price = _planCost(plan, months, bought.maxPrice, account);
            _collectPurchase(bought, kind, permit, price);
            _buyPlan(payer, plan, months, price, account);
        } else if (kind == SUBSCRIPTION) {
            uint256 price = _servicePrice(item, months, bought.maxPrice, bought.splitId, account);
            _collectPurchase(bought, kind, permit, price);
            _subscribe(payer, item, months, price, bought.splitId, account);
        } else if (kind == LICENSE) {
            uint256 price = _licensePrice(item, bought.maxPrice, bought.splitId, account);
            _collectPurchase(bought, kind, permit, price);
            _buyLicense(payer, item, price, bought.splitId, account);
        } else if (kind == LISTING) {
            uint256 fee = _listingFee(item, months, account);
            if (fee > bought.maxPrice) revert FeeAboveMax(fee, bought.maxPrice);
            _collectPurchase(bought, kind, permit, fee);
            _extendListing(payer, item, months, fee, account);
        } else if (kind == USAGE) {
            _requireUsageDeposit(account, bought.maxPrice);
            _collectPurchase(bought, kind, permit, bought.maxPrice);
            _depositUsage(payer, account, bought.maxPrice, uint64(_fit(months, type(uint64).max)));
        } else {
            revert UnknownPurchase(bought.kind);
        }
    }

    /// @notice Funds a job by a Permit2 signature over the purchase ("job", its id, its account, 0, its price, 0).
    function openJobWithPermit(
        Job calldata job,
        Permit calldata permit
    ) external whenNotPaused returns (bytes32 jobId) {
        jobId = _requireNewJob(job);
        bytes32 witness = _witness(JOB, jobId, job.account, 0, job.price, 0);
        _openJob(permit.payer, job, jobId);
        _collectPermit(permit, job.price, job.price, witness, WITNESS_TYPE);
    }

    function _collectPurchase(Purchase calldata bought, bytes32 kind, Permit calldata permit, uint256 price) private {
        bytes32 witness = _witness(kind, bought.item, bought.account, bought.months, bought.maxPrice, bought.splitId);
        _collectPermit(permit, bought.maxPrice, price, witness, WITNESS_TYPE);
    }

    /// @dev EIP-712 hash of a purchase; a string counts as its hash.
    function _witness(
        bytes32 kind,
        bytes32 item,
        bytes32 account,
        uint256 months,
        uint256 maxPrice,
        bytes32 splitId
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(PURCHASE_TYPE)), kind, item, account, months, maxPrice, splitId));
    }
}

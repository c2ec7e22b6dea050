// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "./CreatorPool.sol";
import {Shares} from "./Shares.sol";
import {ModelUsage, Source, UsageRow} from "./Types.sol";

/// @notice Metered use of models, paid from a deposit in batches.
/// @dev The operator charges what was used, never more than the deposit and never more in a day than the payer allowed.
/// The payer can leave at any time; the delay lets the last batch settle.
abstract contract Usage is CreatorPool {
    /// @notice The platform's part of metered use, in basis points. Rounded down; the rest is the split's.
    uint256 public constant USAGE_FEE_BPS = 1000;
    /// @notice From saying that one leaves until the deposit is free, in seconds.
    uint256 public constant USAGE_EXIT_DELAY = 3 days;

    /// @dev One slot. `spent` is of `day` (days since 1970); `leaveAt` is zero unless the payer is leaving.
    struct UsageDeposit {
        uint64 amount;
        uint64 dailyCap;
        uint64 spent;
        uint24 day;
        uint40 leaveAt;
    }

    /// @dev Where the parts of that slot are. A batch reads and writes it whole: part by part costs a row 400 more.
    uint256 private constant DAILY_CAP = 64;
    uint256 private constant SPENT = 128;
    uint256 private constant DAY = 192;
    uint256 private constant LEAVE_AT = 216;
    uint256 private constant SPENT_AND_DAY = ((1 << (LEAVE_AT - SPENT)) - 1) << SPENT;

    mapping(address payer => UsageDeposit deposit) private _deposits;

    /// @notice The number of the last batch.
    uint256 public lastUsageBatch;

    /// @notice `payer` put `amount` in for the metered use of `account`; the deposit is now `deposit`, of which at most
    /// `dailyCap` a day is charged. A payer's deposit serves one account: the last named.
    event UsageDeposited(
        address indexed payer,
        bytes32 indexed account,
        uint256 amount,
        uint256 deposit,
        uint256 dailyCap
    );
    /// @notice `payer` allows `dailyCap` a day from now on.
    event UsageCapSet(address indexed payer, uint256 dailyCap);
    /// @notice `payer` takes the deposit out, from `leaveAt` on.
    event UsageLeaving(address indexed payer, uint256 leaveAt);
    /// @notice The deposit of `payer` became credit, which is now `credit`.
    event UsageWithdrawn(address indexed payer, uint256 amount, uint256 credit);
    /// @notice `payer` used `amount` of a model; the deposit is now `deposit`.
    event UsageCharged(address indexed payer, bytes32 indexed modelId, uint256 amount, uint256 deposit);
    /// @notice A model's use in a batch: `fee` of `amount` for the platform, the rest for the split.
    event UsageEarned(
        uint256 indexed batch,
        bytes32 indexed modelId,
        bytes32 indexed splitId,
        uint256 amount,
        uint256 fee,
        uint256 splitEarned,
        uint256 fees
    );
    /// @notice Batch number `batch` was settled; `root` is the Merkle root of the receipts behind it.
    event UsageSettled(uint256 indexed batch, bytes32 indexed root);

    /// @notice Batches come one after the other, each once.
    error BatchOutOfOrder(uint256 batch, uint256 expected);
    /// @notice `payer` can be charged `available` now, less than `amount`.
    error UsageExceeded(address payer, uint256 available, uint256 amount);
    /// @notice The daily cap is `current` and cannot become less.
    error CapLowered(uint256 current, uint256 dailyCap);
    /// @notice The payer has not said that it leaves, or the delay is not over: `leaveAt`.
    error NotLeaving(address payer, uint256 leaveAt);

    /// @notice Pays into the caller's deposit for metered use. Somebody who was leaving stays.
    /// @param account The platform account whose use is paid.
    /// @param amount Micro-USDT.
    /// @param dailyCap The most that may be charged in a day (UTC), in micro-USDT.
    /// @param source Where the money comes from.
    function depositUsage(bytes32 account, uint256 amount, uint64 dailyCap, Source source) external whenNotPaused {
        _requireUsageDeposit(account, amount);
        _collect(source, amount);
        _depositUsage(msg.sender, account, amount, dailyCap);
    }

    /// @notice Raises how much of the caller's deposit may be charged in a day, in micro-USDT. Who wants less leaves.
    function setUsageCap(uint64 dailyCap) external {
        _raiseCap(_deposits[msg.sender], dailyCap);
        emit UsageCapSet(msg.sender, dailyCap);
    }

    /// @notice Says that the caller takes the deposit out.
    function leaveUsage() external {
        UsageDeposit storage deposited = _deposits[msg.sender];
        if (deposited.amount == 0) revert ZeroAmount();
        // Saying it again does not start the delay again.
        if (deposited.leaveAt != 0) return;
        uint40 leaveAt = uint40(_fit(block.timestamp + USAGE_EXIT_DELAY, type(uint40).max));
        deposited.leaveAt = leaveAt;
        emit UsageLeaving(msg.sender, leaveAt);
    }

    /// @notice Makes the deposit of a payer who left credit of that payer. Anyone may call it.
    function withdrawUsage(address payer) external {
        UsageDeposit storage deposited = _deposits[payer];
        uint256 leaveAt = deposited.leaveAt;
        if (leaveAt == 0 || block.timestamp < leaveAt) revert NotLeaving(payer, leaveAt);
        uint256 amount = deposited.amount;
        delete _deposits[payer];
        emit UsageWithdrawn({payer: payer, amount: amount, credit: _credit(payer, amount)});
    }

    /// @notice Charges a batch of metered use.
    /// @param batch One more than the last.
    /// @param root Of the tree of the signed receipts.
    /// @param usage Model by model, payer by payer, in micro-USDT. The split of a model at this time earns.
    function settleUsage(uint256 batch, bytes32 root, ModelUsage[] calldata usage) external onlyRole(OPERATOR) {
        if (batch != lastUsageBatch + 1) revert BatchOutOfOrder(batch, lastUsageBatch + 1);
        lastUsageBatch = batch;
        for (uint256 i = 0; i < usage.length; ++i) {
            bytes32 modelId = usage[i].modelId;
            bytes32 splitId = _splitOf(modelId);
            uint256 amount = _chargeAll(modelId, usage[i].rows);
            uint256 fee = Shares.part(amount, USAGE_FEE_BPS);
            emit UsageEarned({
                batch: batch,
                modelId: modelId,
                splitId: splitId,
                amount: amount,
                fee: fee,
                splitEarned: _earn(splitId, amount - fee),
                fees: _charge(fee)
            });
        }
        emit UsageSettled(batch, root);
    }

    /// @notice A payer's deposit: what is left, the most in a day, what was spent on `day`, and when it is free.
    function usageDepositOf(address payer) external view returns (UsageDeposit memory) {
        return _deposits[payer];
    }

    function _requireUsageDeposit(bytes32 account, uint256 amount) internal pure {
        if (account == 0) revert ZeroAccount();
        if (amount == 0) revert ZeroAmount();
    }

    function _depositUsage(address payer, bytes32 account, uint256 amount, uint64 dailyCap) internal {
        UsageDeposit storage deposited = _deposits[payer];
        uint256 total = deposited.amount + amount;
        deposited.amount = uint64(_fit(total, type(uint64).max));
        _raiseCap(deposited, dailyCap);
        deposited.leaveAt = 0;
        emit UsageDeposited({payer: payer, account: account, amount: amount, deposit: total, dailyCap: dailyCap});
    }

    /// @dev A lower cap would keep the operator from charging what was used already, without the delay of leaving.
    function _raiseCap(UsageDeposit storage deposited, uint64 dailyCap) private {
        if (dailyCap < deposited.dailyCap) revert CapLowered(deposited.dailyCap, dailyCap);
        deposited.dailyCap = dailyCap;
    }

    function _chargeAll(bytes32 modelId, UsageRow[] calldata rows) private returns (uint256 sum) {
        uint256 today = block.timestamp / 1 days;
        for (uint256 i = 0; i < rows.length; ++i) {
            UsageRow calldata row = rows[i];
            (address payer, uint256 amount) = (row.payer, row.amount);
            UsageDeposit storage deposited = _deposits[payer];
            uint256 slot;
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                slot := sload(deposited.slot)
            }
            if (uint24(slot >> DAY) != today) slot = (slot & ~SPENT_AND_DAY) | (today << DAY);
            uint256 available = _available(slot);
            if (amount > available) revert UsageExceeded(payer, available, amount);
            unchecked {
                // No part overflows its place: `amount` is at most what is left of the deposit and of the cap.
                slot = slot - amount + (amount << SPENT);
                sum += amount;
            }
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                sstore(deposited.slot, slot)
            }
            emit UsageCharged({payer: payer, modelId: modelId, amount: amount, deposit: uint64(slot)});
        }
    }

    /// @dev What the payer whose deposit this is can still be charged, `day` being today.
    function _available(uint256 slot) private view returns (uint256) {
        uint256 leaveAt = slot >> LEAVE_AT;
        if (leaveAt != 0 && block.timestamp >= leaveAt) return 0;
        (uint256 left, uint256 dailyCap, uint256 spent) = (
            uint64(slot),
            uint64(slot >> DAILY_CAP),
            uint64(slot >> SPENT)
        );
        if (spent >= dailyCap) return 0;
        uint256 today = dailyCap - spent;
        return today < left ? today : left;
    }
}

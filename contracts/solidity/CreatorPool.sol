// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "./Hashing.sol";
import {Plans} from "./Plans.sol";
import {Split} from "./Types.sol";

/// @notice The creators' part of the plans, shared by what their models were used.
/// @dev One Merkle root holds what each split earned in all months together, so a claim pays every month that was not
/// claimed at once. A leaf is keccak256(keccak256(abi.encode(splitId, cumulative))), pairs are sorted: the standard tree
/// of OpenZeppelin. The operator posts, an admin can veto within the window, and whatever a root says, no more leaves
/// the pool than its total, which is no more than what was funded.
abstract contract CreatorPool is Plans {
    /// @notice How long a posted root waits before it pays, in seconds.
    uint256 public constant VETO_WINDOW = 2 days;

    /// @dev Three slots. A root waits while `activeAt` is not zero. `month` is of the newest root, `previousMonth` of the
    /// one before; months are counted year * 12 + month - 1.
    struct Pool {
        bytes32 root;
        bytes32 pendingRoot;
        uint64 total;
        uint64 claimed;
        uint64 pendingTotal;
        uint32 activeAt;
        uint16 month;
        uint16 previousMonth;
    }

    Pool private _pool;

    /// @notice A root was posted for all months up to `month` (year * 12 + month - 1): `total` for all its leaves
    /// together, paying from `activeAt` on. `cid` names the inputs it was computed from.
    event RootPosted(uint256 indexed month, bytes32 indexed root, uint256 total, uint256 activeAt, string cid);
    /// @notice The root of `month` was refused by `admin` and will never pay.
    event RootVetoed(uint256 indexed month, bytes32 indexed root, address indexed admin);
    /// @notice `amount` of the pool went to a split, which claimed `claimed` and earned `splitEarned` in all its life;
    /// the whole pool has paid `poolClaimed`.
    event PoolClaimed(
        bytes32 indexed splitId,
        uint256 amount,
        uint256 claimed,
        uint256 splitEarned,
        uint256 poolClaimed
    );
    /// @notice `PoolClaimed`, and then `member` drew `drawnAmount` of the split, in all its life `drawn`, straight to `to`.
    event PoolClaimedAndDrawn(
        bytes32 indexed splitId,
        address indexed member,
        address indexed to,
        uint256 amount,
        uint256 claimed,
        uint256 splitEarned,
        uint256 poolClaimed,
        uint256 drawnAmount,
        uint256 drawn
    );

    /// @notice The last root still waits until `activeAt`.
    error RootPending(uint256 activeAt);
    /// @notice No root waits.
    error NoRootPending();
    /// @notice A root holds every month until its own, so months only go up.
    error MonthOutOfOrder(uint256 month, uint256 lastMonth);
    /// @notice A root of nothing.
    error ZeroRoot();
    /// @notice The leaves sum to less than what was paid, or to more than what was funded.
    error TotalOutOfRange(uint256 total, uint256 claimed, uint256 funded);
    /// @notice The leaf is not in the root that pays now.
    error InvalidProof(bytes32 splitId, uint256 cumulative);
    /// @notice The split claimed all that it earned.
    error NothingToClaim(bytes32 splitId, uint256 claimed);
    /// @notice The claim would take more than the total of the root: its leaves sum to more.
    error PoolExceeded(uint256 claimed, uint256 total);

    /// @notice Posts the root of all months up to `month`, to pay after the veto window.
    /// @param month year * 12 + month - 1, a month that ended, later than the last one posted.
    /// @param root Of the tree of (splitId, cumulative micro-USDT).
    /// @param total The sum of its leaves, in micro-USDT.
    /// @param cid Where the inputs are published.
    function postRoot(uint16 month, bytes32 root, uint64 total, string calldata cid) external onlyRole(OPERATOR) {
        if (root == 0) revert ZeroRoot();
        _promote();
        Pool memory pool = _pool;
        if (pool.activeAt != 0) revert RootPending(pool.activeAt);
        if (month <= pool.month) revert MonthOutOfOrder(month, pool.month);
        uint256 funded = poolFunded();
        if (total < pool.claimed || total > funded) revert TotalOutOfRange(total, pool.claimed, funded);

        uint256 activeAt = block.timestamp + VETO_WINDOW;
        _pool.pendingRoot = root;
        _pool.pendingTotal = total;
        _pool.activeAt = uint32(_fit(activeAt, type(uint32).max));
        _pool.previousMonth = pool.month;
        _pool.month = month;
        emit RootPosted({month: month, root: root, total: total, activeAt: activeAt, cid: cid});
    }

    /// @notice Refuses the root that waits. Its month can be posted again.
    function vetoRoot() external onlyRole(ADMIN) {
        _promote();
        Pool memory pool = _pool;
        if (pool.activeAt == 0) revert NoRootPending();
        (_pool.pendingRoot, _pool.pendingTotal, _pool.activeAt) = (0, 0, 0);
        _pool.month = pool.previousMonth;
        emit RootVetoed({month: pool.month, root: pool.pendingRoot, admin: msg.sender});
    }

    /// @notice Lets a split earn all that the pool owes it. Anyone may call it.
    /// @param splitId The split.
    /// @param cumulative What the root says that it earned in all months, in micro-USDT.
    /// @param proof From the leaf to the root.
    /// @return amount What moved, in micro-USDT.
    function claimShare(
        bytes32 splitId,
        uint256 cumulative,
        bytes32[] calldata proof
    ) external returns (uint256 amount) {
        uint256 earned;
        uint256 poolClaimed;
        (amount, earned, poolClaimed) = _claim(splitId, cumulative, proof);
        emit PoolClaimed({
            splitId: splitId,
            amount: amount,
            claimed: cumulative,
            splitEarned: earned,
            poolClaimed: poolClaimed
        });
    }

    /// @notice Claims for a split, then sends what the caller can draw from it straight to `to`.
    /// @return drawnAmount What was sent, in micro-USDT.
    function claimAndDraw(
        Split calldata split,
        uint256 cumulative,
        bytes32[] calldata proof,
        address to
    ) external returns (uint256 drawnAmount) {
        (address[] calldata members, uint16[] calldata bps) = (split.members, split.bps);
        bytes32 splitId = Hashing.splitId(members, bps);
        (uint256 amount, uint256 earned, uint256 poolClaimed) = _claim(splitId, cumulative, proof);
        uint256 drawn;
        (drawnAmount, drawn) = _draw(members, bps, splitId, msg.sender);
        emit PoolClaimedAndDrawn({
            splitId: splitId,
            member: msg.sender,
            to: to,
            amount: amount,
            claimed: cumulative,
            splitEarned: earned,
            poolClaimed: poolClaimed,
            drawnAmount: drawnAmount,
            drawn: drawn
        });
        _push(to, drawnAmount);
    }

    /// @notice What the pool paid to a split in its life, in micro-USDT.
    function claimedOf(bytes32 splitId) external view returns (uint256) {
        return _revenues[splitId].claimed;
    }

    /// @notice The pool as it stands; a root whose time came pays with the next call.
    function poolOf() external view returns (Pool memory) {
        return _pool;
    }

    /// @dev Returns what the split earns by it, what it earned in its life, and what the whole pool has paid.
    function _claim(
        bytes32 splitId,
        uint256 cumulative,
        bytes32[] calldata proof
    ) private returns (uint256 amount, uint256 earned, uint256 poolClaimed) {
        Pool storage pool = _pool;
        (bytes32 root, uint256 total) = (pool.root, pool.total);
        poolClaimed = pool.claimed;
        if (_promote()) (root, total) = (pool.root, pool.total);
        if (Hashing.merkleRoot(splitId, cumulative, proof) != root) revert InvalidProof(splitId, cumulative);

        Revenue storage revenue = _revenues[splitId];
        uint256 claimed = revenue.claimed;
        if (!revenue.declared) revert UndeclaredSplit(splitId);
        if (cumulative <= claimed) revert NothingToClaim(splitId, claimed);
        amount = cumulative - claimed;
        poolClaimed += amount;
        if (poolClaimed > total) revert PoolExceeded(poolClaimed, total);
        earned = _fit(revenue.earned + amount, type(uint80).max);
        // The others are at most `total`, which fits.
        (revenue.earned, revenue.claimed) = (uint80(earned), uint80(cumulative));
        pool.claimed = uint64(poolClaimed);
    }

    /// @dev Lets the root that waited long enough pay.
    function _promote() private returns (bool promoted) {
        // The slot that every claim writes anyway is read first.
        uint256 activeAt = _pool.activeAt;
        if (activeAt == 0 || block.timestamp < activeAt) return false;
        (_pool.root, _pool.total) = (_pool.pendingRoot, _pool.pendingTotal);
        (_pool.pendingRoot, _pool.pendingTotal, _pool.activeAt) = (0, 0, 0);
        return true;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "./Ledger.sol";
import {Split} from "./Types.sol";

/// @notice Revenue shared by members, each of whom draws their part of everything the split ever earned.
/// @dev A member has drawn at most floor(earned * bps / 10,000). Rounding is on the lifetime sum, so at most
/// `members - 1` base units ever wait in a split, and a purchase costs the same for one member or a hundred.
abstract contract Splits is Ledger {
    uint256 internal constant BPS = 10_000;
    uint256 private constant MAX_MEMBERS = 100;

    /// @notice What a split earned in its life, drawn or not, in micro-USDT.
    mapping(bytes32 splitId => uint256 amount) public earnedOf;

    /// @notice What a member drew from a split in its life, in micro-USDT.
    mapping(bytes32 splitId => mapping(address member => uint256 amount)) public drawnOf;

    /// @notice The members and shares behind a split's id, told each time a model takes it.
    event SplitDeclared(bytes32 indexed splitId, address[] members, uint16[] bps);
    /// @notice `member` drew `amount`, in all its life `drawn`, and has `credit` now.
    event Drawn(bytes32 indexed splitId, address indexed member, uint256 amount, uint256 drawn, uint256 credit);

    /// @notice A split has 1 to 100 members.
    error MembersOutOfRange(uint256 members);
    /// @notice Every member has one share.
    error SharesNotMatched(uint256 members, uint256 shares);
    /// @notice This address could never withdraw.
    error InvalidMember(address member);
    /// @notice The member is in the split twice.
    error DuplicateMember(address member);
    /// @notice The member would earn nothing.
    error ZeroShare(address member);
    /// @notice The shares sum to `sum`, not to 10,000.
    error SharesDoNotSum(uint256 sum);
    /// @notice `member` is not in the split.
    error NotAMember(bytes32 splitId, address member);
    /// @notice `member` drew everything that the split earned for it.
    error NothingToDraw(bytes32 splitId, address member);

    /// @notice Moves what `member` can draw into the member's credit. Anyone may call it.
    /// @return amount What moved, in micro-USDT.
    function draw(Split calldata split, address member) external returns (uint256 amount) {
        bytes32 splitId = splitIdOf(split);
        uint256 drawn;
        (amount, drawn) = _draw(split, splitId, member);
        emit Drawn({splitId: splitId, member: member, amount: amount, drawn: drawn, credit: _credit(member, amount)});
    }

    /// @notice Sends what the caller can draw straight to `to`.
    /// @return amount What was sent, in micro-USDT.
    function drawAndWithdraw(Split calldata split, address to) external returns (uint256 amount) {
        bytes32 splitId = splitIdOf(split);
        uint256 drawn;
        (amount, drawn) = _draw(split, splitId, msg.sender);
        uint256 credit = creditOf[msg.sender];
        emit Drawn({splitId: splitId, member: msg.sender, amount: amount, drawn: drawn, credit: credit});
        emit Withdrawn({payee: msg.sender, to: to, amount: amount, credit: credit});
        _push(to, amount);
    }

    /// @notice What `member` could draw now, in micro-USDT.
    function drawableOf(Split calldata split, address member) external view returns (uint256) {
        bytes32 splitId = splitIdOf(split);
        return _entitlement(split, splitId, member) - drawnOf[splitId][member];
    }

    /// @notice The name of a split: keccak256 of the ABI encoding of members and shares. Does not check its rules.
    function splitIdOf(Split calldata split) public pure returns (bytes32) {
        return keccak256(abi.encode(split.members, split.bps));
    }

    /// @dev Checks every rule of a split and announces it, so that a reader of events can name its members.
    function _declare(Split calldata split) internal returns (bytes32 splitId) {
        _requireValid(split);
        splitId = splitIdOf(split);
        emit SplitDeclared({splitId: splitId, members: split.members, bps: split.bps});
    }

    /// @dev Adds revenue to a split and returns its new lifetime sum. The token for it is here already.
    function _earn(bytes32 splitId, uint256 amount) internal returns (uint256 earned) {
        earned = earnedOf[splitId] + amount;
        earnedOf[splitId] = earned;
    }

    function _draw(
        Split calldata split,
        bytes32 splitId,
        address member
    ) private returns (uint256 amount, uint256 drawn) {
        uint256 drawnBefore = drawnOf[splitId][member];
        drawn = _entitlement(split, splitId, member);
        if (drawn == drawnBefore) revert NothingToDraw(splitId, member);
        amount = drawn - drawnBefore;
        drawnOf[splitId][member] = drawn;
    }

    /// @dev The lifetime part of `member`. A split that breaks the rules never earns, so it need not be checked again.
    function _entitlement(Split calldata split, bytes32 splitId, address member) private view returns (uint256) {
        return (earnedOf[splitId] * _shareOf(split, splitId, member)) / BPS;
    }

    function _shareOf(Split calldata split, bytes32 splitId, address member) private pure returns (uint256) {
        address[] calldata members = split.members;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] == member) return split.bps[i];
        }
        revert NotAMember(splitId, member);
    }

    function _requireValid(Split calldata split) private view {
        address[] calldata members = split.members;
        uint16[] calldata bps = split.bps;
        uint256 count = members.length;
        if (count == 0 || count > MAX_MEMBERS) revert MembersOutOfRange(count);
        if (count != bps.length) revert SharesNotMatched(count, bps.length);

        // An open-addressed hash set, at most half full; the zero address, which is no member, marks a free place.
        address[] memory seen = new address[](2 * count);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            address member = members[i];
            uint256 share = bps[i];
            if (member == address(0) || member == address(this)) revert InvalidMember(member);
            if (share == 0) revert ZeroShare(member);
            sum += share;

            uint256 place = uint160(member) % seen.length;
            while (seen[place] != address(0)) {
                if (seen[place] == member) revert DuplicateMember(member);
                place = (place + 1) % seen.length;
            }
            seen[place] = member;
        }
        if (sum != BPS) revert SharesDoNotSum(sum);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashing} from "./Hashing.sol";
import {Ledger} from "./Ledger.sol";
import {Shares} from "./Shares.sol";
import {Split} from "./Types.sol";

/// @notice Revenue shared by members, each of whom draws their part of everything the split ever earned.
/// @dev A member has drawn at most floor(earned * bps / 10,000). Rounding is on the lifetime sum, so at most
/// `members - 1` base units ever wait in a split, and a purchase costs the same for one member or a hundred.
abstract contract Splits is Ledger {
    uint256 private constant MAX_MEMBERS = 100;

    /// @dev One slot for all that a purchase, a claim and a draw of the first member change; most splits have one member.
    /// `claimed` is the part of `earned` that came from the creator pool. Only a declared split may earn: the shares of
    /// any other need not sum to the whole. 80 bits hold a million times all USDT that exists.
    struct Revenue {
        uint80 earned;
        uint80 claimed;
        uint88 drawnByFirst;
        bool declared;
        address first;
    }

    mapping(bytes32 splitId => Revenue revenue) internal _revenues;

    /// @dev What the other members drew.
    mapping(bytes32 splitId => mapping(address member => uint256 amount)) private _drawnByOther;

    /// @notice The members and shares behind a split's id, told when it is declared and each time a model takes it.
    event SplitDeclared(bytes32 indexed splitId, address[] members, uint16[] bps);
    /// @notice `member` drew `amount`, in all its life `drawn`, and has `credit` now.
    event Drawn(bytes32 indexed splitId, address indexed member, uint256 amount, uint256 drawn, uint256 credit);
    /// @notice `member` drew `amount`, in all its life `drawn`, straight to `to`.
    event DrawnTo(bytes32 indexed splitId, address indexed member, address indexed to, uint256 amount, uint256 drawn);

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
    /// @notice Nobody declared the split, so its rules were never checked.
    error UndeclaredSplit(bytes32 splitId);
    /// @notice `member` is not in the split.
    error NotAMember(bytes32 splitId, address member);
    /// @notice `member` drew everything that the split earned for it.
    error NothingToDraw(bytes32 splitId, address member);

    /// @notice Checks a split and lets it earn. A model's split is declared by the model.
    function declareSplit(Split calldata split) external returns (bytes32 splitId) {
        return _declare(split);
    }

    /// @notice Moves what `member` can draw into the member's credit. Anyone may call it.
    /// @return amount What moved, in micro-USDT.
    function draw(Split calldata split, address member) external returns (uint256 amount) {
        bytes32 splitId = splitIdOf(split);
        uint256 drawn;
        (amount, drawn) = _draw(split.members, split.bps, splitId, member);
        emit Drawn({splitId: splitId, member: member, amount: amount, drawn: drawn, credit: _credit(member, amount)});
    }

    /// @notice Sends what the caller can draw straight to `to`.
    /// @return amount What was sent, in micro-USDT.
    function drawAndWithdraw(Split calldata split, address to) external returns (uint256 amount) {
        (address[] calldata members, uint16[] calldata bps) = (split.members, split.bps);
        return _drawTo(members, bps, Hashing.splitId(members, bps), to);
    }

    /// @notice What a split earned in its life, drawn or not, in micro-USDT.
    function earnedOf(bytes32 splitId) external view returns (uint256) {
        return _revenues[splitId].earned;
    }

    /// @notice What `member` drew from a split in its life, in micro-USDT.
    function drawnOf(bytes32 splitId, address member) external view returns (uint256 amount) {
        Revenue storage revenue = _revenues[splitId];
        return member == revenue.first ? revenue.drawnByFirst : _drawnByOther[splitId][member];
    }

    /// @notice Whether a split's rules were checked, so that it may earn.
    function isDeclared(bytes32 splitId) external view returns (bool) {
        return _revenues[splitId].declared;
    }

    /// @notice What `member` could draw now, in micro-USDT.
    function drawableOf(Split calldata split, address member) external view returns (uint256) {
        bytes32 splitId = splitIdOf(split);
        uint256 index = _indexOf(split.members, splitId, member);
        uint256 drawn = index == 0 ? _revenues[splitId].drawnByFirst : _drawnByOther[splitId][member];
        return Shares.part(_revenues[splitId].earned, split.bps[index]) - drawn;
    }

    /// @notice The name of a split: keccak256 of the ABI encoding of members and shares. Does not check its rules.
    function splitIdOf(Split calldata split) public pure returns (bytes32) {
        return Hashing.splitId(split.members, split.bps);
    }

    /// @dev Checks every rule of a split and announces it, so that a reader of events can name its members.
    function _declare(Split calldata split) internal returns (bytes32 splitId) {
        _requireValid(split);
        splitId = splitIdOf(split);
        Revenue storage revenue = _revenues[splitId];
        if (!revenue.declared) (revenue.declared, revenue.first) = (true, split.members[0]);
        emit SplitDeclared({splitId: splitId, members: split.members, bps: split.bps});
    }

    /// @dev Adds revenue to a split and returns its new lifetime sum. The token for it is here already.
    function _earn(bytes32 splitId, uint256 amount) internal returns (uint256 earned) {
        Revenue storage revenue = _revenues[splitId];
        if (!revenue.declared) revert UndeclaredSplit(splitId);
        earned = revenue.earned + amount;
        revenue.earned = uint80(_fit(earned, type(uint80).max));
    }

    function _requireDeclared(bytes32 splitId) internal view {
        if (!_revenues[splitId].declared) revert UndeclaredSplit(splitId);
    }

    /// @dev Draws the caller's part straight to `to`: the last thing that a function does.
    function _drawTo(
        address[] calldata members,
        uint16[] calldata bps,
        bytes32 splitId,
        address to
    ) internal returns (uint256 amount) {
        uint256 drawn;
        (amount, drawn) = _draw(members, bps, splitId, msg.sender);
        emit DrawnTo({splitId: splitId, member: msg.sender, to: to, amount: amount, drawn: drawn});
        _push(to, amount);
    }

    /// @dev A split that breaks the rules never earns, so it need not be checked again.
    function _draw(
        address[] calldata members,
        uint16[] calldata bps,
        bytes32 splitId,
        address member
    ) internal returns (uint256 amount, uint256 drawn) {
        uint256 index = _indexOf(members, splitId, member);
        Revenue storage revenue = _revenues[splitId];
        drawn = Shares.part(revenue.earned, bps[index]);
        uint256 drawnBefore;
        if (index == 0) {
            drawnBefore = revenue.drawnByFirst;
            // A part of `earned` fits where `earned` does.
            revenue.drawnByFirst = uint88(drawn);
        } else {
            mapping(address member => uint256 amount) storage drawnBy = _drawnByOther[splitId];
            drawnBefore = drawnBy[member];
            drawnBy[member] = drawn;
        }
        if (drawn == drawnBefore) revert NothingToDraw(splitId, member);
        amount = drawn - drawnBefore;
    }

    function _indexOf(
        address[] calldata members,
        bytes32 splitId,
        address member
    ) private pure returns (uint256 index) {
        index = Hashing.indexOf(members, member);
        if (index == members.length) revert NotAMember(splitId, member);
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
        if (sum != Shares.WHOLE) revert SharesDoNotSum(sum);
    }
}

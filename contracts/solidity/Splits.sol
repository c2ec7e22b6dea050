// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "./Ledger.sol";
import {Shares} from "./Shares.sol";
import {Split} from "./Types.sol";

/// @notice Revenue shared by members, each of whom draws their part of everything the split ever earned.
/// @dev A member has drawn at most floor(earned * bps / 10,000). Rounding is on the lifetime sum, so at most
/// `members - 1` base units ever wait in a split, and a purchase costs the same for one member or a hundred.
abstract contract Splits is Ledger {
    uint256 private constant MAX_MEMBERS = 100;

    /// @dev One slot for all that a purchase and a claim change. `claimed` is the part of `earned` that came from the
    /// creator pool. Only a declared split may earn: the shares of any other need not sum to the whole.
    struct Revenue {
        uint120 earned;
        uint120 claimed;
        bool declared;
    }

    mapping(bytes32 splitId => Revenue revenue) internal _revenues;

    /// @notice What a member drew from a split in its life, in micro-USDT.
    mapping(bytes32 splitId => mapping(address member => uint256 amount)) public drawnOf;

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
        (amount, drawn) = _draw(split, splitId, member);
        emit Drawn({splitId: splitId, member: member, amount: amount, drawn: drawn, credit: _credit(member, amount)});
    }

    /// @notice Sends what the caller can draw straight to `to`.
    /// @return amount What was sent, in micro-USDT.
    function drawAndWithdraw(Split calldata split, address to) external returns (uint256 amount) {
        return _drawTo(split, splitIdOf(split), to);
    }

    /// @notice What a split earned in its life, drawn or not, in micro-USDT.
    function earnedOf(bytes32 splitId) external view returns (uint256) {
        return _revenues[splitId].earned;
    }

    /// @notice Whether a split's rules were checked, so that it may earn.
    function isDeclared(bytes32 splitId) external view returns (bool) {
        return _revenues[splitId].declared;
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
        _revenues[splitId].declared = true;
        emit SplitDeclared({splitId: splitId, members: split.members, bps: split.bps});
    }

    /// @dev Adds revenue to a split and returns its new lifetime sum. The token for it is here already.
    function _earn(bytes32 splitId, uint256 amount) internal returns (uint256 earned) {
        _requireDeclared(splitId);
        Revenue storage revenue = _revenues[splitId];
        earned = revenue.earned + amount;
        revenue.earned = uint120(_fit(earned, type(uint120).max));
    }

    function _requireDeclared(bytes32 splitId) internal view {
        if (!_revenues[splitId].declared) revert UndeclaredSplit(splitId);
    }

    /// @dev Draws the caller's part straight to `to`: the last thing that a function does.
    function _drawTo(Split calldata split, bytes32 splitId, address to) internal returns (uint256 amount) {
        uint256 drawn;
        (amount, drawn) = _draw(split, splitId, msg.sender);
        emit DrawnTo({splitId: splitId, member: msg.sender, to: to, amount: amount, drawn: drawn});
        _push(to, amount);
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
        return Shares.part(_revenues[splitId].earned, _shareOf(split, splitId, member));
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
        if (sum != Shares.WHOLE) revert SharesDoNotSum(sum);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Shares} from "../solidity/Shares.sol";

/// @notice The bounds that the induction over the members of a split keeps.
library Bounds {
    /// @notice Whether `parts` is in bounds as the sum of the parts of `members` whose shares sum to `shares`: it is the
    /// exact sum less what rounding takes, which is less than one base unit a member.
    function hold(uint256 amount, uint256 members, uint256 shares, uint256 parts) internal pure returns (bool) {
        uint256 scaled = parts * Shares.WHOLE;
        uint256 exact = amount * shares;
        return scaled <= exact && exact <= scaled + members * (Shares.WHOLE - 1);
    }
}

/// @notice What must hold of the arithmetic of shares, for every value. Never deployed: `npm run prove -w contracts`.
/// @dev `amount` is any lifetime sum that a split can hold. No step below can overflow, underflow or divide by zero
/// either: the checker proves that as well. A split of any number of members is proved by induction over them.
contract SplitArithmetic {
    /// @dev No split has more: nobody has less than one basis point.
    uint256 private constant MOST_MEMBERS = Shares.WHOLE;

    /// @notice A part is never more than the whole: no fee above the price, no refund above the escrow.
    function partIsAtMostAmount(uint120 amount, uint16 bps) external pure {
        require(bps <= Shares.WHOLE);
        assert(Shares.part(amount, bps) <= amount);
    }

    /// @notice A part and the rest are the amount: `amount - fee` never reverts and loses nothing.
    function partAndRestAreAmount(uint120 amount, uint16 bps) external pure {
        require(bps <= Shares.WHOLE);
        uint256 fee = Shares.part(amount, bps);
        uint256 rest = amount - fee;
        assert(fee + rest == amount);
    }

    /// @notice A part is the exact quotient rounded down: off by less than one base unit, in favour of the rest.
    function partIsRoundedDown(uint120 amount, uint16 bps) external pure {
        require(bps <= Shares.WHOLE);
        uint256 scaled = Shares.part(amount, bps) * 10_000;
        assert(scaled <= uint256(amount) * bps && uint256(amount) * bps - scaled < 10_000);
    }

    /// @notice All of it is all of it, and none of it nothing.
    function wholeAndNothing(uint120 amount) external pure {
        assert(Shares.part(amount, Shares.WHOLE) == amount && Shares.part(amount, 0) == 0);
    }

    /// @notice Revenue only adds: what a member has drawn is never above what the member is entitled to later.
    function partGrowsWithAmount(uint120 earlier, uint120 later, uint16 bps) external pure {
        require(bps <= Shares.WHOLE && earlier <= later);
        assert(Shares.part(earlier, bps) <= Shares.part(later, bps));
    }

    /// @notice A larger share is never the smaller part.
    function partGrowsWithShare(uint120 amount, uint16 less, uint16 more) external pure {
        require(less <= more && more <= Shares.WHOLE);
        assert(Shares.part(amount, less) <= Shares.part(amount, more));
    }

    /// @notice Start of the induction: no members have nothing, and are owed nothing.
    function noMembers(uint120 amount) external pure {
        assert(Bounds.hold(amount, 0, 0, 0));
    }

    /// @notice Its step: if the parts of some members are in bounds, they are with one more member as well.
    function oneMoreMember(uint120 amount, uint16 members, uint16 shares, uint120 parts, uint16 bps) external pure {
        require(members < MOST_MEMBERS && shares <= Shares.WHOLE && bps != 0 && bps <= Shares.WHOLE - shares);
        require(Bounds.hold(amount, members, shares, parts));
        uint256 sum = parts + Shares.part(amount, bps);
        assert(Bounds.hold(amount, uint256(members) + 1, uint256(shares) + bps, sum) && sum <= amount);
    }

    /// @notice Its end: once the shares sum to the whole, all parts together are at most the amount, and less than it by
    /// at most `members - 1` base units.
    function allMembers(uint120 amount, uint16 members, uint120 parts) external pure {
        require(members != 0 && members <= MOST_MEMBERS && Bounds.hold(amount, members, Shares.WHOLE, parts));
        assert(parts <= amount && amount - parts <= members - 1);
    }
}

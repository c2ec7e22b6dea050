// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CreatorPool} from "../solidity/CreatorPool.sol";
import {Split} from "../solidity/Types.sol";
import {HandlerMarket} from "./HandlerMarket.sol";

/// @notice Roots, honest and not, vetoes and claims. The trees are real: four leaves, the splits' and one of a split that
/// nobody declared.
abstract contract HandlerPool is HandlerMarket {
    bytes32 internal constant UNDECLARED = keccak256("undeclared");

    /// @dev A root and what is behind it: `amounts` of the splits in their order, then of the undeclared one.
    struct Root {
        uint256[4] amounts;
        uint256 total;
        uint256 month;
        bytes32 root;
    }

    Root internal _active;
    Root internal _pending;
    uint256 public pendingUntil;
    /// @notice The month of the last root that was not vetoed.
    uint256 public month;
    uint256 public previousMonth;
    /// @notice What the pool paid to each split.
    mapping(bytes32 splitId => uint256 amount) public claimed;
    uint256 public poolClaimed;
    /// @notice The highest total of a root that ever paid.
    uint256 public highestTotal;

    /// @notice What the root that pays now lets out in all.
    function poolTotal() external view returns (uint256) {
        return pendingUntil != 0 && block.timestamp >= pendingUntil ? _pending.total : _active.total;
    }

    /// @notice The leaf of a split in the root that pays now, and its proof.
    function leafOf(uint256 split) external view returns (uint256 amount, bytes32[] memory proof) {
        bool ripe = pendingUntil != 0 && block.timestamp >= pendingUntil;
        Root memory root = ripe ? _pending : _active;
        return (root.amounts[split], _proof(root.amounts, split));
    }

    /// @dev An honest root adds what was funded since to what was earned before. A stolen operator's says anything; the
    /// contract holds it to its total.
    function postRoot(uint256 seed, bool honest, bool hurry) external counted {
        _ripen(hurry);
        if (pendingUntil != 0) return;
        Root memory next;
        next.amounts = _active.amounts;
        next.month = (month == 0 ? 24_000 : month) + 1 + (seed % 2);
        if (honest) {
            uint256 left = funded > _active.total ? funded - _active.total : 0;
            for (uint256 i = 0; i < 3; ++i) {
                uint256 share = bound(seed >> (32 * i), 0, left);
                if (next.amounts[i] < claimed[splitIds[i]]) next.amounts[i] = claimed[splitIds[i]];
                next.amounts[i] += share;
                left -= share;
            }
            next.amounts[3] = 0;
            next.total = next.amounts[0] + next.amounts[1] + next.amounts[2];
            // After a dishonest root the books of the months before are lost; then this one is not honest either.
            if (next.total > funded || next.total < poolClaimed) return;
        } else {
            for (uint256 i = 0; i < 4; ++i) {
                next.amounts[i] = bound(seed >> (32 * i), 0, 2 * funded);
            }
            next.total = bound(seed >> 128, poolClaimed, funded);
            next.amounts[3] = bound(seed >> 64, 0, next.total);
        }
        next.root = _root(next.amounts);
        vm.prank(operator);
        forge.postRoot(uint16(next.month), next.root, uint64(next.total), "inputs");
        (previousMonth, month) = (month, next.month);
        _pending = next;
        pendingUntil = block.timestamp + 2 days;
        ++done[honest ? "postRoot" : "postDishonestRoot"];
    }

    function vetoRoot() external counted {
        _ripen(false);
        if (pendingUntil == 0) return;
        vm.prank(admin);
        forge.vetoRoot();
        (month, pendingUntil) = (previousMonth, 0);
        ++done["vetoRoot"];
    }

    function claim(uint256 split, bool straight, uint256 member, uint256 to, bool hurry) external counted {
        _ripen(hurry);
        split %= 3;
        uint256 cumulative = _active.amounts[split];
        if (cumulative <= claimed[splitIds[split]]) return;
        uint256 amount = cumulative - claimed[splitIds[split]];
        bytes32[] memory proof = _proof(_active.amounts, split);
        if (poolClaimed + amount > _active.total) {
            try forge.claimShare(splitIds[split], cumulative, proof) {
                _breach("the pool paid more than the total of its root");
            } catch {
                ++done["claimRefused"];
            }
            return;
        }
        claimed[splitIds[split]] = cumulative;
        poolClaimed += amount;
        earned[splitIds[split]] += amount;
        Split memory chosen = _splits[split];
        member %= chosen.members.length;
        uint256 drawable = _entitled(split, member) - drawn[splitIds[split]][chosen.members[member]];
        if (straight && drawable != 0) {
            vm.prank(chosen.members[member]);
            uint256 got = forge.claimAndDraw(chosen, cumulative, proof, _someone(to));
            if (got != _draws(split, member)) _breach("a claim sent something else than what could be drawn");
            ++done["claimAndDraw"];
        } else {
            vm.prank(nobody);
            if (forge.claimShare(splitIds[split], cumulative, proof) != amount) _breach("a claim moved something else");
            ++done["claimShare"];
        }
    }

    /// @dev Lets the root that waited long enough pay, as the contract does with the next call.
    function _ripen(bool hurry) internal {
        if (pendingUntil == 0) return;
        if (hurry && block.timestamp < pendingUntil) vm.warp(pendingUntil);
        if (block.timestamp < pendingUntil) return;
        _active = _pending;
        pendingUntil = 0;
        if (_active.total > highestTotal) highestTotal = _active.total;
    }

    function _root(uint256[4] memory amounts) internal view returns (bytes32) {
        return _pair(_pair(_leaf(amounts, 0), _leaf(amounts, 1)), _pair(_leaf(amounts, 2), _leaf(amounts, 3)));
    }

    function _proof(uint256[4] memory amounts, uint256 index) internal view returns (bytes32[] memory proof) {
        proof = new bytes32[](2);
        proof[0] = _leaf(amounts, index ^ 1);
        uint256 other = index < 2 ? 2 : 0;
        proof[1] = _pair(_leaf(amounts, other), _leaf(amounts, other + 1));
    }

    function _leaf(uint256[4] memory amounts, uint256 index) private view returns (bytes32) {
        bytes32 splitId = index < 3 ? splitIds[index] : UNDECLARED;
        return keccak256(bytes.concat(keccak256(abi.encode(splitId, amounts[index]))));
    }

    function _pair(bytes32 one, bytes32 two) private pure returns (bytes32) {
        return one < two ? keccak256(abi.encode(one, two)) : keccak256(abi.encode(two, one));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Source, Split} from "../solidity/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @notice A funded creators' pool, and trees of four splits: three are members alone, one is the group.
abstract contract PoolFixture is Fixture {
    uint16 internal constant JANUARY = 2027 * 12;
    bytes32 internal constant ROOT = keccak256("root");

    Split[4] internal splits;

    function setUp() public virtual override {
        super.setUp();
        splits[0] = group();
        splits[1] = alone(second);
        splits[2] = alone(third);
        splits[3] = alone(stranger);
        for (uint256 i = 0; i < 4; ++i) {
            forge.declareSplit(splits[i]);
        }
    }

    /// @dev Ten enterprise months: 300 for the platform, 700 for the pool.
    function fundPool() internal {
        vm.prank(customer);
        forge.buyPlan(3, 10, 1000 * USDT, USER, Source.Wallet);
    }

    function post(uint16 month, bytes32 root, uint256 total) internal {
        vm.prank(operator);
        forge.postRoot(month, root, uint64(total), "cid");
    }

    function veto() internal {
        vm.prank(admin);
        forge.vetoRoot();
    }

    /// @dev Posts a root and waits until it pays.
    function activate(uint16 month, bytes32 root, uint256 total) internal {
        post(month, root, total);
        vm.warp(block.timestamp + 2 days);
    }

    function leafOf(bytes32 splitId, uint256 cumulative) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(splitId, cumulative))));
    }

    function pair(bytes32 one, bytes32 two) internal pure returns (bytes32) {
        return keccak256(one < two ? bytes.concat(one, two) : bytes.concat(two, one));
    }

    function leaves(uint256[4] memory amounts) internal view returns (bytes32[4] memory all) {
        for (uint256 i = 0; i < 4; ++i) {
            all[i] = leafOf(idOf(splits[i]), amounts[i]);
        }
    }

    function rootOf(uint256[4] memory amounts) internal view returns (bytes32) {
        bytes32[4] memory all = leaves(amounts);
        return pair(pair(all[0], all[1]), pair(all[2], all[3]));
    }

    function proofOf(uint256[4] memory amounts, uint256 place) internal view returns (bytes32[] memory proof) {
        bytes32[4] memory all = leaves(amounts);
        proof = new bytes32[](2);
        proof[0] = all[place ^ 1];
        proof[1] = place < 2 ? pair(all[2], all[3]) : pair(all[0], all[1]);
    }

    /// @dev Anyone claims for a split.
    function claim(uint256[4] memory amounts, uint256 place) internal returns (uint256) {
        return forge.claimShare(idOf(splits[place]), amounts[place], proofOf(amounts, place));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The whole of this file is what the compiler does not do well, see below.
// solhint-disable no-inline-assembly

/// @notice What goes through arrays in calldata, in assembly: the compiler checks and copies them element by element,
/// which costs a member's draw and a claim more than all else that they compute.
library Hashing {
    /// @notice keccak256(abi.encode(members, bps)), elements as they are in the calldata. Of a split that is
    /// not clean (bits above an address, say) it is no declared split's id, because declaring reads every element.
    function splitId(address[] calldata members, uint16[] calldata bps) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            // Scratch beyond the free pointer: two offsets, then each array with its length in front.
            let start := mload(0x40)
            let size := shl(5, add(members.length, 1))
            mstore(start, 0x40)
            mstore(add(start, 0x20), add(size, 0x40))
            calldatacopy(add(start, 0x40), sub(members.offset, 0x20), size)
            let second := add(add(start, 0x40), size)
            size := shl(5, add(bps.length, 1))
            calldatacopy(second, sub(bps.offset, 0x20), size)
            id := keccak256(start, sub(add(second, size), start))
        }
    }

    /// @notice Where `member` stands; the number of members if nowhere.
    function indexOf(address[] calldata members, address member) internal pure returns (uint256 index) {
        assembly ("memory-safe") {
            let at := members.offset
            let end := add(at, shl(5, members.length))
            for {} lt(at, end) {
                at := add(at, 0x20)
            } {
                if eq(calldataload(at), member) {
                    break
                }
            }
            index := shr(5, sub(at, members.offset))
        }
    }

    /// @notice The root that a proof leads to from the leaf (id, amount) of an OpenZeppelin StandardMerkleTree: leaves are
    /// hashed twice, pairs in order of value.
    function merkleRoot(bytes32 id, uint256 amount, bytes32[] calldata proof) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            mstore(0x00, id)
            mstore(0x20, amount)
            mstore(0x00, keccak256(0x00, 0x40))
            root := keccak256(0x00, 0x20)
            let end := add(proof.offset, shl(5, proof.length))
            for {
                let at := proof.offset
            } iszero(eq(at, end)) {
                at := add(at, 0x20)
            } {
                let sibling := calldataload(at)
                // The larger of the two goes second.
                let place := shl(5, gt(root, sibling))
                mstore(place, root)
                mstore(xor(place, 0x20), sibling)
                root := keccak256(0x00, 0x40)
            }
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Assignment, Job, Permit, Purchase} from "../solidity/Types.sol";
import {Fixture, Spendable} from "./Fixture.sol";

/// @notice What people and the operator sign, written apart from the contract that checks it.
abstract contract Signing is Fixture {
    string internal constant PURCHASE_TYPE =
        "Purchase(string kind,bytes32 item,bytes32 account,uint256 months,uint256 maxPrice,bytes32 splitId)";
    string private constant TOKEN_TYPE = "TokenPermissions(address token,uint256 amount)";

    /// @dev What a Permit2 signature covers besides the purchase.
    struct Allowed {
        address token;
        uint256 amount;
        address spender;
        uint256 nonce;
        uint256 deadline;
    }

    function jobIdOf(Job memory job) internal pure returns (bytes32) {
        return keccak256(abi.encode(job));
    }

    /// @dev AIForge's EIP-712 domain on a chain, at an address.
    function domainOf(uint256 chain, address instance) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                    keccak256("AIForge"),
                    keccak256("1"),
                    chain,
                    instance
                )
            );
    }

    function assignmentHash(Assignment memory assignment) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256("Assignment(bytes32 jobId,address node,bytes32 payee,uint40 expiry)"),
                    assignment.jobId,
                    assignment.node,
                    assignment.payee,
                    assignment.expiry
                )
            );
    }

    function attestationHash(bytes32 jobId, bytes32 payee, bytes32 result) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(keccak256("Attestation(bytes32 jobId,bytes32 payee,bytes32 result)"), jobId, payee, result)
            );
    }

    function sign(uint256 key, bytes32 domain, bytes32 structHash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    /// @dev The operator's signature for this contract on this chain.
    function signed(bytes32 structHash) internal view returns (bytes memory) {
        return sign(OPERATOR_KEY, domainOf(block.chainid, address(forge)), structHash);
    }

    /// @dev Up to the purchase's maximum, for this contract, for an hour.
    function allowing(Purchase memory bought) internal view returns (Allowed memory) {
        return
            Allowed({
                token: address(usdt),
                amount: bought.maxPrice,
                spender: address(forge),
                nonce: uint256(keccak256(abi.encode(bought))),
                deadline: block.timestamp + 1 hours
            });
    }

    function permitOf(uint256 key, Purchase memory bought) internal view returns (Permit memory) {
        return permitOf(key, bought, allowing(bought));
    }

    function permitOf(
        uint256 key,
        Purchase memory bought,
        Allowed memory allowed
    ) internal view returns (Permit memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)"),
                keccak256("Permit2"),
                block.chainid,
                PERMIT2
            )
        );
        bytes32 typeHash = keccak256(
            abi.encodePacked(
                "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Purchase witness)",
                PURCHASE_TYPE,
                TOKEN_TYPE
            )
        );
        bytes32 token = keccak256(abi.encode(keccak256(bytes(TOKEN_TYPE)), allowed.token, allowed.amount));
        bytes32 structHash = keccak256(
            abi.encode(typeHash, token, allowed.spender, allowed.nonce, allowed.deadline, purchaseHash(bought))
        );
        return
            Permit({
                payer: vm.addr(key),
                nonce: allowed.nonce,
                deadline: allowed.deadline,
                signature: sign(key, domain, structHash)
            });
    }

    /// @dev Lets Permit2 move a wallet's USDT, as wallets do once.
    function approvePermit2(address who) internal {
        vm.prank(who);
        Spendable(address(usdt)).approve(PERMIT2, type(uint256).max);
    }

    function purchaseHash(Purchase memory bought) private pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(bytes(PURCHASE_TYPE)),
                    keccak256(bytes(bought.kind)),
                    bought.item,
                    bought.account,
                    bought.months,
                    bought.maxPrice,
                    bought.splitId
                )
            );
    }
}

import type { Address, Hex } from "viem";

/** Where Permit2 is on every chain that has it (EIP-712 domain: name "Permit2", the chain, this address). */
export const PERMIT2: Address = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

/** The deterministic deployer through which Permit2 was created, and the salt: they make its address. */
export const CREATE2_DEPLOYER: Address = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
export const PERMIT2_SALT: Hex = "0x0000000000000000000000000000000000000000d3af2663da51c10215000000";

/** How `Checkout.purchase` calls what a payment is for. Publishing has no such way. */
export const PURCHASE_KINDS = {
  plan: "plan",
  service: "subscription",
  license: "license",
  listing: "listing",
  usage: "usage",
  job: "job",
  publish: null,
} as const;

/** EIP-712 types of a purchase by Permit2: a transfer that is bound to what it is for. */
export const PURCHASE_TYPES = {
  PermitWitnessTransferFrom: [
    { name: "permitted", type: "TokenPermissions" },
    { name: "spender", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
    { name: "witness", type: "Purchase" },
  ],
  TokenPermissions: [
    { name: "token", type: "address" },
    { name: "amount", type: "uint256" },
  ],
  Purchase: [
    { name: "kind", type: "string" },
    { name: "item", type: "bytes32" },
    { name: "account", type: "bytes32" },
    { name: "months", type: "uint256" },
    { name: "maxPrice", type: "uint256" },
    { name: "splitId", type: "bytes32" },
  ],
} as const;

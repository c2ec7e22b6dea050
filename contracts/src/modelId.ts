import { type Address, encodeAbiParameters, type Hex, keccak256 } from "viem";

/** The id of a model on chain: `keccak256(abi.encode(owner, salt))`. Use {@link modelSalt} for the salt. */
export function modelId(owner: Address, salt: Hex): Hex {
  return keccak256(encodeAbiParameters([{ type: "address" }, { type: "bytes32" }], [owner, salt]));
}

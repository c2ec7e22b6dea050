import { aiforgeAbi } from "@aiforge/contracts";
import {
  type Abi,
  BaseError,
  CallExecutionError,
  decodeErrorResult,
  type Hex,
  type PublicClient,
  parseAbi,
} from "viem";

/** The errors of what the contract calls: Permit2's own. USDT has none. */
const PERMIT2_ERRORS = parseAbi([
  "error InvalidNonce()",
  "error SignatureExpired(uint256 signatureDeadline)",
  "error InvalidSigner()",
  "error InvalidSignature()",
  "error InvalidSignatureLength()",
  "error InvalidContractSignature()",
  "error InvalidAmount(uint256 maxAmount)",
]);

const ABI: Abi = [...aiforgeAbi, ...PERMIT2_ERRORS];

export interface Revert {
  /** The error's name; null when the contract gave none that is known. */
  name: string | null;
}

/**
 * Runs a call without sending it.
 * @param blockNumber the state to run it on; the newest when left out
 * @returns null when it goes through
 * @throws viem's errors when the chain does not answer
 */
export async function revertOf(
  client: PublicClient,
  call: { from: Hex; to: Hex; data: Hex; blockNumber?: bigint },
): Promise<Revert | null> {
  try {
    await client.call({
      account: call.from,
      to: call.to,
      data: call.data,
      ...(call.blockNumber !== undefined && { blockNumber: call.blockNumber }),
    });
    return null;
  } catch (error) {
    if (!(error instanceof CallExecutionError) || !isRevert(error)) throw error;
    const data = revertData(error);
    return { name: data && errorName(data) };
  }
}

/** Whether an error is the chain's answer that a call reverts, with data or without; anything else is no answer. */
export function isRevert(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  return revertData(error) !== null || /revert/i.test(`${error.shortMessage} ${error.details}`);
}

function revertData(error: BaseError): Hex | null {
  const found = error.walk((each) => typeof each === "object" && each !== null && "data" in each);
  if (!found || !("data" in found)) return null;
  const { data } = found as { data?: Hex | { data?: Hex } | null };
  const hex = typeof data === "object" ? data?.data : data;
  return typeof hex === "string" && hex.startsWith("0x") ? hex : null;
}

/** The name of the error that a call reverted with; null for one that is not known. */
export function errorName(data: Hex): string | null {
  try {
    return decodeErrorResult({ abi: ABI, data }).errorName;
  } catch {
    return null;
  }
}

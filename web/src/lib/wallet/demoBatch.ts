import { type Hex, isHex, keccak256, numberToHex, type PublicClient, stringToHex } from "viem";
import { ProviderError } from "./providerError.ts";

/** Calls of EIP-5792's `wallet_sendCalls`. */
export interface Batch {
  from: string;
  calls: { to: Hex; data: Hex; value: bigint }[];
}

/**
 * Reads `wallet_sendCalls` (EIP-5792).
 * @throws {ProviderError} -32602 for anything malformed, 5750 where the batch must be atomic, 5710 on another chain.
 */
export function readBatch(parameter: unknown, chainId: number): Batch {
  const { from, calls, chainId: wanted, atomicRequired } = (parameter ?? {}) as Record<string, unknown>;
  if (Number(wanted) !== chainId)
    throw new ProviderError(5710, "The demo wallet works on the local chain only.");
  if (atomicRequired) throw new ProviderError(5760, "The demo wallet sends one call after the other.");
  if (!Array.isArray(calls) || calls.length === 0 || calls.length > 10) {
    throw new ProviderError(-32602, "Not a batch of 1 to 10 calls.");
  }
  return {
    from: String(from),
    calls: calls.map((call: Record<string, string | undefined>) => {
      const { to, data = "0x", value } = call;
      if (!to || !isHex(to) || !isHex(data)) throw new ProviderError(-32602, "Not a call to a contract.");
      return { to, data, value: value ? BigInt(value) : 0n };
    }),
  };
}

/** Batches that were sent in this visit, by id, and where they stand. */
export class SentBatches {
  #hashes = new Map<string, Hex[]>();
  #chainId: number;

  constructor(chainId: number) {
    this.#chainId = chainId;
  }

  add(hashes: Hex[]): { id: Hex } {
    const id = keccak256(stringToHex(hashes.join()));
    this.#hashes.set(id, hashes);
    return { id };
  }

  /** `wallet_getCallsStatus`: 100 while any call is not mined, 200 when all succeeded, 600 when some reverted. */
  async status(id: unknown, node: PublicClient) {
    const hashes = this.#hashes.get(String(id));
    if (!hashes) throw new ProviderError(5730, "This batch was not sent from here.");
    const receipts = await Promise.all(
      hashes.map((hash) => node.request({ method: "eth_getTransactionReceipt", params: [hash] })),
    );
    const mined = receipts.filter((receipt) => receipt !== null);
    const failed = mined.some(({ status }) => status === "0x0");
    return {
      version: "2.0.0",
      id: String(id),
      chainId: numberToHex(this.#chainId),
      atomic: false,
      status: mined.length < hashes.length ? 100 : failed ? 600 : 200,
      receipts: mined,
    };
  }
}

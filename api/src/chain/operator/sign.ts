import { type Hex, keccak256, parseTransaction } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import type { Call } from "../calls.ts";
import type { Chain } from "../chains.ts";

/** A transaction as it is sent, and the hash by which it is found. */
export interface SignedTransaction {
  rawTx: Hex;
  txHash: Hex;
  nonce: number;
}

/**
 * Signs a call.
 * @param replacing a transaction of the same nonce, which a node gives up only for one that pays an eighth more
 * @throws viem's errors, when the chain does not answer or the call would fail
 */
export async function signCall(
  chain: Chain,
  account: PrivateKeyAccount,
  { to, data }: Pick<Call, "to" | "data">,
  nonce: number,
  replacing?: string,
): Promise<SignedTransaction> {
  const call = { to: to as Hex, data: data as Hex };
  const before = replacing ? parseTransaction(replacing as Hex) : {};
  const [gas, fees] = await Promise.all([
    // What is to be replaced waits in the node's pending state, where the same thing again would fail.
    before.gas ?? chain.client.estimateGas({ account: account.address, ...call, blockTag: "latest" }),
    chain.client.estimateFeesPerGas(),
  ]);
  const rawTx = await account.signTransaction({
    type: "eip1559",
    chainId: chain.chainId,
    nonce,
    ...call,
    value: 0n,
    gas: before.gas ?? (gas * 5n) / 4n,
    maxFeePerGas: dearer(fees.maxFeePerGas, before.maxFeePerGas),
    maxPriorityFeePerGas: dearer(fees.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
  });
  return { rawTx, txHash: keccak256(rawTx), nonce };
}

function dearer(now: bigint, then: bigint | undefined): bigint {
  const least = then === undefined ? 0n : (then * 9n) / 8n + 1n;
  if (now > least) return now;
  return least;
}

import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import {
  type Hex,
  keccak256,
  maxUint256,
  parseEventLogs,
  parseTransaction,
  type TransactionReceipt,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import type { Chain } from "../../../chain/chains.ts";
import { revertOf } from "../../../chain/revert.ts";
import type { Order } from "./orders.ts";

/* What the cashier asks of the chain, and what it signs. Nothing here is written down. */

/** Refusals that no waiting mends: what was bought with the transfer is bought no more, and it becomes credit. */
const FINAL: ReadonlySet<string> = new Set([
  "PriceAboveMax",
  "SplitChanged",
  "NotListed",
  "NotOffered",
  "UnknownPlan",
  "UnknownModel",
  "MonthsOutOfRange",
  "ZeroAccount",
  "FeeAboveMax",
  "InvalidAddress",
  "ZeroAmount",
  "AmountTooLarge",
]);

export const isFinal = (refusal: string | null): refusal is string => refusal !== null && FINAL.has(refusal);

/** What an order's call does now: `null` when it would succeed, else the contract's error, or "unknown". */
export async function tryOut(chain: Chain, from: Hex, order: Order): Promise<string | null> {
  const revert = await revertOf(chain, { from, to: order.call.to as Hex, data: order.call.data as Hex });
  return revert && (revert.name ?? "unknown");
}

/** What the contract may take from the cashier, in micro-USDT. */
export function cashierAllowance(chain: Chain, cashier: Hex): Promise<bigint> {
  return chain.client.readContract({
    address: chain.usdt,
    abi: usdtAbi,
    functionName: "allowance",
    args: [cashier, chain.aiforge],
  });
}

/** An allowance that lasts: USDT does not count down from the highest. */
export const EVERYTHING = maxUint256;

/**
 * Signs an order's transaction.
 * @param replacing a transaction of the same nonce, which a node gives up only for one that pays an eighth more
 */
export async function signOrder(
  chain: Chain,
  account: PrivateKeyAccount,
  order: Order,
  nonce: number,
  replacing?: string,
): Promise<{ hash: Hex; raw: Hex; nonce: number }> {
  const call = { to: order.call.to as Hex, data: order.call.data as Hex };
  const before = replacing ? parseTransaction(replacing as Hex) : {};
  const [gas, fees] = await Promise.all([
    // What is to be replaced waits in the node's pending state, where the same thing again may have no money left.
    before.gas ?? estimate(chain, account.address, call),
    chain.client.estimateFeesPerGas(),
  ]);
  const dearer = (now: bigint, then: bigint | undefined): bigint => {
    const least = then === undefined ? 0n : (then * 9n) / 8n + 1n;
    if (now > least) return now;
    return least;
  };
  const raw = await account.signTransaction({
    type: "eip1559",
    chainId: chain.chainId,
    nonce,
    ...call,
    value: 0n,
    gas,
    maxFeePerGas: dearer(fees.maxFeePerGas, before.maxFeePerGas),
    maxPriorityFeePerGas: dearer(fees.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
  });
  return { hash: keccak256(raw), raw, nonce };
}

async function estimate(chain: Chain, from: Hex, call: { to: Hex; data: Hex }): Promise<bigint> {
  const gas = await chain.client.estimateGas({ account: from, ...call, blockTag: "latest" });
  return (gas * 5n) / 4n;
}

/** What the contract took for a purchase, as its receipt says, in micro-USDT. */
export function paidIn(chain: Chain, receipt: TransactionReceipt): bigint {
  const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === chain.aiforge.toLowerCase());
  const events = parseEventLogs({
    abi: aiforgeAbi,
    logs,
    eventName: ["ServicePurchased", "LicensePurchased", "PlanPurchased", "ListingExtended"],
  });
  return events.reduce((sum, { args }) => sum + ("price" in args ? args.price : args.fee), 0n);
}

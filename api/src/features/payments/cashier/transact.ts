import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import {
  BaseError,
  type Hex,
  HttpRequestError,
  maxUint256,
  parseEventLogs,
  TimeoutError,
  type TransactionReceipt,
} from "viem";
import type { Chain } from "../../../chain/chains.ts";
import { revertOf } from "../../../chain/revert.ts";
import type { Order } from "./orders.ts";

/* What the cashier asks of the chain. Nothing here is written down. */

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
  const revert = await revertOf(chain.patient, {
    from,
    to: order.call.to as Hex,
    data: order.call.data as Hex,
  });
  return revert && (revert.name ?? "unknown");
}

/** Whether an error says that the node is away, whatever it is asked. */
export const isAway = (error: unknown): boolean =>
  error instanceof BaseError &&
  error.walk((each) => each instanceof HttpRequestError || each instanceof TimeoutError) !== null;

/** What the contract may take from the cashier, in micro-USDT. */
export function cashierAllowance(chain: Chain, cashier: Hex): Promise<bigint> {
  return chain.patient.readContract({
    address: chain.usdt,
    abi: usdtAbi,
    functionName: "allowance",
    args: [cashier, chain.aiforge],
  });
}

/** An allowance that lasts: USDT does not count down from the highest. */
export const EVERYTHING = maxUint256;

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

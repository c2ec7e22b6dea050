import { type Account, extendPeriod, parseAccountRef } from "@aiforge/contracts";
import { confirmationsAt } from "../../chain/chains.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { chainNow, dateOf, isoOf } from "../publishing/onchain.ts";
import { type Purchase, purchasesFor, purchasesOfModelFor } from "./queries.ts";

export interface Entitlement {
  activeUntil: Date;
  /** Whose subscription it is: the user's own, or a group's. */
  via: Account;
}

/**
 * The API subscription that lets a user use a model now; confirmed purchases only. Asks the database once and the
 * chain never, so the gateway can afford it on each call.
 * @param modelId UUID
 * @returns null when there is none
 */
export async function activeEntitlement(
  deps: Deps,
  userId: string,
  modelId: string,
): Promise<Entitlement | null> {
  const bought = await purchasesOfModelFor(deps.db, modelId, userId);
  const ends = periodsOf(bought.filter((purchase) => isConfirmed(deps, purchase)));
  let best: { account: string; end: bigint } | null = null;
  for (const [each, end] of ends) if (!best || end > best.end) best = { account: each, end };
  const via = best && parseAccountRef(best.account);
  if (!best || !via || best.end <= timeOf(bought)) return null;
  return { activeUntil: dateOf(best.end), via };
}

/** The subscriptions of accounts, one entry a model, the longest lasting first. */
export async function subscriptionsOf(deps: Deps, accounts: string[]) {
  const byModel = Map.groupBy(await purchasesFor(deps.db, accounts), ({ modelId }) => modelId);
  const subscriptions = [...byModel].map(([modelId, bought]) => {
    const confirmed = bought.filter((purchase) => isConfirmed(deps, purchase));
    const end = [...periodsOf(confirmed).values()].reduce((last, each) => (each > last ? each : last), 0n);
    return {
      modelId,
      modelName: bought[0]!.modelName,
      activeUntil: end === 0n ? null : isoOf(end),
      active: end > timeOf(bought),
      pending: confirmed.length < bought.length,
      purchases: bought.toReversed().map((purchase) => viewPurchase(deps, purchase)),
    };
  });
  return subscriptions.sort((a, b) => (b.activeUntil ?? "").localeCompare(a.activeUntil ?? ""));
}

/** The end of each account's paid time, in unix seconds, from its purchases in the order of the chain. */
export function periodsOf(
  bought: readonly Pick<Purchase, "account" | "blockTimestamp" | "months">[],
): Map<string, bigint> {
  const ends = new Map<string, bigint>();
  for (const { account, blockTimestamp, months } of bought) {
    ends.set(account, extendPeriod(blockTimestamp, ends.get(account) ?? null, months));
  }
  return ends;
}

/** The time of the chain that a model's purchases are on. */
const timeOf = (bought: readonly Purchase[]): bigint => chainNow(bought[0]?.headTime ?? 0n);

function isConfirmed(deps: Deps, { chain, headBlock, blockNumber }: Purchase): boolean {
  return confirmationsAt(headBlock, blockNumber) >= deps.chains.get(chain).confirmations;
}

function viewPurchase(deps: Deps, purchase: Purchase) {
  return {
    txHash: purchase.txHash,
    price: usdt(purchase.price),
    fee: usdt(purchase.fee),
    months: Number(purchase.months),
    at: isoOf(purchase.blockTimestamp),
    confirmations: confirmationsAt(purchase.headBlock, purchase.blockNumber),
    confirmed: isConfirmed(deps, purchase),
  };
}

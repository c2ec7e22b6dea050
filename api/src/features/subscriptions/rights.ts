import { accountRef, extendPeriod, parseAccountRef } from "@aiforge/contracts";
import { confirmationsAt } from "../../chain/chains.ts";
import type { Deps } from "../../deps.ts";
import { chainNow, dateOf } from "../publishing/onchain.ts";
import { FREE, type Plan, planOf } from "./plans.ts";
import { type PlanPurchase, planPurchasesFor } from "./queries.ts";

/** A plan that a user may use now, and whose quota that is. */
export interface PlanRight {
  plan: Plan;
  /** The account reference whose quota is used. */
  account: string;
  via: "user" | "group";
  /** UUID; null for the user's own. */
  groupId: string | null;
  /** Null for the free plan. */
  activeUntil: Date | null;
}

/** A purchase with the time that it bought, in unix seconds. */
export interface PaidPeriod {
  purchase: PlanPurchase;
  from: bigint;
  to: bigint;
}

/**
 * The time that purchases bought, in the order of the chain. Each plan of an account has its own time: months of
 * another plan run beside it.
 */
export function paidPeriods(bought: readonly PlanPurchase[]): PaidPeriod[] {
  const ends = new Map<string, bigint>();
  return bought.map((purchase) => {
    const key = `${purchase.account} ${purchase.plan}`;
    const end = ends.get(key) ?? null;
    const to = extendPeriod(purchase.blockTimestamp, end, purchase.months);
    ends.set(key, to);
    return {
      purchase,
      from: end !== null && end > purchase.blockTimestamp ? end : purchase.blockTimestamp,
      to,
    };
  });
}

export function isConfirmed(deps: Deps, { chain, headBlock, blockNumber }: PlanPurchase): boolean {
  return confirmationsAt(headBlock, blockNumber) >= deps.chains.get(chain).confirmations;
}

/** The plans that a user may use now, the best first: the bigger plan, then the user's own, then what lasts longest. */
export async function planRightsOf(deps: Deps, userId: string): Promise<PlanRight[]> {
  return rightsFrom(deps, userId, await planPurchasesFor(deps.db, userId));
}

/**
 * As `planRightsOf`, from the purchases. Who has no paid plan of their own has the free one, beside their groups'.
 * @param bought as `planPurchasesFor` gives them
 */
export function rightsFrom(deps: Deps, userId: string, bought: readonly PlanPurchase[]): PlanRight[] {
  const own = accountRef("user", userId);
  const last = new Map<string, PaidPeriod>();
  for (const period of paidPeriods(bought.filter((purchase) => isConfirmed(deps, purchase)))) {
    last.set(`${period.purchase.account} ${period.purchase.plan}`, period);
  }
  const rights = [...last.values()]
    .filter(({ purchase, to }) => to > chainNow(purchase.headTime))
    .map(({ purchase, to }): PlanRight => {
      const account = parseAccountRef(purchase.account);
      return {
        plan: planOf(purchase.plan),
        account: purchase.account,
        via: purchase.account === own ? "user" : "group",
        groupId: account?.kind === "group" ? account.id : null,
        activeUntil: dateOf(to),
      };
    });
  if (!rights.some(({ account }) => account === own)) {
    rights.push({ plan: FREE, account: own, via: "user", groupId: null, activeUntil: null });
  }
  return rights.sort(byWorth);
}

function byWorth(a: PlanRight, b: PlanRight): number {
  if (a.plan.plan !== b.plan.plan) return b.plan.plan - a.plan.plan;
  if (a.via !== b.via) return a.via === "user" ? -1 : 1;
  return (b.activeUntil?.getTime() ?? 0) - (a.activeUntil?.getTime() ?? 0);
}

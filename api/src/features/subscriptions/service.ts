import { accountRef, FEES, parseAccountRef } from "@aiforge/contracts";
import { confirmationsAt } from "../../chain/chains.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { notAnOwner } from "../groups/errors.ts";
import { requireMember } from "../groups/service.ts";
import { isoOf } from "../publishing/onchain.ts";
import { nothingToCancel } from "./errors.ts";
import { PLANS, planOf } from "./plans.ts";
import { cancellationsOf, planPrices, planPurchasesFor, saveCancellation } from "./queries.ts";
import { resets, usedOf } from "./quota.ts";
import { isConfirmed, type PaidPeriod, paidPeriods, rightsFrom } from "./rights.ts";
import type { MySubscriptionView, PeriodView, PlanView } from "./shapes.ts";

/**
 * The plans with their prices on a chain.
 * @throws AppError `unknown_chain` (400)
 */
export async function listPlans(deps: Deps, chainId?: string): Promise<PlanView[]> {
  const chain = chainId ? deps.chains.get(chainId) : deps.chains.all[0]!;
  const prices = await planPrices(deps.db, chain.chain);
  return PLANS.map((plan) => {
    const price = prices.get(plan.plan) ?? 0n;
    const platform = (price * FEES.planBps) / FEES.bps;
    return {
      plan: plan.plan,
      id: plan.id,
      name: plan.name,
      requestsPerDay: plan.requestsPerDay,
      tokensPerMonth: plan.tokensPerMonth,
      priceMonth: usdt(price),
      platform: usdt(platform),
      pool: usdt(price - platform),
      offered: plan.plan !== 0 && price > 0n,
    };
  });
}

/** The caller's plan, what is used of it, and all that they and their groups bought. */
export async function mySubscription(deps: Deps, userId: string): Promise<MySubscriptionView> {
  const bought = await planPurchasesFor(deps.db, userId);
  const [right] = rightsFrom(deps, userId, bought);
  const { plan, account, via, groupId, activeUntil } = right!;
  const [used, cancelled] = await Promise.all([
    usedOf(deps.db, account),
    cancellationsOf(deps.db, [account]),
  ]);
  const confirmed = bought.filter((purchase) => isConfirmed(deps, purchase));
  const lastId = confirmed.findLast((purchase) => purchase.account === account)?.id;
  const view = (period: PaidPeriod) => viewPeriod(deps, period);
  return {
    current: {
      plan: plan.plan,
      id: plan.id,
      name: plan.name,
      activeUntil: activeUntil?.toISOString() ?? null,
      cancelled: plan.plan !== 0 && lastId !== undefined && cancelled.get(account) === lastId,
      via,
      groupId,
    },
    usage: {
      requestsToday: used.requests,
      requestsPerDay: plan.requestsPerDay,
      tokensThisMonth: used.tokens - used.reserved,
      tokensPerMonth: plan.tokensPerMonth,
      resetsAt: { day: resets().day.toISOString(), month: resets().month.toISOString() },
    },
    periods: paidPeriods(confirmed).toReversed().map(view),
    // As if all of them were confirmed, which they will be unless the chain drops one.
    pending: paidPeriods(bought)
      .filter(({ purchase }) => !isConfirmed(deps, purchase))
      .toReversed()
      .map(view),
  };
}

/**
 * Notes that a plan is not to be renewed. It lasts to its end all the same, and a later purchase takes this back.
 * @param groupId the plan of this group; null for the caller's own
 * @throws AppError `not_found` (404), `not_an_owner` (403), `no_subscription` (409)
 */
export async function cancelPlan(
  deps: Deps,
  userId: string,
  groupId: string | null,
): Promise<MySubscriptionView> {
  if (groupId && (await requireMember(deps, userId, groupId)).role !== "owner") throw notAnOwner();
  const account = groupId ? accountRef("group", groupId) : accountRef("user", userId);
  const bought = await planPurchasesFor(deps.db, userId);
  const active = rightsFrom(deps, userId, bought).some(
    (right) => right.account === account && right.activeUntil !== null,
  );
  const last = bought.findLast((purchase) => purchase.account === account && isConfirmed(deps, purchase));
  if (!active || !last) throw nothingToCancel();
  await saveCancellation(deps.db, account, last.id);
  return mySubscription(deps, userId);
}

function viewPeriod(deps: Deps, { purchase, from, to }: PaidPeriod): PeriodView {
  const account = parseAccountRef(purchase.account);
  const { plan, id } = planOf(purchase.plan);
  return {
    plan,
    id,
    via: account?.kind === "group" ? "group" : "user",
    groupId: account?.kind === "group" ? account.id : null,
    months: Number(purchase.months),
    from: isoOf(from),
    to: isoOf(to),
    txHash: purchase.txHash,
    chain: purchase.chain,
    price: usdt(purchase.price),
    confirmed: isConfirmed(deps, purchase),
    confirmations: confirmationsAt(purchase.headBlock, purchase.blockNumber),
    required: deps.chains.get(purchase.chain).confirmations,
  };
}

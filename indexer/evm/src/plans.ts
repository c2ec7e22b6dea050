import type { Context } from "ponder:registry";
import type { Hex } from "viem";
import { planPrices, planPurchases, plans, pool, poolClaims, poolRoots } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { type AnyEvent, chainOf, eventRowOf, recordDrawTo, recordEarning, recordFee } from "./rows.ts";

on("AIForge:PlanPriceSet", async ({ event, context }) => {
  const { plan, price } = event.args;
  await context.db.insert(planPrices).values({ ...eventRowOf(event, context), plan, price });
  await context.db
    .insert(plans)
    .values({ chainId: chainOf(context), plan, price, funded: 0n })
    .onConflictDoUpdate({ price });
});

on("AIForge:PlanPurchased", async ({ event, context }) => {
  const { fees, ...purchase } = event.args;
  const { plan, payer, price, fee, funded } = purchase;
  await context.db.insert(planPurchases).values({ ...eventRowOf(event, context), ...purchase });
  await context.db.update(plans, { chainId: chainOf(context), plan }).set({ funded });
  await recordFee(event, context, { kind: "plan", item: String(plan), payer, gross: price, fee, fees });
});

/** No root waits. */
const NOTHING_PENDING = { pendingRoot: null, pendingTotal: 0n, activeAt: null, pendingId: null };

/**
 * The pool as the contract saw it in this event: posting, vetoing and claiming each begin by letting a root pay whose
 * time came.
 */
async function promotedPool(event: AnyEvent, context: Pick<Context, "chain" | "db">) {
  const row = (await context.db.find(pool, { chainId: chainOf(context) })) ?? {
    chainId: chainOf(context),
    root: null,
    total: 0n,
    claimed: 0n,
    ...NOTHING_PENDING,
    month: 0,
    previousMonth: 0,
  };
  if (row.activeAt === null || event.block.timestamp < row.activeAt) return row;
  return { ...row, root: row.pendingRoot, total: row.pendingTotal, ...NOTHING_PENDING };
}

on("AIForge:RootPosted", async ({ event, context }) => {
  const { root, total, activeAt, cid } = event.args;
  const { id, ...rest } = eventRowOf(event, context);
  const month = Number(event.args.month);
  await context.db
    .insert(poolRoots)
    .values({ id, ...rest, month, root, total, activeAt, cid, vetoed: false, vetoedBy: null });
  const { chainId, ...before } = await promotedPool(event, context);
  const after = {
    ...before,
    pendingRoot: root,
    pendingTotal: total,
    activeAt,
    pendingId: id,
    month,
    previousMonth: before.month,
  };
  await context.db
    .insert(pool)
    .values({ chainId, ...after })
    .onConflictDoUpdate(after);
});

on("AIForge:RootVetoed", async ({ event, context }) => {
  const { chainId, ...before } = await promotedPool(event, context);
  // The contract vetoes only a root that waits, and this is its row.
  if (before.pendingId === null) throw new Error(`A root was vetoed that was never posted, on ${chainId}`);
  await context.db
    .update(poolRoots, { id: before.pendingId })
    .set({ vetoed: true, vetoedBy: event.args.admin });
  await context.db
    .update(pool, { chainId })
    .set({ ...before, ...NOTHING_PENDING, month: before.previousMonth });
});

on("AIForge:PoolClaimed", ({ event, context }) => recordClaim(event, context, event.args));

on("AIForge:PoolClaimedAndDrawn", async ({ event, context }) => {
  const { splitId, member, to, drawnAmount, drawn } = event.args;
  await recordClaim(event, context, event.args);
  await recordDrawTo(event, context, { splitId, member, to, amount: drawnAmount, drawn });
});

/** What the pool paid to a split. */
async function recordClaim(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  claim: { splitId: Hex; amount: bigint; claimed: bigint; splitEarned: bigint; poolClaimed: bigint },
): Promise<void> {
  const { splitId, amount, claimed, splitEarned, poolClaimed } = claim;
  await context.db
    .insert(poolClaims)
    .values({ ...eventRowOf(event, context), splitId, amount, claimed, poolClaimed });
  const { chainId, ...before } = await promotedPool(event, context);
  await context.db.update(pool, { chainId }).set({ ...before, claimed: poolClaimed });
  await recordEarning(event, context, { splitId, kind: "pool", amount, earned: splitEarned, claimed });
}

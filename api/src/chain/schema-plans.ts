import { boolean, integer, text } from "drizzle-orm/pg-core";
import { amount, chain, eventColumns } from "./columns.ts";

/** What 30 days of a plan (1 to 3) cost now, 0 for not offered, and what it brought the creators' pool in its life. */
export const chainPlans = chain
  .view("plans", {
    chainId: text("chain_id").notNull(),
    plan: integer("plan").notNull(),
    price: amount("price").notNull(),
    funded: amount("funded").notNull(),
  })
  .existing();

/** What a plan cost, from when. */
export const chainPlanPrices = chain
  .view("plan_prices", {
    ...eventColumns,
    plan: integer("plan").notNull(),
    price: amount("price").notNull(),
  })
  .existing();

/** `funded` is what this plan brought the creators' pool in its life after this purchase. */
export const chainPlanPurchases = chain
  .view("plan_purchases", {
    ...eventColumns,
    plan: integer("plan").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    months: amount("months").notNull(),
    price: amount("price").notNull(),
    fee: amount("fee").notNull(),
    funded: amount("funded").notNull(),
  })
  .existing();

/**
 * The creators' pool as the contract keeps it, one row a chain. A root that waits becomes `root` with the first claim or
 * posting after `activeAt`; until then whoever reads this promotes it in mind. Months: year * 12 + month - 1, 0 for none.
 */
export const chainPool = chain
  .view("pool", {
    chainId: text("chain_id").notNull(),
    root: text("root"),
    total: amount("total").notNull(),
    claimed: amount("claimed").notNull(),
    pendingRoot: text("pending_root"),
    pendingTotal: amount("pending_total").notNull(),
    activeAt: amount("active_at"),
    /** The row of `pool_roots` that waits. */
    pendingId: text("pending_id"),
    month: integer("month").notNull(),
    previousMonth: integer("previous_month").notNull(),
  })
  .existing();

/** Roots posted; one that was not vetoed pays from `activeAt` on, until the next. */
export const chainPoolRoots = chain
  .view("pool_roots", {
    ...eventColumns,
    month: integer("month").notNull(),
    root: text("root").notNull(),
    total: amount("total").notNull(),
    activeAt: amount("active_at").notNull(),
    cid: text("cid").notNull(),
    vetoed: boolean("vetoed").notNull(),
    vetoedBy: text("vetoed_by"),
  })
  .existing();

/** `claimed` is the split's total after this claim, `poolClaimed` the whole pool's. */
export const chainPoolClaims = chain
  .view("pool_claims", {
    ...eventColumns,
    splitId: text("split_id").notNull(),
    amount: amount("amount").notNull(),
    claimed: amount("claimed").notNull(),
    poolClaimed: amount("pool_claimed").notNull(),
  })
  .existing();

import { index, onchainTable, primaryKey } from "ponder";
import { eventRow } from "./columns.ts";

/** The platform's plans: what 30 days cost now (0: not offered), and what each brought the creators' pool in its life. */
export const plans = onchainTable(
  "plans",
  (t) => ({
    chainId: t.text().notNull(),
    plan: t.integer().notNull(),
    price: t.bigint().notNull(),
    funded: t.bigint().notNull(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.plan] }) }),
);

/** What a plan cost, from when. */
export const planPrices = onchainTable("plan_prices", (t) => ({
  ...eventRow(t),
  plan: t.integer().notNull(),
  price: t.bigint().notNull(),
}));

/** Plans bought; `funded` is what this plan brought the creators' pool in its life after this one. */
export const planPurchases = onchainTable(
  "plan_purchases",
  (t) => ({
    ...eventRow(t),
    plan: t.integer().notNull(),
    account: t.hex().notNull(),
    payer: t.hex().notNull(),
    months: t.bigint().notNull(),
    price: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    funded: t.bigint().notNull(),
  }),
  (table) => ({
    account: index().on(table.account),
    payer: index().on(table.payer),
    tx: index().on(table.txHash),
  }),
);

/**
 * The creators' pool as the contract keeps it, one row a chain. Months are year * 12 + month - 1; `month` is the newest
 * root's and `previous_month` the one's before it, 0 for none. A root that waits has a `pending_root`, which pays from
 * `active_at` on: the contract moves it to `root` in the next call after that, and so does this row.
 */
export const pool = onchainTable("pool", (t) => ({
  chainId: t.text().primaryKey(),
  root: t.hex(),
  total: t.bigint().notNull(),
  claimed: t.bigint().notNull(),
  pendingRoot: t.hex(),
  pendingTotal: t.bigint().notNull(),
  activeAt: t.bigint(),
  /** The row of `pool_roots` that waits. */
  pendingId: t.text(),
  month: t.integer().notNull(),
  previousMonth: t.integer().notNull(),
}));

/** Roots posted; one that was not vetoed pays from `active_at` on, until the next. */
export const poolRoots = onchainTable(
  "pool_roots",
  (t) => ({
    ...eventRow(t),
    month: t.integer().notNull(),
    root: t.hex().notNull(),
    total: t.bigint().notNull(),
    activeAt: t.bigint().notNull(),
    cid: t.text().notNull(),
    vetoed: t.boolean().notNull(),
    vetoedBy: t.hex(),
  }),
  (table) => ({ month: index().on(table.month) }),
);

/** What splits claimed; `claimed` is the split's total after this, `pool_claimed` the whole pool's. */
export const poolClaims = onchainTable(
  "pool_claims",
  (t) => ({
    ...eventRow(t),
    splitId: t.hex().notNull(),
    amount: t.bigint().notNull(),
    claimed: t.bigint().notNull(),
    poolClaimed: t.bigint().notNull(),
  }),
  (table) => ({ split: index().on(table.splitId) }),
);

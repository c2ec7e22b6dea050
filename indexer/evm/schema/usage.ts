import { index, onchainTable, primaryKey } from "ponder";
import { eventRow } from "./columns.ts";

/**
 * Each payer's deposit for metered use: what is left, the most that is charged in a day, what was charged on `day` (days
 * since 1970, UTC), and, for who is leaving, when it is free. `account` is the one last named, null when the payer never
 * deposited. After a withdrawal everything but the account is 0 or null.
 */
export const usageDeposits = onchainTable(
  "usage_deposits",
  (t) => ({
    chainId: t.text().notNull(),
    payer: t.hex().notNull(),
    account: t.hex(),
    amount: t.bigint().notNull(),
    dailyCap: t.bigint().notNull(),
    spent: t.bigint().notNull(),
    day: t.integer().notNull(),
    leaveAt: t.bigint(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.payer] }),
    account: index().on(table.account),
  }),
);

/** Every change of a deposit: `amount` is signed, `deposit` is what is left after it. */
export const usageEntries = onchainTable(
  "usage_entries",
  (t) => ({
    ...eventRow(t),
    payer: t.hex().notNull(),
    kind: t.text().$type<"deposit" | "charge" | "exit">().notNull(),
    modelId: t.hex(),
    account: t.hex(),
    amount: t.bigint().notNull(),
    deposit: t.bigint().notNull(),
  }),
  (table) => ({
    payer: index().on(table.payer),
    account: index().on(table.account),
    model: index().on(table.modelId),
    tx: index().on(table.txHash),
  }),
);

/** Batches of metered use that were settled; `root` is of the receipts behind it. */
export const usageBatches = onchainTable("usage_batches", (t) => ({
  ...eventRow(t),
  batch: t.bigint().notNull(),
  root: t.hex().notNull(),
}));

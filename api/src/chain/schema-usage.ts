import { integer, text } from "drizzle-orm/pg-core";
import { amount, chain, eventColumns } from "./columns.ts";

/**
 * Each payer's deposit for metered use: what is left, the most that is charged in a day, what was charged on `day` (days
 * since 1970, UTC), and, for who is leaving, when it is free. `account` is the one last named.
 */
export const chainUsageDeposits = chain
  .view("usage_deposits", {
    chainId: text("chain_id").notNull(),
    payer: text("payer").notNull(),
    account: text("account"),
    amount: amount("amount").notNull(),
    dailyCap: amount("daily_cap").notNull(),
    spent: amount("spent").notNull(),
    day: integer("day").notNull(),
    leaveAt: amount("leave_at"),
  })
  .existing();

/** Every change of a deposit: `amount` is signed, `deposit` is what is left after it. */
export const chainUsageEntries = chain
  .view("usage_entries", {
    ...eventColumns,
    payer: text("payer").notNull(),
    kind: text("kind").$type<"deposit" | "charge" | "exit">().notNull(),
    modelId: text("model_id"),
    account: text("account"),
    amount: amount("amount").notNull(),
    deposit: amount("deposit").notNull(),
  })
  .existing();

/** Batches of metered use that were settled; `root` is of the receipts behind it. */
export const chainUsageBatches = chain
  .view("usage_batches", { ...eventColumns, batch: amount("batch").notNull(), root: text("root").notNull() })
  .existing();

import { bigint, index, integer, numeric, primaryKey, text, timestamp } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });
const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

/**
 * How far a month's distribution is: `computed` (the inputs are fixed), `published` (they are on IPFS), `posted` (the
 * root was sent to the chain), then `active` (it pays) or `vetoed`; `empty` when no split is owed more than before, so
 * there is nothing to post.
 */
export type DistributionState = "computed" | "published" | "posted" | "active" | "vetoed" | "empty";

/** The creators' pool of a contract, month by month. A vetoed month that is done again is a new attempt. */
export const distributions = app.table(
  "distributions",
  {
    /** CAIP-2. */
    chain: text("chain").notNull(),
    /** The contract, lower-case. */
    aiforge: text("aiforge").notNull(),
    /** As the contract counts: year * 12 + month - 1. */
    month: integer("month").notNull(),
    attempt: integer("attempt").notNull(),
    state: text("state").$type<DistributionState>().notNull(),
    /** The canonical JSON, byte for byte. */
    inputs: text("inputs").notNull(),
    /** Null when no split was ever owed anything. */
    root: text("root"),
    /** Micro-USDT: what the root pays in all, what there was to share, and what is left for the next month. */
    total: amount("total").notNull(),
    pool: amount("pool").notNull(),
    carry: amount("carry").notNull(),
    cid: text("cid"),
    /** What it waits for, or what is wrong, in words. */
    note: text("note"),
    /** The signed transaction, kept before it is sent. */
    rawTx: text("raw_tx"),
    txHash: text("tx_hash"),
    txNonce: bigint("tx_nonce", { mode: "number" }),
    signedAt: at("signed_at"),
    /** When the root begins to pay: the block's time and the veto window. */
    activeAt: at("active_at"),
    computedAt: at("computed_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.aiforge, table.month, table.attempt] })],
);

/** What each model's use brought its split in a month. */
export const distributionModels = app.table(
  "distribution_models",
  {
    chain: text("chain").notNull(),
    aiforge: text("aiforge").notNull(),
    month: integer("month").notNull(),
    attempt: integer("attempt").notNull(),
    /** The model's id on chain. */
    onchainId: text("onchain_id").notNull(),
    splitId: text("split_id").notNull(),
    tokens: amount("tokens").notNull(),
    amount: amount("amount").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.aiforge, table.month, table.attempt, table.onchainId] }),
    index("distribution_models_model").on(table.chain, table.onchainId),
  ],
);

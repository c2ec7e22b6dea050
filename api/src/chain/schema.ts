import { boolean, integer, jsonb, numeric, pgSchema, text } from "drizzle-orm/pg-core";

/** The mirror's union views (read-only here), written by the indexer. Amounts: micro-USDT; times: unix seconds. */
const chain = pgSchema("chain");
const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

const eventColumns = {
  id: text("id").notNull(),
  chainId: text("chain_id").notNull(),
  txHash: text("tx_hash").notNull(),
  logIndex: integer("log_index").notNull(),
  blockNumber: amount("block_number").notNull(),
  blockTimestamp: amount("block_timestamp").notNull(),
};

export const chainModels = chain
  .view("models", {
    chainId: text("chain_id").notNull(),
    modelId: text("model_id").notNull(),
    owner: text("owner").notNull(),
    account: text("account").notNull(),
    splitId: text("split_id").notNull(),
    weights: text("weights").notNull(),
    paidUntil: amount("paid_until").notNull(),
    priceMonth: amount("price_month").notNull(),
    priceSale: amount("price_sale").notNull(),
    priceInput: amount("price_input").notNull(),
    priceOutput: amount("price_output").notNull(),
    txHash: text("tx_hash").notNull(),
    logIndex: integer("log_index").notNull(),
    blockNumber: amount("block_number").notNull(),
    blockTimestamp: amount("block_timestamp").notNull(),
  })
  .existing();

export const chainSplits = chain
  .view("splits", {
    chainId: text("chain_id").notNull(),
    splitId: text("split_id").notNull(),
    members: jsonb("members").$type<string[]>().notNull(),
    bps: jsonb("bps").$type<number[]>().notNull(),
    earned: amount("earned").notNull(),
  })
  .existing();

export const chainModelSplits = chain
  .view("model_splits", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    splitId: text("split_id").notNull(),
  })
  .existing();

export const chainPublications = chain
  .view("publications", {
    ...eventColumns,
    kind: text("kind").$type<"publish" | "extend">().notNull(),
    modelId: text("model_id").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    months: amount("months").notNull(),
    fee: amount("fee").notNull(),
    paidUntil: amount("paid_until").notNull(),
  })
  .existing();

export const chainServicePurchases = chain
  .view("service_purchases", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    months: amount("months").notNull(),
    price: amount("price").notNull(),
    fee: amount("fee").notNull(),
    splitId: text("split_id").notNull(),
    splitEarned: amount("split_earned").notNull(),
  })
  .existing();

export const chainDraws = chain
  .view("draws", {
    ...eventColumns,
    splitId: text("split_id").notNull(),
    member: text("member").notNull(),
    amount: amount("amount").notNull(),
    drawn: amount("drawn").notNull(),
  })
  .existing();

export const chainMembers = chain
  .view("members", {
    chainId: text("chain_id").notNull(),
    splitId: text("split_id").notNull(),
    member: text("member").notNull(),
    bps: integer("bps").notNull(),
    drawn: amount("drawn").notNull(),
  })
  .existing();

export const chainCredits = chain
  .view("credits", {
    chainId: text("chain_id").notNull(),
    payee: text("payee").notNull(),
    amount: amount("amount").notNull(),
  })
  .existing();

export const chainCreditEntries = chain
  .view("credit_entries", {
    ...eventColumns,
    payee: text("payee").notNull(),
    kind: text("kind").$type<"deposit" | "debit" | "withdraw" | "draw" | "fee">().notNull(),
    delta: amount("delta").notNull(),
    credit: amount("credit").notNull(),
    counterparty: text("counterparty"),
  })
  .existing();

/** How far each chain is mirrored. In step with the rows: both change in one transaction of the mirror's. */
export const chainHeads = chain
  .view("heads", {
    chainId: text("chain_id").notNull(),
    blockNumber: amount("block_number").notNull(),
    blockTimestamp: amount("block_timestamp").notNull(),
  })
  .existing();

export const chainSettings = chain
  .view("settings", {
    chainId: text("chain_id").notNull(),
    treasury: text("treasury"),
    paused: boolean("paused").notNull(),
  })
  .existing();

import { index, type PgColumnsBuilders } from "ponder";

/** Where a row was last changed on the chain. */
export const provenance = (t: PgColumnsBuilders) => ({
  txHash: t.hex().notNull(),
  logIndex: t.integer().notNull(),
  blockNumber: t.bigint().notNull(),
  blockTimestamp: t.bigint().notNull(),
});

/** A row that is one event; `id` is "<chain>-<transaction>-<log index>". */
export const eventRow = (t: PgColumnsBuilders) => ({
  id: t.text().primaryKey(),
  chainId: t.text().notNull(),
  ...provenance(t),
});

/** The four prices of a model; 0 means not offered. */
export const prices = (t: PgColumnsBuilders) => ({
  priceMonth: t.bigint().notNull(),
  priceSale: t.bigint().notNull(),
  priceInput: t.bigint().notNull(),
  priceOutput: t.bigint().notNull(),
});

/** What was paid for a model, and to whom it went. */
export const modelPurchase = (t: PgColumnsBuilders) => ({
  ...eventRow(t),
  modelId: t.hex().notNull(),
  account: t.hex().notNull(),
  payer: t.hex().notNull(),
  price: t.bigint().notNull(),
  fee: t.bigint().notNull(),
  splitId: t.hex().notNull(),
  splitEarned: t.bigint().notNull(),
});

type Indexed = Parameters<ReturnType<typeof index>["on"]>[0];

export const modelPurchaseIndexes = (table: Record<"modelId" | "account" | "payer" | "txHash", Indexed>) => ({
  model: index().on(table.modelId),
  account: index().on(table.account),
  payer: index().on(table.payer),
  tx: index().on(table.txHash),
});

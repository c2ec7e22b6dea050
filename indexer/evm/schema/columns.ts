import type { PgColumnsBuilders } from "ponder";

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

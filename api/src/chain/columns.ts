import { integer, numeric, pgSchema, text } from "drizzle-orm/pg-core";

/** The mirror's union views (read-only here), written by the indexer. Amounts: micro-USDT; times: unix seconds. */
export const chain = pgSchema("chain");

export const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

/** Where on its chain something happened. */
export const provenance = {
  txHash: text("tx_hash").notNull(),
  logIndex: integer("log_index").notNull(),
  blockNumber: amount("block_number").notNull(),
  blockTimestamp: amount("block_timestamp").notNull(),
};

/** A row that is one event; `id` is "<chain>-<transaction>-<log index>". */
export const eventColumns = { id: text("id").notNull(), chainId: text("chain_id").notNull(), ...provenance };

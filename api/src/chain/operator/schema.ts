import { integer, jsonb, numeric, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/**
 * Calls that the operator's key is to send, in the order they were asked for. A row is written in the transaction that
 * makes the call due, so that neither can be there without the other; its key makes asking twice the same as once.
 */
export const operatorTransactions = app.table("operator_transactions", {
  id: uuid("id").primaryKey().defaultRandom(),
  /** CAIP-2. */
  chain: text("chain").notNull(),
  /** What this is, such as `job-pay:<job>`: no two calls have the same. */
  key: text("key").notNull().unique(),
  function: text("function").notNull(),
  /** Arguments as JSON; integers as decimal strings. */
  args: jsonb("args").$type<unknown[]>().notNull(),
  state: text("state").$type<"pending" | "sent" | "confirmed" | "failed">().notNull().default("pending"),
  nonce: integer("nonce"),
  rawTx: text("raw_tx"),
  txHash: text("tx_hash"),
  signedAt: at("signed_at"),
  /** Why the last try did not work. */
  error: text("error"),
  attempts: integer("attempts").notNull().default(0),
  /** When it is tried again; null: at once. */
  retryAt: at("retry_at"),
  /** Height of the block that has it. */
  blockNumber: numeric("block_number", { precision: 78, scale: 0, mode: "bigint" }),
  createdAt: at("created_at").notNull().defaultNow(),
  updatedAt: at("updated_at").notNull().defaultNow(),
});

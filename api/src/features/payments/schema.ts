import { sql } from "drizzle-orm";
import { index, integer, jsonb, numeric, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import type { Call } from "../../chain/calls.ts";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import type { SplitMember } from "../group-revenue/schema.ts";
import { models } from "../models/schema.ts";

/** What can be paid for. */
export const PURPOSES = ["publish", "service", "listing", "plan", "license", "usage", "job"] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Why a transaction that was named for a payment is not it. */
export interface Failure {
  txHash: string;
  code: string;
  message: string;
  hint: string;
}

const at = (name: string) => timestamp(name, { withTimezone: true });
const micro = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

/**
 * Quotes, and the event of the contract that paid each. Nothing here says that a payment is confirmed: that is read
 * from the mirror each time, so a reorg that takes an event away takes the payment's status back.
 */
export const payments = app.table(
  "payments",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    purpose: text("purpose").$type<Purpose>().notNull(),
    /** CAIP-2. */
    chain: text("chain").notNull(),
    /** The wallet that was quoted, lower-case. */
    wallet: text("wallet").notNull(),
    /** Null for plans, deposits and jobs. */
    modelId: uuid("model_id").references(() => models.id, { onDelete: "cascade" }),
    /** What is bought, as the chain names it: the model's id, the plan's number, the job's id; empty for a deposit. */
    onchainId: text("onchain_id").notNull(),
    /** The account reference that the payment is for. */
    account: text("account").notNull(),
    /** 0 for what is not bought by the month. */
    months: integer("months").notNull(),
    /** Micro-USDT, as quoted. */
    amount: micro("amount").notNull(),
    /** The platform's part of it. */
    fee: micro("fee").notNull(),
    /** Where the fee goes, lower-case. */
    treasury: text("treasury").notNull(),
    /** The split that the payer is shown; null where none earns at once. */
    splitId: text("split_id"),
    /** Who shares the rest; empty when there is none. */
    members: jsonb("members").$type<SplitMember[]>().notNull(),
    /** Deposits only: the most that may be charged in a day, micro-USDT. */
    dailyCap: micro("daily_cap"),
    call: jsonb("call").$type<Call>().notNull(),
    /** What to send when paying by a plain transfer: the amount and a tail that tells it from others. Micro-USDT. */
    transferAmount: micro("transfer_amount"),
    /** Height of the chain when this was quoted: what was mined by then paid for something else. */
    quotedBlock: micro("quoted_block").notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
    expiresAt: at("expires_at").notNull(),
    /** The transaction that paid, or that the payer says will have; kept when a reorg takes the event away. */
    txHash: text("tx_hash"),
    /** With `chain` and `txHash` the event that paid; null as long as there is none. */
    logIndex: integer("log_index"),
    matchedAt: at("matched_at"),
    /** When a reorg took the event away that had paid. */
    reorgedAt: at("reorged_at"),
    /** The transaction that the payer asked about last, if it was on the chain, however briefly. */
    seenHash: text("seen_hash"),
    failure: jsonb("failure").$type<Failure>(),
  },
  (table) => [
    uniqueIndex("payments_event").on(table.chain, table.txHash, table.logIndex),
    index("payments_user").on(table.userId, table.createdAt),
    index("payments_account").on(table.account),
    index("payments_matched").on(table.matchedAt).where(sql`matched_at IS NOT NULL`),
    index("payments_open").on(table.chain, table.onchainId, table.account).where(sql`log_index IS NULL`),
  ],
);

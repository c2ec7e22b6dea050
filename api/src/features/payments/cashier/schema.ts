import { sql } from "drizzle-orm";
import {
  bigint,
  bigserial,
  index,
  integer,
  jsonb,
  numeric,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import type { Call } from "../../../chain/calls.ts";
import { app } from "../../../db/app-schema.ts";
import { payments } from "../schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });
const micro = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

/**
 * Amounts that plain transfers to the cashier are told apart by: each belongs to one quote for as long as a transfer can
 * still be matched to it, the days after its end included. Two quotes never wait for the same amount.
 */
export const transferReservations = app.table(
  "transfer_reservations",
  {
    /** CAIP-2. */
    chain: text("chain").notNull(),
    /** The wallet to send to. */
    recipient: text("recipient").notNull(),
    /** Micro-USDT. */
    amount: micro("amount").notNull(),
    paymentId: uuid("payment_id")
      .notNull()
      .unique()
      .references(() => payments.id, { onDelete: "cascade" }),
    until: at("until").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.recipient, table.amount] }),
    index("transfer_reservations_until").on(table.until),
  ],
);

/** What became of a transfer: it buys what was quoted, it becomes credit of `payee`, or it waits for its owner. */
export type Outcome = "purchase" | "credit" | "held";

/** Confirmed transfers to the cashier, each decided once. */
export const incomingTransfers = app.table(
  "incoming_transfers",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    chain: text("chain").notNull(),
    txHash: text("tx_hash").notNull(),
    logIndex: integer("log_index").notNull(),
    sender: text("sender").notNull(),
    /** Micro-USDT. */
    amount: micro("amount").notNull(),
    receivedAt: at("received_at").notNull(),
    /** The quote that it was sent for, as far as can be told. */
    paymentId: uuid("payment_id").references(() => payments.id, { onDelete: "set null" }),
    outcome: text("outcome").$type<Outcome>().notNull(),
    /** Why: see `reasons.ts`. */
    code: text("code").notNull(),
    /** Whose credit it becomes, or what a purchase leaves of it; null while nobody is known. */
    payee: text("payee"),
    decidedAt: at("decided_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("incoming_transfers_event").on(table.chain, table.txHash, table.logIndex),
    // A quote is bought once.
    uniqueIndex("incoming_transfers_purchase").on(table.paymentId).where(sql`outcome = 'purchase'`),
    index("incoming_transfers_received").on(table.chain, table.receivedAt),
    index("incoming_transfers_payment").on(table.paymentId),
    index("incoming_transfers_payee").on(table.payee),
    index("incoming_transfers_held").on(table.sender).where(sql`outcome = 'held'`),
  ],
);

/** Whom an admin gave a held transfer to, and why. Rows stay, whatever becomes of the transfer. */
export const transferAssignments = app.table(
  "transfer_assignments",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    transferId: uuid("transfer_id")
      .notNull()
      .references(() => incomingTransfers.id),
    /** The admin. Without a foreign key: what they did outlives their account. */
    assignedBy: uuid("assigned_by").notNull(),
    assignedAt: at("assigned_at").notNull().defaultNow(),
    /** The quote that it was given to; null for credit. */
    paymentId: uuid("payment_id"),
    /** Whose credit it becomes, or what a purchase leaves of it. */
    payee: text("payee").notNull(),
    /** How the admin knows whose it is. */
    note: text("note").notNull(),
  },
  (table) => [
    index("transfer_assignments_transfer").on(table.transferId, table.assignedAt),
    index("transfer_assignments_at").on(table.assignedAt),
  ],
);

export type OrderKind = "approve" | "purchase" | "surplus" | "credit";
/**
 * pending → signed → done | refused; a signed one whose transaction can never be mined is pending again. Credit that is too
 * little for a transaction of its own begins as waiting: then it is pending, or done with the order that carries it.
 */
export type OrderState = "waiting" | "pending" | "signed" | "done" | "refused";

/** What the cashier's wallet has to do, in order. One nonce belongs to one order. */
export const cashierOrders = app.table(
  "cashier_orders",
  {
    seq: bigserial("seq", { mode: "bigint" }).primaryKey(),
    chain: text("chain").notNull(),
    /** Null for an approval. */
    transferId: uuid("transfer_id").references(() => incomingTransfers.id),
    kind: text("kind").$type<OrderKind>().notNull(),
    /** Micro-USDT; of a purchase that is done, what the contract took. */
    amount: micro("amount").notNull(),
    call: jsonb("call").$type<Call>().notNull(),
    state: text("state").$type<OrderState>().notNull().default("pending"),
    signer: text("signer").notNull(),
    /** Of one that waits or waited: the order whose transaction pays it too. */
    carrierSeq: bigint("carrier_seq", { mode: "bigint" }),
    nonce: integer("nonce"),
    /** The transaction that did it. */
    txHash: text("tx_hash"),
    /** Name of the contract's refusal. */
    refusal: text("refusal"),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("cashier_orders_once").on(table.transferId, table.kind),
    uniqueIndex("cashier_orders_nonce").on(table.chain, table.signer, table.nonce),
    // Allowances come one after the other.
    uniqueIndex("cashier_orders_approve")
      .on(table.chain, table.signer)
      .where(sql`kind = 'approve' AND state IN ('pending', 'signed')`),
    index("cashier_orders_waiting").on(table.chain, table.seq).where(sql`state = 'waiting'`),
    index("cashier_orders_carrier").on(table.carrierSeq).where(sql`carrier_seq IS NOT NULL`),
    index("cashier_orders_open").on(table.chain, table.seq).where(sql`state IN ('pending', 'signed')`),
  ],
);

/** Signed transactions, stored before they are sent: what is here can be sent again at any time and happens once. */
export const cashierTransactions = app.table(
  "cashier_transactions",
  {
    chain: text("chain").notNull(),
    hash: text("hash").notNull(),
    orderSeq: bigint("order_seq", { mode: "bigint" }).notNull(),
    nonce: integer("nonce").notNull(),
    raw: text("raw").notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.hash] }),
    index("cashier_transactions_order").on(table.orderSeq),
  ],
);

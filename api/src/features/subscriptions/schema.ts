import { bigint, date, index, integer, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/**
 * What an account used of its plan, one row an account, locked by whoever reserves or settles. A row tells of the day
 * and the month that it names (UTC); on a later day nothing is used yet.
 */
export const planUsage = app.table("plan_usage", {
  /** Account reference of a user or a group. */
  account: text("account").primaryKey(),
  day: date("day", { mode: "string" }).notNull(),
  /** Calls of that day. */
  requests: integer("requests").notNull(),
  /** The first day of the month. */
  month: date("month", { mode: "string" }).notNull(),
  /** Tokens of that month: used, or reserved by calls that are running. */
  tokens: bigint("tokens", { mode: "number" }).notNull(),
  /** Tokens that the last reservation was given; how the statement that makes one learns of them. */
  granted: bigint("granted", { mode: "number" }).notNull(),
});

/** Calls that are running under a plan. Renewed while they run; one that expired was left by a process that died. */
export const planReservations = app.table(
  "plan_reservations",
  {
    id: uuid("id").primaryKey(),
    account: text("account").notNull(),
    month: date("month", { mode: "string" }).notNull(),
    tokens: bigint("tokens", { mode: "number" }).notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (table) => [
    index("plan_reservations_account").on(table.account),
    index("plan_reservations_expiry").on(table.expiresAt),
  ],
);

/** Accounts that do not mean to renew. A later purchase has another id, and so ends the cancellation by itself. */
export const planCancellations = app.table("plan_cancellations", {
  account: text("account").primaryKey(),
  /** The mirror's id of the last purchase when it was cancelled. */
  purchaseId: text("purchase_id").notNull(),
  cancelledAt: at("cancelled_at").notNull().defaultNow(),
});

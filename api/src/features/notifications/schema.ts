import { sql } from "drizzle-orm";
import {
  bigserial,
  boolean,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import type { NotificationKind } from "./kinds.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/** What each user was told. Written in the transaction of what it tells of. */
export const notifications = app.table(
  "notifications",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    /** The order of the list. */
    no: bigserial("no", { mode: "number" }).notNull().unique(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    /** What it tells of; nobody is told of the same twice. */
    key: text("key").notNull(),
    kind: text("kind").$type<NotificationKind>().notNull(),
    title: text("title").notNull(),
    body: text("body").notNull(),
    /** A path of the site. */
    link: text("link").notNull(),
    /** What webhooks get of it. */
    data: jsonb("data").$type<Record<string, unknown>>().notNull(),
    /** False for one that goes by other channels only. */
    inApp: boolean("in_app").notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
    readAt: at("read_at"),
  },
  (table) => [
    uniqueIndex("notifications_key").on(table.userId, table.key),
    index("notifications_user").on(table.userId, table.no).where(sql`in_app`),
    index("notifications_unread").on(table.userId, table.no).where(sql`in_app AND read_at IS NULL`),
    index("notifications_created").on(table.createdAt),
  ],
);

/** What users chose; without a row the kind's defaults hold. */
export const notificationPreferences = app.table(
  "notification_preferences",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    kind: text("kind").$type<NotificationKind>().notNull(),
    inApp: boolean("in_app").notNull(),
    email: boolean("email").notNull(),
    webhook: boolean("webhook").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.kind] })],
);

/** Addresses that users want to be called at. Secrets are encrypted, bound to their row. */
export const webhooks = app.table(
  "webhooks",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    url: text("url").notNull(),
    sealedSecret: text("sealed_secret").notNull(),
    /** The one before a change: for a day both sign, so that no message is lost meanwhile. */
    sealedOldSecret: text("sealed_old_secret"),
    oldSecretUntil: at("old_secret_until"),
    enabled: boolean("enabled").notNull().default(true),
    /** Why it was switched off by itself; null when it was not. */
    disabledReason: text("disabled_reason"),
    /** Attempts that failed since the last that did not. */
    failures: integer("failures").notNull().default(0),
    /** HTTP status of the last attempt; null when there was no answer. */
    lastStatus: integer("last_status"),
    lastError: text("last_error"),
    lastAttemptAt: at("last_attempt_at"),
    lastSuccessAt: at("last_success_at"),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [index("webhooks_user").on(table.userId, table.createdAt)],
);

/**
 * The outbox: one row for each message that has to leave, written with its notification. A row that is claimed is due
 * again when its lease ends, so one whose process died is sent by another, under the same id.
 */
export const notificationDeliveries = app.table(
  "notification_deliveries",
  {
    /** What receivers know the message by, on every attempt. */
    id: uuid("id").primaryKey().defaultRandom(),
    notificationId: uuid("notification_id")
      .notNull()
      .references(() => notifications.id, { onDelete: "cascade" }),
    channel: text("channel").$type<"email" | "webhook">().notNull(),
    webhookId: uuid("webhook_id").references(() => webhooks.id, { onDelete: "cascade" }),
    state: text("state").$type<"pending" | "delivered" | "failed">().notNull().default("pending"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: at("next_attempt_at").notNull().defaultNow(),
    lastError: text("last_error"),
    createdAt: at("created_at").notNull().defaultNow(),
    endedAt: at("ended_at"),
  },
  (table) => [
    index("notification_deliveries_due").on(table.nextAttemptAt).where(sql`state = 'pending'`),
    index("notification_deliveries_notification").on(table.notificationId),
    index("notification_deliveries_webhook").on(table.webhookId, table.createdAt),
  ],
);

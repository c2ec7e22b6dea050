import { integer, jsonb, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { models } from "../models/schema.ts";

export interface SplitMember {
  /** Lower-case. */
  address: `0x${string}`;
  /** Share in basis points, 1 to 10,000. */
  bps: number;
}

/** The split that a model is to be published with, or was last asked to change to. */
export const splitDrafts = app.table("split_drafts", {
  modelId: uuid("model_id")
    .primaryKey()
    .references(() => models.id, { onDelete: "cascade" }),
  splitId: text("split_id").notNull(),
  members: jsonb("members").$type<SplitMember[]>().notNull(),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull().defaultNow(),
});

/** A model's month as it is for good: amounts as decimal strings in USDT. */
export interface FrozenStatement {
  sources: { service: string; license: string; usage: string; pool: string };
  gross: string;
  fee: string;
  creators: string;
  poolState: "open" | "computed" | "published" | "posted" | "active" | "vetoed" | "empty";
  members: { splitId: string; address: string; bps: number; amount: string }[];
}

/** Statements that were frozen: once for a model and month, never changed after. */
export const revenueStatements = app.table(
  "revenue_statements",
  {
    modelId: uuid("model_id")
      .notNull()
      .references(() => models.id, { onDelete: "cascade" }),
    /** As the contract counts: year * 12 + month - 1. */
    month: integer("month").notNull(),
    statement: jsonb("statement").$type<FrozenStatement>().notNull(),
    frozenAt: timestamp("frozen_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.modelId, table.month] })],
);

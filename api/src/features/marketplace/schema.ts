import { numeric, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { models } from "../models/schema.ts";

const price = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" }).notNull();

/** What a model is to be offered for, in micro-USDT; 0: not offered. On chain counts what the mirror says. */
export const serviceTerms = app.table("service_terms", {
  modelId: uuid("model_id")
    .primaryKey()
    .references(() => models.id, { onDelete: "cascade" }),
  /** For 30 days of API subscription. */
  month: price("price_month"),
  sale: price("price_sale"),
  /** For a million tokens in. */
  input: price("price_input"),
  /** For a million tokens out. */
  output: price("price_output"),
  updatedAt: timestamp("updated_at", { withTimezone: true }).notNull().defaultNow(),
});

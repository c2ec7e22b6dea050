import { jsonb, text, timestamp, uuid } from "drizzle-orm/pg-core";
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

import { index, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { models } from "../models/schema.ts";

/**
 * The on-chain ids under which a model may appear: `keccak256(abi.encode(owner, salt))` for each wallet that its
 * group was quoted publishing for. The salt is public, so anybody can publish under it; only these ids are ours.
 */
export const onchainModels = app.table(
  "onchain_models",
  {
    /** CAIP-2. */
    chain: text("chain").notNull(),
    onchainId: text("onchain_id").notNull(),
    modelId: uuid("model_id")
      .notNull()
      .references(() => models.id, { onDelete: "cascade" }),
    /** The wallet, lower-case. */
    owner: text("owner").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.onchainId] }),
    index("onchain_models_model").on(table.modelId),
  ],
);

import { index, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/** A wallet belongs to one user: its CAIP-10 id is the key. */
export const wallets = app.table(
  "wallets",
  {
    id: text("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    /** CAIP-2. */
    chain: text("chain").notNull(),
    /** Lower-case. */
    address: text("address").notNull(),
    linkedAt: at("linked_at").notNull().defaultNow(),
  },
  (table) => [index("wallets_user").on(table.userId), index("wallets_address").on(table.address)],
);

/** Messages handed out for signing, each good for one attempt. */
export const walletChallenges = app.table(
  "wallet_challenges",
  {
    nonce: text("nonce").primaryKey(),
    purpose: text("purpose").$type<"sign-in" | "link" | "node">().notNull(),
    chain: text("chain").notNull(),
    address: text("address").notNull(),
    /** Who asked; null for a sign-in. */
    userId: uuid("user_id").references(() => user.id, { onDelete: "cascade" }),
    /** The exact text, so that nothing in it can be exchanged. */
    message: text("message").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (table) => [index("wallet_challenges_expires").on(table.expiresAt)],
);

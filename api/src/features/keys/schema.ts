import { sql } from "drizzle-orm";
import { bigint, index, integer, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/** What a key can be good for: `models` are the calls at `/api/v1`, `jobs` all of `/api/jobs` and `/api/files`. */
export const KEY_SCOPES = ["models", "jobs"] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** Keys for programs. Of a secret only the sha-256 is kept, and the beginning by which its owner knows it. */
export const apiKeys = app.table(
  "api_keys",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    prefix: text("prefix").notNull(),
    secretHash: text("secret_hash").notNull().unique(),
    /** What it is good for. */
    scopes: text("scopes").array().$type<KeyScope[]>().notNull().default(sql`'{models}'`),
    /** Models that it may use; null for every model that its owner may use. */
    modelIds: uuid("model_ids").array(),
    expiresAt: at("expires_at"),
    revokedAt: at("revoked_at"),
    lastUsedAt: at("last_used_at"),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [index("api_keys_user").on(table.userId)],
);

/**
 * How a call ended: `served` (the whole answer), `partial` (the node failed after the first token), `idle` (the
 * engine answered without a token), `failed` (nothing was delivered), `cancelled` (the caller went away).
 */
export type UsageOutcome = "served" | "partial" | "idle" | "failed" | "cancelled";

/** The model's own group, an API subscription to it, or a plan of the platform's (the free one too). */
export type EntitlementKind = "owner" | "service" | "plan";

/**
 * One row a call, written before the caller learns of the end. Without foreign keys: it outlives what it names.
 * Token counts are the engine's, null where the engine never reported any.
 */
export const usage = app.table(
  "usage",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id").notNull(),
    /** Null for a call from the chat page. */
    keyId: uuid("key_id"),
    modelId: uuid("model_id").notNull(),
    /** By what the caller was entitled. */
    entitlement: text("entitlement").$type<EntitlementKind>().notNull(),
    /** The plan's number; null where no plan was used. */
    plan: integer("plan"),
    /** Account reference of who was entitled: of the model's group, of the subscription, of the plan. */
    account: text("account").notNull(),
    weightsCid: text("weights_cid"),
    nodeId: uuid("node_id"),
    promptTokens: integer("prompt_tokens"),
    completionTokens: integer("completion_tokens"),
    /** Pico-USDT (10⁻¹²); 0 under a subscription and for the model's own group. */
    price: bigint("price_pico", { mode: "bigint" }).notNull(),
    outcome: text("outcome").$type<UsageOutcome>().notNull(),
    errorCode: text("error_code"),
    startedAt: at("started_at").notNull(),
    firstTokenAt: at("first_token_at"),
    endedAt: at("ended_at").notNull(),
    /** By the database's clock, the same for all instances. */
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("usage_plan_created").on(table.createdAt).where(sql`entitlement = 'plan'`),
    index("usage_user_started").on(table.userId, table.startedAt),
    index("usage_model_started").on(table.modelId, table.startedAt),
  ],
);

import { integer, jsonb, text, timestamp, unique, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import type { NodeFigures, NodeModel } from "./protocol.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/** A machine that serves inference. Its token is kept as a sha-256 only. */
export const nodes = app.table(
  "nodes",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    /** The operator's wallet, lower-case. */
    address: text("address").notNull(),
    name: text("name").notNull(),
    tokenHash: text("token_hash").notNull().unique(),
    capabilities: jsonb("capabilities").$type<Record<string, unknown>>().notNull(),
    version: text("version"),
    capacity: integer("capacity"),
    /** The last heartbeat's figures. */
    figures: jsonb("figures").$type<NodeFigures>(),
    /** State of each model as the node last told it. */
    models: jsonb("models").$type<NodeModel[]>().notNull().default([]),
    /** Models whose probe passed on the connection that is open now. */
    offered: jsonb("offered").$type<string[]>().notNull().default([]),
    lastHeartbeatAt: at("last_heartbeat_at"),
    /** When an admin said that this node may have protected weights; null: it may not. */
    verifiedAt: at("verified_at"),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [unique("nodes_address_name").on(table.address, table.name)],
);

import { sql } from "drizzle-orm";
import {
  boolean,
  index,
  integer,
  jsonb,
  primaryKey,
  real,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import { amount } from "../../chain/columns.ts";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import type { JobCapability } from "./capability.ts";
import type { NodeFigures, NodeModel } from "./protocol.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/** A container probe that a node has yet to answer: the image has to print the sha-256 of the nonce. */
export interface PendingProbe {
  id: string;
  image: string;
  nonce: string;
}

/** A machine that serves inference and runs jobs. Its token is kept as a sha-256 only. */
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
    /** Whether an instance of the api holds a connection to it. A hint: after a crash it is true until it connects again. */
    connected: boolean("connected").notNull().default(false),
    /** The connection that this row tells of: an older one, of whichever instance, has no say in it any more. */
    connection: uuid("connection"),
    /** When an admin said that this node may have protected weights; null: it may not. */
    verifiedAt: at("verified_at"),
    /** An admin took it out of service: it is offered for nothing until an admin puts it back. */
    deactivatedAt: at("deactivated_at"),
    deactivatedBy: uuid("deactivated_by").references(() => user.id, { onDelete: "set null" }),
    deactivatedReason: text("deactivated_reason"),
    /** What it offers to jobs, in its own words; the columns below say the same for the scheduler. */
    jobs: jsonb("jobs").$type<JobCapability>(),
    jobsEnabled: boolean("jobs_enabled").notNull().default(false),
    draining: boolean("draining").notNull().default(false),
    cpuMillis: integer("cpu_millis").notNull().default(0),
    memoryMb: integer("memory_mb").notNull().default(0),
    gpus: integer("gpus").notNull().default(0),
    diskMb: integer("disk_mb").notNull().default(0),
    concurrency: integer("concurrency").notNull().default(0),
    jobNetwork: boolean("job_network").notNull().default(false),
    anyImage: boolean("any_image").notNull().default(false),
    /** Digests of the images that it has. */
    images: text("images").array().notNull().default(sql`'{}'`),
    /** Micro-USDT an hour. */
    rateCpu: amount("rate_cpu").notNull().default(sql`0`),
    rateMemory: amount("rate_memory").notNull().default(sql`0`),
    rateGpu: amount("rate_gpu").notNull().default(sql`0`),
    /** What its live attempts hold; changed with them, in one transaction and under this row's lock. */
    usedCpuMillis: integer("used_cpu_millis").notNull().default(0),
    usedMemoryMb: integer("used_memory_mb").notNull().default(0),
    usedGpus: integer("used_gpus").notNull().default(0),
    usedDiskMb: integer("used_disk_mb").notNull().default(0),
    runningJobs: integer("running_jobs").notNull().default(0),
    /** Jobs that it ended well, and those that it lost or failed by its own fault. */
    completed: integer("completed").notNull().default(0),
    failed: integer("failed").notNull().default(0),
    /** Share of its probes that passed, the newer counting more, 0 to 1. */
    probeScore: real("probe_score").notNull().default(1),
    probePassedAt: at("probe_passed_at"),
    probeFailedAt: at("probe_failed_at"),
    /** When its next container probe is due; null: it offers no containers. */
    probeDueAt: at("probe_due_at"),
    probe: jsonb("probe").$type<PendingProbe>(),
    probeSentAt: at("probe_sent_at"),
    /** The process that speaks for this node, and those that it replaced. */
    instance: uuid("instance"),
    pastInstances: uuid("past_instances").array().notNull().default(sql`'{}'`),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [
    unique("nodes_address_name").on(table.address, table.name),
    index("nodes_for_jobs").on(table.id).where(sql`jobs_enabled AND deactivated_at IS NULL`),
  ],
);

/** What was asked of nodes to see whether they do what they say: the newest 500 of each are kept. */
export const nodeProbes = app.table(
  "node_probes",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    nodeId: uuid("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    at: at("at").notNull().defaultNow(),
    kind: text("kind").$type<"inference" | "container">().notNull(),
    modelId: uuid("model_id"),
    ok: boolean("ok").notNull(),
    /** From the question to the answer. */
    ms: integer("ms").notNull(),
    detail: text("detail"),
  },
  (table) => [index("node_probes_node").on(table.nodeId, table.at.desc())],
);

/** A node's figures, one a minute, kept for a week. */
export const nodeSamples = app.table(
  "node_samples",
  {
    nodeId: uuid("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    /** The full minute. */
    at: at("at").notNull(),
    figures: jsonb("figures").$type<NodeFigures>().notNull(),
  },
  // Block ranges: rows come in the order of time, and the oldest go together.
  (table) => [
    primaryKey({ columns: [table.nodeId, table.at] }),
    index("node_samples_at").using("brin", table.at),
  ],
);

/** Invitations to register one node each. The token is kept as a sha-256 only. */
export const nodeInvites = app.table("node_invites", {
  id: uuid("id").primaryKey().defaultRandom(),
  tokenHash: text("token_hash").notNull().unique(),
  createdBy: uuid("created_by").references(() => user.id, { onDelete: "set null" }),
  usedByNode: uuid("used_by_node").references(() => nodes.id, { onDelete: "set null" }),
  usedAt: at("used_at"),
  revokedAt: at("revoked_at"),
  expiresAt: at("expires_at").notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
});

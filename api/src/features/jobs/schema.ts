import type { JobSpecification } from "@aiforge/contracts";
import { sql } from "drizzle-orm";
import {
  bigserial,
  doublePrecision,
  index,
  integer,
  jsonb,
  numeric,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import { groups } from "../groups/schema.ts";
import type { InputWeights } from "../models/input-weights.ts";
import { nodes } from "../nodes/schema.ts";
import { payments } from "../payments/schema.ts";
import type { OutputEntry } from "./shapes.ts";
import type { AttemptState, JobActor, JobReason, JobState } from "./states.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });
const micro = (name: string) => numeric(name, { precision: 78, scale: 0, mode: "bigint" });

/** Jobs. The state changes through `moveJob` alone. */
export const jobs = app.table(
  "jobs",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id),
    groupId: uuid("group_id").references(() => groups.id),
    /** The account reference that ordered. */
    account: text("account").notNull(),
    name: text("name").notNull(),
    template: text("template"),
    spec: jsonb("spec").$type<JobSpecification>().notNull(),
    specHash: text("spec_hash").notNull(),
    /** Of its inputs those that are versions of models. */
    weights: jsonb("weights").$type<InputWeights[]>().notNull().default([]),
    state: text("state").$type<JobState>().notNull().default("quoted"),
    stateSince: at("state_since").notNull().defaultNow(),
    /** Micro-USDT, the platform's fee included. */
    price: micro("price").notNull(),
    /** CAIP-2. */
    chain: text("chain").notNull(),
    /** The client on chain, lower-case: it approves, disputes and is refunded. */
    wallet: text("wallet").notNull(),
    onchainId: text("onchain_id").notNull().unique(),
    /** On chain: without a result by then anyone can have the client refunded. Whole seconds. */
    deadline: at("deadline").notNull(),
    salt: text("salt").notNull(),
    paymentId: uuid("payment_id").references(() => payments.id, { onDelete: "set null" }),
    /** Attempts that may still be begun. */
    attemptsLeft: integer("attempts_left").notNull(),
    /** Number of the last attempt; 0 before the first. */
    attemptNo: integer("attempt_no").notNull().default(0),
    /** Who is at it now, or was last. */
    nodeId: uuid("node_id").references(() => nodes.id),
    /** 0 to 1, as the container tells. */
    progress: doublePrecision("progress"),
    /** Of the manifest, once it is verified. */
    outputCid: text("output_cid"),
    outputs: jsonb("outputs").$type<OutputEntry[]>(),
    resultHash: text("result_hash"),
    /** Of the attempt that was verified. */
    containerSeconds: doublePrecision("container_seconds"),
    failureCode: text("failure_code"),
    failureMessage: text("failure_message"),
    /** While it waits: when the scheduler looks for a node again. */
    tryAt: at("try_at").notNull().defaultNow(),
    createdAt: at("created_at").notNull().defaultNow(),
    fundedAt: at("funded_at"),
    finishedAt: at("finished_at"),
    /** When the chain held nothing of it any more, deep enough that no reorg brings it back. */
    settledAt: at("settled_at"),
  },
  (table) => [
    index("jobs_user").on(table.userId, table.createdAt),
    index("jobs_group").on(table.groupId, table.createdAt),
    index("jobs_node").on(table.nodeId, table.createdAt),
    index("jobs_payment").on(table.paymentId),
    index("jobs_pending").on(table.tryAt).where(sql`state = 'pending'`),
    index("jobs_unsettled").on(table.chain, table.createdAt).where(sql`settled_at IS NULL`),
    index("jobs_live")
      .on(table.state, table.deadline)
      .where(sql`state IN ('quoted', 'pending', 'assigned', 'running', 'verifying')`),
  ],
);

/** The operator's word to a node that it does the job, in JSON. `expiry` and `deadline` in Unix seconds. */
export interface StoredAssignment {
  /** CAIP-2. */
  chain: string;
  /** On chain. */
  jobId: string;
  node: string;
  payee: string;
  expiry: number;
}

/** What a container last told of itself. */
export interface AttemptStats {
  cpu: number;
  memoryBytes: number;
  gpu: number | null;
}

/** Each try of a node at a job. It holds its part of the node until it ends. */
export const jobAttempts = app.table(
  "job_attempts",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => jobs.id),
    no: integer("no").notNull(),
    nodeId: uuid("node_id")
      .notNull()
      .references(() => nodes.id),
    state: text("state").$type<AttemptState>().notNull().default("offered"),
    leaseExpiresAt: at("lease_expires_at").notNull(),
    assignedAt: at("assigned_at").notNull().defaultNow(),
    acceptedAt: at("accepted_at"),
    /** When its container began. */
    startedAt: at("started_at"),
    /** When its container had ended and the outputs began to come. */
    uploadingAt: at("uploading_at"),
    endedAt: at("ended_at"),
    /** The process of the node that accepted it: a second one of the same node may not. */
    instance: uuid("instance"),
    exitCode: integer("exit_code"),
    containerSeconds: doublePrecision("container_seconds"),
    failureCode: text("failure_code"),
    failureMessage: text("failure_message"),
    stats: jsonb("stats").$type<AttemptStats>(),
    lastSeq: integer("last_seq").notNull().default(0),
    /** Bytes of log text that are kept. */
    logBytes: integer("log_bytes").notNull().default(0),
    /** What the node said at the end that it put out. */
    claimed: jsonb("claimed").$type<{ path: string; cid: string; size: number }[]>(),
    assignment: jsonb("assignment").$type<StoredAssignment>(),
    assignmentSignature: text("assignment_signature"),
    cpuMillis: integer("cpu_millis").notNull(),
    memoryMb: integer("memory_mb").notNull(),
    gpus: integer("gpus").notNull(),
    diskMb: integer("disk_mb").notNull(),
  },
  (table) => [
    uniqueIndex("job_attempts_no").on(table.jobId, table.no),
    uniqueIndex("job_attempts_live")
      .on(table.jobId)
      .where(sql`state IN ('offered', 'accepted', 'running', 'uploading')`),
    index("job_attempts_lease")
      .on(table.leaseExpiresAt)
      .where(sql`state IN ('offered', 'accepted', 'running', 'uploading')`),
    index("job_attempts_node").on(table.nodeId, table.assignedAt),
    // What a node is told when it asks.
    index("job_attempts_offered").on(table.nodeId).where(sql`state = 'offered'`),
    index("job_attempts_stopped").on(table.nodeId, table.endedAt).where(sql`state IN ('lost', 'cancelled')`),
  ],
);

/** Every transition of every job. Never changed. */
export const jobEvents = app.table(
  "job_events",
  {
    id: bigserial("id", { mode: "number" }).primaryKey(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => jobs.id),
    at: at("at").notNull().defaultNow(),
    /** Null for the first. */
    from: text("from_state").$type<JobState>(),
    to: text("to_state").$type<JobState>().notNull(),
    by: text("by").$type<JobActor>().notNull(),
    reason: text("reason").$type<JobReason>().notNull(),
    /** For people. */
    detail: text("detail"),
    /** Number of the attempt it is about. */
    attempt: integer("attempt"),
  },
  (table) => [index("job_events_job").on(table.jobId, table.id)],
);

/** What the containers said, as the nodes told it. */
export const jobLogs = app.table(
  "job_logs",
  {
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => jobAttempts.id),
    seq: integer("seq").notNull(),
    at: at("at").notNull().defaultNow(),
    stream: text("stream").$type<"stdout" | "stderr" | "system">().notNull(),
    text: text("text").notNull(),
  },
  (table) => [primaryKey({ columns: [table.attemptId, table.seq] })],
);

/** What the containers used: one row in five seconds at most, 2,000 an attempt. */
export const jobSamples = app.table(
  "job_samples",
  {
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => jobAttempts.id),
    at: at("at").notNull().defaultNow(),
    /** Processors, 0.5 for half of one. */
    cpu: doublePrecision("cpu").notNull(),
    memoryBytes: doublePrecision("memory_bytes").notNull(),
    /** 0 to 1. */
    gpu: doublePrecision("gpu"),
  },
  (table) => [primaryKey({ columns: [table.attemptId, table.at] })],
);

/** One row: when an instance last looked for what is overdue, and when looking began again after nobody did. */
export const jobClock = app.table("job_clock", {
  id: integer("id").primaryKey(),
  lookedAt: at("looked_at").notNull(),
  resumedAt: at("resumed_at").notNull(),
});

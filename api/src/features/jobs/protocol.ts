import { JOB_LIMITS } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import { jobTermsSchema } from "./shapes.ts";
import { cidSchema, jobPathSchema, jobSpecificationSchema } from "./specification.ts";
import { ATTEMPT_STATES, JOB_STATES } from "./states.ts";

/**
 * What nodes and the api say to each other of jobs. All that a node reports goes by HTTP with its token, so that any
 * instance takes it and a broken connection loses nothing; every report may be sent again.
 */

/** A node that is not heard for so long loses what it is at. Reports and heartbeats renew it. */
export const LEASE_SECONDS = 90;
/** Fetching image and inputs may take so long; it does not count as the container's time. */
export const SETUP_SECONDS = 900;
/** Between two polls of a node that cannot hold a WebSocket open. */
export const POLL_SECONDS = 10;

export const workSchema = z
  .object({
    attemptId: z.uuid(),
    jobId: z.uuid(),
    onchainId: z.string(),
    attempt: z.number().int().positive(),
    spec: jobSpecificationSchema,
    inputs: z.array(
      z.object({
        cid: z.string(),
        path: z.string(),
        size: z.number().int(),
        url: z.string().describe("Where its bytes are, with the node's token as bearer"),
      }),
    ),
    leaseSeconds: z.number().int(),
    setupSeconds: z.number().int(),
    engineModelId: z.uuid().nullable(),
    assignment: z
      .object({
        chain: z.string(),
        jobId: z.string(),
        node: z.string(),
        payee: z.string(),
        expiry: z.number().int(),
      })
      .describe("With its signature: enough to submit the result on chain without the api"),
    assignmentSignature: z.string(),
    job: jobTermsSchema,
  })
  .openapi("Work");
export type Work = z.infer<typeof workSchema>;

export const jobProbeSchema = z
  .object({ id: z.uuid(), image: z.string(), nonce: z.string() })
  .openapi("JobProbe");

export const workAnswer = z
  .object({
    work: z.array(workSchema).describe("Offered and not accepted yet; given again until it is"),
    cancel: z.array(z.uuid()).describe("Attempts of this node to stop"),
    probe: jobProbeSchema.nullable(),
    pollSeconds: z.number().int(),
  })
  .openapi("WorkAnswer");

export const acceptBody = z.object({ instance: z.uuid() });

const seq = z.number().int().min(1).max(2_147_483_647);
const told = { seq, at: z.string().max(40).optional().describe("The node's clock; never believed") };
const state = z
  .object({ ...told, type: z.literal("state"), state: z.enum(["setup", "running", "uploading"]) })
  .openapi("StateReport");
const log = z
  .object({
    ...told,
    type: z.literal("log"),
    stream: z.enum(["stdout", "stderr", "system"]),
    text: z.string().max(64 * 1024),
  })
  .openapi("LogReport");
const progress = z
  .object({ ...told, type: z.literal("progress"), value: z.number().min(0).max(1) })
  .openapi("ProgressReport");
const sample = z
  .object({
    ...told,
    type: z.literal("sample"),
    cpu: z.number().min(0).max(10_000),
    memoryBytes: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
    gpu: z.number().min(0).max(1).nullish(),
  })
  .openapi("SampleReport");

const reportSchema = z.discriminatedUnion("type", [state, log, progress, sample]).openapi("Report");
export type Report = z.infer<typeof reportSchema>;

export const reportsBody = z.object({ reports: z.array(reportSchema).max(500) });

export const reportsAnswer = z
  .object({
    ok: z.literal(true),
    lastSeq: z.number().int().describe("What came up to here is kept"),
    cancel: z.boolean().describe("Stop: nobody wants it any more"),
    leaseSeconds: z.number().int(),
  })
  .openapi("ReportsAnswer");

export const putOutputQuery = z.object({ path: jobPathSchema, cid: cidSchema });

export const putOutputAnswer = z
  .object({ path: z.string(), cid: z.string(), size: z.number().int(), sha256: z.string() })
  .openapi("PutOutput");

/** What a node can say went wrong; anything else is `node_failed`. */
export const FAILURE_CODES = [
  "node_failed",
  "node_refused",
  "input_missing",
  "image_missing",
  "setup_time_limit",
  "output_too_large",
  "too_many_files",
  "output_invalid",
] as const;

export const finishBody = z
  .object({
    exitCode: z.number().int().min(-2_147_483_648).max(2_147_483_647).nullable(),
    outOfMemory: z.boolean(),
    timedOut: z.boolean(),
    containerSeconds: z.number().min(0).max(100_000_000),
    files: z
      .array(
        z.object({
          path: z.string().max(4 * JOB_LIMITS.pathBytes),
          cid: z.string().max(200),
          size: z.number().int().nonnegative(),
        }),
      )
      .max(100_000),
    failure: z.object({ code: z.string().max(64), message: z.string().max(2_000) }).nullable(),
  })
  .openapi("FinishAttempt");
export type Finish = z.infer<typeof finishBody>;

export const finishAnswer = z
  .object({
    state: z.enum(ATTEMPT_STATES),
    jobState: z.enum(JOB_STATES),
    result: z
      .string()
      .nullable()
      .describe("Hash of the result once it is verified: what to submit on chain for a job with a review"),
  })
  .openapi("AttemptStanding");

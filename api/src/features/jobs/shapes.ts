import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtInputSchema, usdtSchema } from "../../core/money.ts";
import { label } from "../../core/text.ts";
import { addressSchema } from "../auth/shapes.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { jobSpecificationInputSchema, jobSpecificationSchema } from "./specification.ts";
import { ATTEMPT_STATES, JOB_ACTORS, JOB_REASONS, JOB_STATES } from "./states.ts";

const outputEntrySchema = z
  .object({ path: z.string(), cid: z.string(), size: z.number().int(), sha256: z.string() })
  .openapi("JobOutput");
export type OutputEntry = z.infer<typeof outputEntrySchema>;

export const createJobBody = z
  .object({
    name: label(120),
    spec: jobSpecificationInputSchema,
    price: usdtInputSchema,
    chain: z.string().max(64),
    wallet: addressSchema.describe("A wallet of yours: it pays, approves, disputes and is refunded"),
    groupId: z.uuid().nullish().describe("Order for this group of yours"),
    template: z.string().max(64).nullish(),
    deadlineSeconds: z
      .number()
      .int()
      .positive()
      .max(30 * 86_400)
      .optional()
      .describe(
        "Until then there is a result, or the money goes back. By default a day more than the work takes",
      ),
  })
  .openapi("CreateJob");

export const estimateBody = z.object({ spec: jobSpecificationInputSchema }).openapi("EstimateJob");

export const estimateSchema = z
  .object({
    image: z.object({ ref: z.string(), digest: z.string() }).describe("What was asked for, and what it is"),
    nodes: z.number().int().describe("Nodes that could run it now"),
    price: z
      .object({ suggested: usdtSchema, lowest: usdtSchema })
      .nullable()
      .describe("By the rates of those nodes; null when there are none"),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .openapi("JobEstimate");

const at = z.iso.datetime();

export const jobSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    template: z.string().nullable(),
    state: z.enum(JOB_STATES),
    stateSince: at,
    groupId: z.uuid().nullable(),
    account: z.string(),
    chain: z.string(),
    wallet: z.string(),
    onchainId: z.string(),
    price: usdtSchema,
    deadline: at,
    spec: jobSpecificationSchema,
    specHash: z.string(),
    attempt: z.number().int().describe("Number of the last attempt; 0 before the first"),
    attemptsLeft: z.number().int(),
    node: z.object({ id: z.uuid(), name: z.string() }).nullable().describe("Who is at it, or was last"),
    progress: z.number().nullable(),
    outputCid: z.string().nullable(),
    resultHash: z.string().nullable(),
    containerSeconds: z.number().nullable(),
    failure: z.object({ code: z.string(), message: z.string() }).nullable(),
    createdAt: at,
    fundedAt: at.nullable(),
    finishedAt: at.nullable(),
  })
  .openapi("Job");
export type JobView = z.infer<typeof jobSchema>;

const jobEventSchema = z
  .object({
    id: z.number().int(),
    at,
    from: z.enum(JOB_STATES).nullable(),
    to: z.enum(JOB_STATES),
    by: z.enum(JOB_ACTORS),
    reason: z.enum(JOB_REASONS),
    detail: z.string().nullable(),
    attempt: z.number().int().nullable(),
  })
  .openapi("JobEvent");

const jobSampleSchema = z
  .object({ at, cpu: z.number(), memoryBytes: z.number(), gpu: z.number().nullable() })
  .openapi("JobSample");

const jobAttemptSchema = z
  .object({
    id: z.uuid(),
    no: z.number().int(),
    node: z.object({ id: z.uuid(), name: z.string() }),
    state: z.enum(ATTEMPT_STATES),
    assignedAt: at,
    acceptedAt: at.nullable(),
    startedAt: at.nullable(),
    endedAt: at.nullable(),
    exitCode: z.number().int().nullable(),
    containerSeconds: z.number().nullable(),
    failure: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .openapi("JobAttempt");

export const jobTermsSchema = z
  .object({
    client: z.string(),
    account: z.string(),
    specification: z.string(),
    price: z.string().describe("Micro-USDT"),
    deadline: z.number().int().describe("Unix seconds"),
    salt: z.string(),
  })
  .openapi("JobTerms", { description: "The job as the contract takes it" });
export type JobTerms = z.infer<typeof jobTermsSchema>;

export const jobDisputeSchema = z
  .object({
    by: z.string().describe("The wallet that disputed"),
    side: z.enum(["client", "operator"]).describe("Whose wallet that is: the operator is the platform's"),
    node: z.string().describe("The wallet whose result it is"),
    at,
    until: at.describe("An admin decides until then; afterwards anyone can have the price halved"),
    decision: z
      .object({
        by: z.string(),
        byTime: z.boolean().describe("No admin decided in time, so the price was halved"),
        nodeBps: z.number().int().describe("The node's part of the price, the platform's fee in it"),
        at,
        txHash: z.string(),
      })
      .nullable(),
    over: z.boolean().describe("Whether the money moved: decided, or paid as the client approved after all"),
  })
  .openapi("JobDispute");
export type JobDispute = z.infer<typeof jobDisputeSchema>;

export const jobDetailSchema = jobSchema
  .extend({
    payment: z.union([paymentSchema, z.null()]).describe("Until it is funded: what there is to pay, and how"),
    outputs: z.array(outputEntrySchema),
    tunes: z.uuid().nullable().describe("The model of which a version is an input"),
    attempts: z.array(jobAttemptSchema),
    events: z.array(jobEventSchema),
    samples: z.array(jobSampleSchema).describe("Of the last attempt"),
    terms: jobTermsSchema,
    onchain: z
      .object({
        status: z.enum(["open", "submitted", "disputed", "paid", "refunded", "resolved"]),
        confirmations: z.number().int(),
        payer: z.string(),
        submission: z
          .object({ node: z.string(), payee: z.string(), result: z.string() })
          .nullable()
          .describe("What a node submitted"),
        payee: z.string().nullable(),
        paid: usdtSchema,
        fee: usdtSchema,
        refunded: usdtSchema,
        since: at,
        txHash: z.string(),
        dispute: z.union([jobDisputeSchema, z.null()]).describe("Also after it was decided"),
        overdue: z
          .boolean()
          .describe("Whether anyone can have it sent back now: its deadline passed on chain"),
      })
      .nullable()
      .describe("The escrow as the mirror has it; null before the payment"),
    settlement: z
      .object({
        kind: z.enum(["pay", "refund", "review", "release", "dispute", "halve"]),
        state: z.enum(["pending", "signed", "sent", "confirmed", "failed"]),
        txHash: z.string().nullable(),
        error: z.string().nullable(),
      })
      .nullable()
      .describe("How the money is being moved; null before the job's end"),
  })
  .openapi("JobDetail");
export type JobDetail = z.infer<typeof jobDetailSchema>;

export const jobLogSchema = z
  .object({
    seq: z.number().int(),
    attempt: z.number().int(),
    at,
    stream: z.enum(["stdout", "stderr", "system"]),
    text: z.string(),
  })
  .openapi("JobLog");

/** Data of the server-sent events of a job; each has the name of its `type`. */
export const jobStreamEventSchema = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("state"), event: jobEventSchema }).openapi("JobStateEvent"),
    z.object({ type: z.literal("log"), log: jobLogSchema }).openapi("JobLogEvent"),
    z
      .object({ type: z.literal("progress"), progress: z.number(), attempt: z.number().int() })
      .openapi("JobProgressEvent"),
    z
      .object({ type: z.literal("sample"), sample: jobSampleSchema, attempt: z.number().int() })
      .openapi("JobSampleEvent"),
  ])
  .openapi("JobStreamEvent");
export type JobStreamEvent = z.infer<typeof jobStreamEventSchema>;

export const preparedCall = z.object({ call: callSchema });

export const templateSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    image: z.string().describe("By tag"),
    command: z.array(z.string()),
    code: z
      .object({ cid: z.string(), path: z.string(), size: z.number().int() })
      .describe("An input that every job of this template has"),
    inputs: z.array(
      z.object({
        name: z.string(),
        path: z.string(),
        label: z.string(),
        hint: z.string(),
        accept: z.string(),
      }),
    ),
    parameters: z.array(
      z.object({
        name: z.string(),
        env: z.string(),
        type: z.enum(["number", "text"]),
        label: z.string(),
        default: z.union([z.string(), z.number()]),
        min: z.number().optional(),
        max: z.number().optional(),
      }),
    ),
    resources: z.object({
      cpuMillis: z.number().int(),
      memoryMb: z.number().int(),
      diskMb: z.number().int(),
      outputLimitMb: z.number().int(),
      timeLimitSeconds: z.number().int(),
    }),
    engine: z.boolean().describe("Asks for a model that the node's engine serves"),
    result: z.object({ publish: z.string().nullable(), metrics: z.string().nullable() }),
  })
  .openapi("JobTemplate");
export type JobTemplate = z.infer<typeof templateSchema>;

import {
  isContentCid,
  isImageDigest,
  JOB_LIMITS,
  jobCommandProblem,
  jobEnvProblem,
  jobPathProblem,
} from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtInputSchema, usdtSchema } from "../../core/money.ts";
import { label } from "../../core/text.ts";
import { addressSchema } from "../auth/shapes.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { ATTEMPT_STATES, JOB_ACTORS, JOB_REASONS, JOB_STATES } from "./states.ts";

/** Refuses a value with the sentence that `problem` has for it. */
const sound =
  <T>(problem: (value: T) => string | null) =>
  (value: T, context: z.core.$RefinementCtx<T>) => {
    const message = problem(value);
    if (message) context.addIssue({ code: "custom", message });
  };

const within = ({ min, max }: { min: number; max: number }) => z.number().int().min(min).max(max);

export const cidSchema = z
  .string()
  .max(120)
  .refine(isContentCid, "is not the CID of a file (version 1, base 32)");
const imageSchema = z.string().max(400).refine(isImageDigest, "is not an image by digest: name@sha256:…");
export const jobPathSchema = z.string().max(JOB_LIMITS.pathBytes).superRefine(sound(jobPathProblem));
const command = z
  .array(z.string().max(JOB_LIMITS.commandBytes))
  .min(1)
  .max(JOB_LIMITS.commandItems)
  .superRefine(sound(jobCommandProblem))
  .describe("Arguments, the program first");
const env = z
  .record(z.string().max(200), z.string().max(JOB_LIMITS.envValueBytes))
  .superRefine(sound(jobEnvProblem));

const resources = {
  outputLimitMb: within(JOB_LIMITS.outputLimitMb).describe("MiB of /out together"),
  cpuMillis: within(JOB_LIMITS.cpuMillis).describe("Thousandths of a processor"),
  memoryMb: within(JOB_LIMITS.memoryMb).describe("MiB"),
  gpus: within(JOB_LIMITS.gpus),
  diskMb: within(JOB_LIMITS.diskMb).describe("MiB of inputs, /out and /tmp together"),
  timeLimitSeconds: within(JOB_LIMITS.timeLimitSeconds).describe("Of the container; set-up does not count"),
};

export const jobSpecificationSchema = z
  .object({
    version: z.literal(1),
    image: imageSchema,
    command,
    env,
    inputs: z
      .array(z.object({ cid: cidSchema, path: jobPathSchema, size: z.number().int().nonnegative() }))
      .max(JOB_LIMITS.inputs),
    ...resources,
    network: z.boolean(),
    retries: within(JOB_LIMITS.retries).describe("Attempts after the first"),
    engineModelId: z
      .uuid()
      .nullable()
      .describe("The node's engine serves this model to the job at /run/aiforge/engine.sock"),
    review: z
      .boolean()
      .describe("false: paid at once when verified; true: the client has a day to dispute the result"),
  })
  .openapi("JobSpecification");

/** As people write it: what is left out has a default, and an image may be named by its tag. */
const jobSpecificationInputSchema = z
  .strictObject({
    version: z.literal(1).default(1),
    image: z
      .string()
      .min(1)
      .max(400)
      .regex(/^[\x21-\x7e]+$/, "has characters in it that no image's name has")
      .describe("By digest, or by tag: then it becomes the digest that nodes have for it"),
    command,
    env: env.default({}),
    inputs: z
      .array(
        z.object({
          cid: cidSchema,
          path: jobPathSchema,
          size: z
            .number()
            .int()
            .nonnegative()
            .optional()
            .describe("Looked up; what is said here is not used"),
        }),
      )
      .max(JOB_LIMITS.inputs)
      .default([]),
    ...resources,
    gpus: resources.gpus.default(0),
    network: z.boolean().default(false),
    retries: within(JOB_LIMITS.retries).default(1),
    engineModelId: z.uuid().toLowerCase().nullable().default(null),
    review: z.boolean().default(false),
  })
  .openapi("JobSpecificationInput");
export type JobSpecificationInput = z.output<typeof jobSpecificationInputSchema>;

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

export const jobDetailSchema = jobSchema
  .extend({
    payment: z.union([paymentSchema, z.null()]).describe("Until it is funded: what there is to pay, and how"),
    outputs: z.array(outputEntrySchema),
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
      })
      .nullable()
      .describe("The escrow as the mirror has it; null before the payment"),
    settlement: z
      .object({
        kind: z.enum(["pay", "refund", "review", "release", "dispute"]),
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

import {
  isContentCid,
  isImageDigest,
  JOB_LIMITS,
  jobCommandProblem,
  jobEnvProblem,
  jobPathProblem,
} from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";

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
export const jobSpecificationInputSchema = z
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

import { z } from "zod";

/**
 * What the API and a node say to each other of jobs. As with the frames, what arrives is parsed with schemas that are
 * wider than the API's own types, which a test holds them to.
 */

const hex = z
  .string()
  .regex(/^0x[0-9a-fA-F]*$/)
  .transform((text) => text as `0x${string}`);
const whole = z.number().int().nonnegative();

const specificationSchema = z.object({
  version: z.literal(1),
  image: z.string().min(1),
  command: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  inputs: z.array(z.object({ cid: z.string(), path: z.string(), size: whole })),
  outputLimitMb: whole,
  cpuMillis: whole,
  memoryMb: whole,
  gpus: whole,
  diskMb: whole,
  timeLimitSeconds: whole,
  network: z.boolean(),
  retries: whole,
  engineModelId: z.string().nullable(),
  review: z.boolean(),
});
/** What is to be done; sizes named Mb are MiB. */
export type Specification = z.infer<typeof specificationSchema>;

export const workSchema = z.object({
  /** Names a folder. */
  attemptId: z.uuid(),
  jobId: z.string().min(1),
  /** Of the job on chain. */
  onchainId: hex,
  /** 1 the first. */
  attempt: whole,
  spec: specificationSchema,
  /** `url` is absolute, or relative to the API's origin. */
  inputs: z.array(z.object({ cid: z.string(), path: z.string(), size: whole, url: z.string().min(1) })),
  leaseSeconds: z.number().positive(),
  /** For image and inputs. */
  setupSeconds: z.number().positive(),
  engineModelId: z.string().nullable(),
  assignment: z.object({
    /** CAIP-2. */
    chain: z.string(),
    jobId: hex,
    node: hex,
    payee: hex,
    /** Unix seconds. */
    expiry: whole,
  }),
  assignmentSignature: hex,
  job: z.object({
    client: hex,
    account: hex,
    specification: hex,
    /** Micro-USDT. */
    price: z.string().regex(/^\d+$/),
    /** Unix seconds. */
    deadline: whole,
    salt: hex,
  }),
});
/** One attempt at a job, offered to this node. */
export type Work = z.infer<typeof workSchema>;

export const jobProbeSchema = z.object({ id: z.string().min(1), image: z.string(), nonce: z.string() });
/** A container that shows that this node can run one. */
export type JobProbe = z.infer<typeof jobProbeSchema>;

export const workAnswerSchema = z.object({
  work: z.array(z.unknown()).default([]),
  cancel: z.array(z.string()).default([]),
  probe: jobProbeSchema.nullish(),
  pollSeconds: z.number().positive().default(10),
});

export const reportsAnswerSchema = z.object({
  lastSeq: whole,
  cancel: z.boolean(),
  leaseSeconds: z.number().positive().optional(),
});

export const outputAnswerSchema = z.object({
  path: z.string(),
  cid: z.string(),
  size: whole,
  sha256: z.string(),
});

/** Where an attempt stands; `result` is the hash of a verified result. */
export const standingSchema = z.object({
  state: z.string(),
  jobState: z.string(),
  result: hex.nullable(),
});
export type Standing = z.infer<typeof standingSchema>;

export type Stream = "stdout" | "stderr" | "system";

/** One thing that is told of a running attempt; `seq` counts up from 1. */
export type Report =
  | { seq: number; type: "state"; state: "setup" | "running" | "uploading" }
  | { seq: number; type: "log"; stream: Stream; text: string }
  | { seq: number; type: "progress"; value: number }
  /** `cpu` in cores. */
  | { seq: number; type: "sample"; cpu: number; memoryBytes: number };

export type Unnumbered<T> = T extends { seq: number } ? Omit<T, "seq"> : never;

/** Codes of what went wrong on this side. */
export type FailureCode =
  | "node_failed"
  | "node_refused"
  | "input_missing"
  | "image_missing"
  | "setup_time_limit"
  | "output_too_large"
  | "too_many_files"
  | "output_invalid";

/** How the container ended. Times are the container's own: set-up does not count. */
export interface RunEnd {
  exitCode: number | null;
  outOfMemory: boolean;
  timedOut: boolean;
  containerSeconds: number;
  failure: { code: FailureCode; message: string } | null;
}

export interface OutputFile {
  /** Relative to `/out`. */
  path: string;
  cid: string;
  /** Bytes. */
  size: number;
  sha256: string;
}

/** How an attempt ended. */
export interface Finish extends RunEnd {
  files: OutputFile[];
}

/** Whether there is a result to be paid for. */
export const isSuccess = (end: RunEnd): boolean =>
  end.failure === null && end.exitCode === 0 && !end.outOfMemory && !end.timedOut;

/** A failure of an attempt, with the code that goes to the API. */
export class JobError extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "JobError";
    this.code = code;
  }
}

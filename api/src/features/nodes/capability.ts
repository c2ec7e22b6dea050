import { isImageDigest, parseUsdt } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";

/** Micro-USDT an hour: of one processor, of one GiB of memory, of one GPU. */
export interface JobRates {
  cpuHour: bigint;
  memoryGbHour: bigint;
  gpuHour: bigint;
}

/** Micro-USDT an hour that nobody asks for. */
const MAX_RATE = 1_000_000_000_000n;

const rate = z
  .string()
  .max(40)
  .refine(isRate, "is not an amount in USDT with at most 6 decimals")
  .openapi({ description: "USDT an hour", example: "0.02" });

function isRate(text: string): boolean {
  try {
    return parseUsdt(text, { max: MAX_RATE }) >= 0n;
  } catch {
    return false;
  }
}

/** What a node offers to jobs, in its own words: with its registration, its `hello` and its heartbeat over HTTP. */
export const jobCapabilitySchema = z
  .object({
    enabled: z.boolean(),
    engine: z.enum(["docker", "podman"]),
    cpuMillis: z.number().int().min(0).max(10_000_000),
    memoryMb: z.number().int().min(0).max(1_000_000_000),
    gpus: z.number().int().min(0).max(1024),
    diskMb: z.number().int().min(0).max(2_000_000_000),
    concurrency: z.number().int().min(0).max(1024).openapi({ description: "Jobs at a time" }),
    network: z.boolean().openapi({ description: "Whether a job that asks may have the network" }),
    images: z
      .array(
        z.object({
          ref: z.string().min(1).max(400),
          digest: z.string().max(400).refine(isImageDigest, "is not a digest").openapi({
            description: "As `image` of a job names it: name@sha256:…, or its id where it has no registry",
          }),
          arch: z.string().max(40),
        }),
      )
      .max(200)
      .openapi({ description: "The operator's list of images, as it has them" }),
    anyImage: z.boolean().openapi({ description: "Whether it fetches images that are not on the list" }),
    rates: z
      .object({ cpuHour: rate, memoryGbHour: rate, gpuHour: rate })
      .openapi({ description: "The least that it works for" }),
    instance: z.uuid().openapi({ description: "Of the process: a new one at each start" }),
    draining: z.boolean().optional().openapi({ description: "Finishes what it has and takes no more" }),
  })
  .openapi("JobCapability");
export type JobCapability = z.input<typeof jobCapabilitySchema>;

/** The rates of a capability as amounts. */
export function ratesOf({ rates }: JobCapability): JobRates {
  return {
    cpuHour: parseUsdt(rates.cpuHour),
    memoryGbHour: parseUsdt(rates.memoryGbHour),
    gpuHour: parseUsdt(rates.gpuHour),
  };
}

const HOUR = 3600n;
const WHOLE_BPS = 10_000n;
/** What a node gets of the price: all but the platform's part (JOB_FEE_BPS of the contract). */
const NODE_BPS = 9_500n;

/**
 * The lowest price in micro-USDT at which a node with these rates takes a job: what it gets of it pays for all that
 * is asked for over the whole time limit. Rounded up.
 */
export function priceFloor(
  rates: JobRates,
  job: { cpuMillis: number; memoryMb: number; gpus: number; timeLimitSeconds: number },
): bigint {
  // One denominator for all three, so that nothing is rounded before the end.
  const perHour =
    rates.cpuHour * BigInt(job.cpuMillis) * 1024n +
    rates.memoryGbHour * BigInt(job.memoryMb) * 1000n +
    rates.gpuHour * BigInt(job.gpus) * 1000n * 1024n;
  const whole = perHour * BigInt(job.timeLimitSeconds) * WHOLE_BPS;
  const divisor = 1000n * 1024n * HOUR * NODE_BPS;
  return (whole + divisor - 1n) / divisor;
}

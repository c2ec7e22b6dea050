import { jobIdOf, parseUsdt, specificationHash } from "@aiforge/contracts";
import { JobError, type Specification, type Work } from "./protocol.ts";

/** The least that an operator works for: USDT an hour, as decimal strings. */
export interface Rates {
  cpuHour: string;
  memoryGbHour: string;
  gpuHour: string;
}

/** What jobs may use of this machine together. */
export interface Resources {
  cpuMillis: number;
  /** MiB. */
  memoryMb: number;
  /** MiB. */
  diskMb: number;
  gpus: number;
  /** Jobs at a time. */
  concurrency: number;
}

export type Claim = Pick<Specification, "cpuMillis" | "memoryMb" | "diskMb" | "gpus">;

const HOUR = 3_600n;
/** The node's part of the price: all but the platform's 5 %. */
const NODE_BPS = 9_500n;
const WHOLE_BPS = 10_000n;

/** The lowest price in micro-USDT at which the node's part pays for all that is asked for over the whole time limit. */
export function priceFloor(rates: Rates, spec: Specification): bigint {
  const perHour =
    parseUsdt(rates.cpuHour) * BigInt(spec.cpuMillis) * 1024n +
    parseUsdt(rates.memoryGbHour) * BigInt(spec.memoryMb) * 1000n +
    parseUsdt(rates.gpuHour) * BigInt(spec.gpus) * 1000n * 1024n;
  const whole = perHour * BigInt(spec.timeLimitSeconds) * WHOLE_BPS;
  const divisor = 1000n * 1024n * HOUR * NODE_BPS;
  return (whole + divisor - 1n) / divisor;
}

/** The resource that is not free for `spec` beside what is `held`, or null. */
export function lacking(spec: Claim, all: Resources, held: readonly Claim[]): string | null {
  if (held.length >= all.concurrency) return `This node runs ${all.concurrency} jobs at a time.`;
  for (const name of ["cpuMillis", "memoryMb", "diskMb", "gpus"] as const) {
    const free = all[name] - held.reduce((sum, claim) => sum + claim[name], 0);
    if (spec[name] > free) return `The job asks for ${name} ${spec[name]}; ${free} are free here.`;
  }
  return null;
}

/**
 * Whether an offer is what it claims to be: a signed assignment counts for one job and one node, and a job on chain for
 * one specification.
 * @returns what is wrong with it, or null
 */
export function forgery(work: Work, wallet: string): JobError | null {
  const refuse = (message: string) => new JobError("node_refused", message);
  if (specificationHash(work.spec) !== work.job.specification)
    return refuse("The specification is not the one that was paid for on chain.");
  if (jobIdOf({ ...work.job, price: BigInt(work.job.price) }) !== work.onchainId)
    return refuse("The job's terms do not have its id on chain.");
  if (work.assignment.jobId !== work.onchainId || work.assignment.node.toLowerCase() !== wallet.toLowerCase())
    return refuse("The assignment names another job or another node.");
  return null;
}

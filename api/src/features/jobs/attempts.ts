import { and, eq, inArray, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { nodes } from "../nodes/schema.ts";
import { jobAttempts, jobs } from "./schema.ts";
import type { JobActor, JobReason } from "./states.ts";
import { LIVE_ATTEMPT_STATES } from "./states.ts";
import { type JobRow, moveJob } from "./transitions.ts";

export type AttemptRow = typeof jobAttempts.$inferSelect;

export interface AttemptEnd {
  state: "finished" | "failed" | "lost" | "cancelled";
  exitCode?: number | null;
  containerSeconds?: number | null;
  failure?: { code: string; message: string } | null;
  /** What the node said that it put out. */
  claimed?: AttemptRow["claimed"];
}

/**
 * Ends a live attempt and gives its node back what it held, under the node's row lock. Whoever also moves the job has
 * locked the job first: job, then node, is the order everywhere.
 * @returns the attempt as it is now; undefined when it was over already, and nothing changed
 */
export async function endAttempt(
  tx: Executor,
  attemptId: string,
  { state, exitCode, containerSeconds, failure, claimed }: AttemptEnd,
): Promise<AttemptRow | undefined> {
  const [attempt] = await tx
    .update(jobAttempts)
    .set({
      state,
      endedAt: sql`now()`,
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(containerSeconds === undefined ? {} : { containerSeconds }),
      ...(failure ? { failureCode: failure.code, failureMessage: failure.message } : {}),
      ...(claimed === undefined ? {} : { claimed }),
    })
    .where(and(eq(jobAttempts.id, attemptId), inArray(jobAttempts.state, [...LIVE_ATTEMPT_STATES])))
    .returning();
  if (!attempt) return undefined;
  await tx
    .update(nodes)
    .set({
      usedCpuMillis: sql`greatest(0, ${nodes.usedCpuMillis} - ${attempt.cpuMillis})`,
      usedMemoryMb: sql`greatest(0, ${nodes.usedMemoryMb} - ${attempt.memoryMb})`,
      usedGpus: sql`greatest(0, ${nodes.usedGpus} - ${attempt.gpus})`,
      usedDiskMb: sql`greatest(0, ${nodes.usedDiskMb} - ${attempt.diskMb})`,
      runningJobs: sql`greatest(0, ${nodes.runningJobs} - 1)`,
    })
    .where(eq(nodes.id, attempt.nodeId));
  return attempt;
}

/** The job's live attempt, if it has one. */
export async function liveAttemptOf(tx: Executor, jobId: string): Promise<AttemptRow | undefined> {
  const [attempt] = await tx
    .select()
    .from(jobAttempts)
    .where(and(eq(jobAttempts.jobId, jobId), inArray(jobAttempts.state, [...LIVE_ATTEMPT_STATES])));
  return attempt;
}

/** Holds a job until the transaction ends: what happens to one job happens one after the other. */
export async function lockJob(tx: Executor, id: string): Promise<JobRow | undefined> {
  const [job] = await tx.select().from(jobs).where(eq(jobs.id, id)).for("update");
  return job;
}

/** The job itself is at fault, by limits that are the same everywhere: another node would lose its time too. */
const HOPELESS: ReadonlySet<JobReason> = new Set([
  "out_of_memory",
  "time_limit",
  "output_too_large",
  "too_many_files",
]);

/** What counts against a node's reputation. */
const NODES_FAULT: ReadonlySet<JobReason> = new Set([
  "node_lost",
  "node_failed",
  "setup_time_limit",
  "output_invalid",
]);

export interface Failure {
  by: JobActor;
  reason: JobReason;
  /** For people. */
  message: string;
}

/**
 * What follows when an attempt gave no good result: the job waits for another node, or fails when it has no attempts
 * left or none would help. The job must be locked, and its attempt ended.
 * @returns false when the job had moved on, and nothing changed
 */
export async function retryOrFail(tx: Executor, job: JobRow, failure: Failure): Promise<boolean> {
  const { by, reason, message } = failure;
  if (NODES_FAULT.has(reason) && job.nodeId) {
    await tx
      .update(nodes)
      .set({ failed: sql`${nodes.failed} + 1` })
      .where(eq(nodes.id, job.nodeId));
  }
  if (job.attemptsLeft > 0 && !HOPELESS.has(reason)) {
    const set = { progress: null };
    return moveJob(tx, { id: job.id, from: job.state, to: "pending", by, reason, detail: message, set });
  }
  const last = job.spec.retries > 0 && !HOPELESS.has(reason);
  return moveJob(tx, {
    id: job.id,
    from: job.state,
    to: "failed",
    by,
    reason: last ? "retries_used" : reason,
    detail: last ? `No attempts are left. The last one: ${message}` : message,
    set: { failureCode: reason, failureMessage: message },
  });
}

/**
 * Ends an attempt that gave no result, be it that its node said so or that nobody heard of it any more, and lets the
 * job go on to another node or fail. One transaction is the caller's.
 * @returns false when the attempt was over already, and nothing changed
 */
export async function failAttempt(
  tx: Executor,
  attemptId: string,
  failure: Failure & { state: "failed" | "lost"; exitCode?: number | null; containerSeconds?: number | null },
): Promise<boolean> {
  const { by, reason, message, ...end } = failure;
  const [found] = await tx
    .select({ jobId: jobAttempts.jobId })
    .from(jobAttempts)
    .where(eq(jobAttempts.id, attemptId));
  const job = found && (await lockJob(tx, found.jobId));
  if (!job) return false;
  const ended = await endAttempt(tx, attemptId, { ...end, failure: { code: reason, message } });
  if (!ended) return false;
  await retryOrFail(tx, job, { by, reason, message });
  return true;
}

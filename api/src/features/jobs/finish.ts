import { JOB_LIMITS } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { endAttempt, retryOrFail } from "./attempts.ts";
import { attemptOver } from "./errors.ts";
import { FAILURE_CODES, type Finish } from "./protocol.ts";
import { lockAttempt, takeState } from "./reports.ts";
import { jobAttempts, jobs } from "./schema.ts";
import type { AttemptState, JobReason, JobState } from "./states.ts";
import { type JobRow, moveJob } from "./transitions.ts";

export interface Finished {
  state: AttemptState;
  jobState: JobState;
  /** Hash of the result once it is verified: what a node submits on chain when the client wants to review. */
  result: string | null;
}

/**
 * Takes the end of an attempt: one without a result lets the job go on or fail, one with a result is checked. Telling
 * it again answers the same and changes nothing; for an attempt that was given to somebody else, or was cancelled,
 * nothing counts any more.
 * @returns where it stands, and whether there is a result to check now
 * @throws AppError `not_found` (404), `attempt_over` (409)
 */
export async function finishAttempt(
  deps: Deps,
  nodeId: string,
  id: string,
  told: Finish,
): Promise<{ finished: Finished; check: string | null }> {
  return deps.db.transaction(async (tx) => {
    const { attempt, job } = await lockAttempt(tx, nodeId, id);
    if (attempt.state === "finished" || attempt.state === "failed") {
      return { finished: standing(attempt.state, job, attempt.no), check: null };
    }
    if (!["accepted", "running", "uploading"].includes(attempt.state)) throw attemptOver(attempt.state);
    const failure = failureOf(told, job);
    const ended = { exitCode: told.exitCode, containerSeconds: round(told.containerSeconds) };
    if (failure) {
      await endAttempt(tx, id, {
        state: "failed",
        ...ended,
        failure: { code: failure.reason, message: failure.message },
      });
      await retryOrFail(tx, job, { by: "node", ...failure });
      const [now] = await tx.select().from(jobs).where(eq(jobs.id, job.id));
      return { finished: standing("failed", now ?? job, attempt.no), check: null };
    }
    // A report of its start may have been lost; the end implies it.
    const started = await takeState(tx, attempt, job, "uploading");
    // What the node says is believed up to what passed here between its start and its end.
    const passed = started.startedAt
      ? ((started.uploadingAt ?? new Date()).getTime() - started.startedAt.getTime()) / 1000
      : 0;
    const containerSeconds = round(Math.min(told.containerSeconds, passed, job.spec.timeLimitSeconds));
    await endAttempt(tx, id, { state: "finished", ...ended, containerSeconds, claimed: told.files });
    await moveJob(tx, {
      id: job.id,
      from: "running",
      to: "verifying",
      by: "node",
      reason: "container_exited",
      detail: `The container ended with 0 after ${containerSeconds} s.`,
      set: { progress: 1 },
    });
    return {
      finished: { state: "finished", jobState: "verifying" as const, result: null },
      check: job.id,
    };
  });
}

/** Where an attempt of a node stands. @throws AppError `not_found` (404) */
export async function attemptStanding(deps: Deps, nodeId: string, id: string): Promise<Finished> {
  const [row] = await deps.db
    .select({ attempt: jobAttempts, job: jobs })
    .from(jobAttempts)
    .innerJoin(jobs, eq(jobs.id, jobAttempts.jobId))
    .where(and(eq(jobAttempts.id, id), eq(jobAttempts.nodeId, nodeId)));
  if (!row) throw notFound("The attempt");
  return standing(row.attempt.state, row.job, row.attempt.no);
}

/** The result is the attempt's that brought it, and of no other. */
function standing(state: AttemptState, job: JobRow, no: number): Finished {
  const own = state === "finished" && job.attemptNo === no;
  return { state, jobState: job.state, result: own ? job.resultHash : null };
}

const round = (seconds: number) => Math.round(seconds * 1000) / 1000;

const isFailureCode = (code: string): code is (typeof FAILURE_CODES)[number] =>
  (FAILURE_CODES as readonly string[]).includes(code);

/** Why there is no result, null when there is one. The first thing that went wrong counts. */
function failureOf(told: Finish, job: JobRow): { reason: JobReason; message: string } | null {
  const { failure, exitCode } = told;
  if (told.outOfMemory) {
    return { reason: "out_of_memory", message: `It needed more than ${job.spec.memoryMb} MiB of memory.` };
  }
  if (told.timedOut) {
    return { reason: "time_limit", message: `It was not done after ${job.spec.timeLimitSeconds} s.` };
  }
  if (failure) {
    const reason = isFailureCode(failure.code) ? failure.code : "node_failed";
    return { reason, message: plain(failure.message) || "The node did not say what went wrong." };
  }
  if (exitCode === null) {
    return { reason: "node_failed", message: "The container ended and nobody knows how." };
  }
  if (exitCode !== 0) return { reason: "exit_code", message: `The container ended with ${exitCode}.` };
  if (told.files.length > JOB_LIMITS.outputs) {
    return { reason: "too_many_files", message: `It put out more than ${JOB_LIMITS.outputs} files.` };
  }
  const bytes = told.files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > job.spec.outputLimitMb * 1024 ** 2) {
    return { reason: "output_too_large", message: `It put out more than ${job.spec.outputLimitMb} MiB.` };
  }
  return null;
}

/** A node's text as it can be kept and shown. */
const plain = (text: string) =>
  text
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\n\t]/gu, "")
    .trim();

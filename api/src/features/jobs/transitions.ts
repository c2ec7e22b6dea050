import { and, eq, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { notifyJob } from "../notifications/jobs.ts";
import { jobEvents, jobs } from "./schema.ts";
import { enqueueSettlement } from "./settlement.ts";
import type { JobActor, JobReason, JobState } from "./states.ts";

export type JobRow = typeof jobs.$inferSelect;

/** One way from a state to another: who may cause it, and why. */
interface Transition {
  from: JobState;
  to: JobState;
  causes: { by: JobActor; reasons: readonly JobReason[] }[];
}

/** Who stops a job before it has a result: its owner, an admin, or the chain, on which its money has gone already. */
const STOPPED: Transition["causes"] = [
  { by: "client", reasons: ["cancelled_by_owner"] },
  { by: "admin", reasons: ["cancelled_by_admin"] },
  { by: "mirror", reasons: ["escrow_over"] },
];

/** What ends an attempt without a result, by who finds out. It leads to another attempt, or to the job's failure. */
const LOST: JobReason[] = ["node_lost", "node_failed", "setup_time_limit"];
const WORK: Transition["causes"] = [
  {
    by: "node",
    reasons: [
      "node_failed",
      "node_refused",
      "input_missing",
      "image_missing",
      "setup_time_limit",
      "exit_code",
      "out_of_memory",
      "time_limit",
      "output_too_large",
      "too_many_files",
      "output_invalid",
    ],
  },
  { by: "timer", reasons: [...LOST, "time_limit"] },
  { by: "scheduler", reasons: LOST },
  { by: "admin", reasons: LOST },
];
const CHECK: Transition["causes"] = [
  { by: "verifier", reasons: ["output_invalid", "output_too_large", "too_many_files"] },
];
/** The same, where nobody may try again. */
const atLast = (causes: Transition["causes"]): Transition["causes"] =>
  causes.map(({ by, reasons }) => ({ by, reasons: [...reasons, "retries_used"] }));

const TOO_LATE: Transition["causes"] = [{ by: "timer", reasons: ["deadline"] }];

/** Every transition that there is. A job whose result is being checked cannot be cancelled: the work is done. */
export const TRANSITIONS: readonly Transition[] = [
  { from: "quoted", to: "pending", causes: [{ by: "mirror", reasons: ["funded"] }] },
  { from: "quoted", to: "cancelled", causes: [...STOPPED, { by: "timer", reasons: ["quote_expired"] }] },
  { from: "pending", to: "quoted", causes: [{ by: "mirror", reasons: ["funding_reorged"] }] },
  { from: "pending", to: "assigned", causes: [{ by: "scheduler", reasons: ["node_chosen"] }] },
  { from: "pending", to: "cancelled", causes: STOPPED },
  { from: "pending", to: "timed_out", causes: [{ by: "timer", reasons: ["no_node_in_time", "deadline"] }] },
  { from: "assigned", to: "running", causes: [{ by: "node", reasons: ["node_started"] }] },
  { from: "assigned", to: "pending", causes: WORK },
  { from: "assigned", to: "failed", causes: atLast(WORK) },
  { from: "assigned", to: "cancelled", causes: STOPPED },
  { from: "assigned", to: "timed_out", causes: TOO_LATE },
  { from: "running", to: "verifying", causes: [{ by: "node", reasons: ["container_exited"] }] },
  { from: "running", to: "pending", causes: WORK },
  { from: "running", to: "failed", causes: atLast(WORK) },
  { from: "running", to: "cancelled", causes: STOPPED },
  { from: "running", to: "timed_out", causes: TOO_LATE },
  { from: "verifying", to: "completed", causes: [{ by: "verifier", reasons: ["verified"] }] },
  { from: "verifying", to: "pending", causes: CHECK },
  { from: "verifying", to: "failed", causes: atLast(CHECK) },
  { from: "verifying", to: "timed_out", causes: TOO_LATE },
];

/** Nothing but money moves after these. */
export const TERMINAL: ReadonlySet<JobState> = new Set(["completed", "failed", "cancelled", "timed_out"]);

/** Whether `by` may take a job from a state to another for a reason. */
export function isTransition(from: JobState, to: JobState, by: JobActor, reason: JobReason): boolean {
  const found = TRANSITIONS.find((each) => each.from === from && each.to === to);
  return found?.causes.some((cause) => cause.by === by && cause.reasons.includes(reason)) ?? false;
}

export interface Move {
  id: string;
  from: JobState;
  to: JobState;
  by: JobActor;
  reason: JobReason;
  /** For people. */
  detail?: string | undefined;
  /** Other columns of the job that change with it. */
  set?: Partial<Omit<typeof jobs.$inferInsert, "id" | "state" | "stateSince" | "finishedAt">>;
}

/**
 * Takes a job from one state to another and writes it down. With an end goes, in the same transaction, what is to
 * become of its money. Call it in a transaction together with what else belongs to the transition.
 * @returns false when the job is not in `from` any more: somebody was first, and nothing changed
 * @throws Error when there is no such transition, which is a mistake of the caller's
 */
export async function moveJob(
  tx: Executor,
  { id, from, to, by, reason, detail, set }: Move,
): Promise<boolean> {
  if (!isTransition(from, to, by, reason)) {
    throw new Error(`No job goes from ${from} to ${to} by ${by} for ${reason}`);
  }
  const [job] = await tx
    .update(jobs)
    .set({
      ...set,
      state: to,
      stateSince: sql`now()`,
      ...(TERMINAL.has(to) ? { finishedAt: sql`now()` } : {}),
    })
    .where(and(eq(jobs.id, id), eq(jobs.state, from)))
    .returning();
  if (!job) return false;
  await tx.insert(jobEvents).values({
    jobId: id,
    from,
    to,
    by,
    reason,
    detail: detail ?? null,
    attempt: job.attemptNo === 0 ? null : job.attemptNo,
  });
  if (to === "completed") await enqueueSettlement(tx, job, job.spec.review ? "review" : "pay");
  else if (TERMINAL.has(to) && from !== "quoted" && reason !== "escrow_over")
    await enqueueSettlement(tx, job, "refund");
  await notifyJob(tx, job, { from, reason });
  return true;
}

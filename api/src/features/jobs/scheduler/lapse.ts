import { eq, sql } from "drizzle-orm";
import type { Database, Executor } from "../../../db/client.ts";
import { nodes } from "../../nodes/schema.ts";
import { endAttempt, failAttempt, liveAttemptOf, lockJob, retryOrFail } from "../attempts.ts";
import { SETUP_SECONDS } from "../protocol.ts";
import { jobAttempts, jobs } from "../schema.ts";
import type { JobReason, JobState } from "../states.ts";
import { moveJob } from "../transitions.ts";
import { CLOSING_SECONDS } from "./assign.ts";

/** Seconds that a node has, after the time limit, to end the container and say so. */
const GRACE_SECONDS = 60;
/** Seconds that a node may take to bring the outputs. */
const UPLOAD_SECONDS = 3_600;
/** Offers that a job may have lapse without losing an attempt over it. */
const FREE_OFFERS = 10;
/** Seconds before the deadline at which what is not done by then is given up, so that the refund is in time. */
const LAST_SECONDS = 60;
/** Seconds after the deadline for which a result may still be checked. */
const CHECK_SECONDS = 3_600;
const BATCH = 100;

/**
 * Ends what nobody waits for any more: offers that were not accepted, leases that lapsed, set-ups and containers over
 * their time, jobs that found no node in time or came too near their deadline. Every look is by the database's clock,
 * every end a transaction of its own that is the first or nothing, so any number of instances may do it.
 * @returns the nodes that have to stop something
 */
export async function endOverdue(db: Database): Promise<string[]> {
  const told: string[] = [];
  for (const { id, node_id, why } of await overdueAttempts(db)) {
    if (await db.transaction((tx) => endLate(tx, id, why))) told.push(node_id);
  }
  for (const { id } of await overdueJobs(db)) {
    const nodeId = await db.transaction((tx) => timeOut(tx, id));
    if (nodeId) told.push(nodeId);
  }
  return told;
}

type Why = "offer" | "lease" | "setup" | "limit" | "upload";

async function overdueAttempts(db: Executor): Promise<{ id: string; node_id: string; why: Why }[]> {
  const { rows } = await db.execute<{ id: string; node_id: string; why: Why }>(sql`
    SELECT attempt.id, attempt.node_id, ${WHY} AS why
      FROM app.job_attempts attempt JOIN app.jobs job ON job.id = attempt.job_id
     WHERE attempt.state IN ('offered', 'accepted', 'running', 'uploading') AND ${WHY} IS NOT NULL
     LIMIT ${BATCH}`);
  return rows;
}

const WHY = sql`CASE
    WHEN attempt.lease_expires_at < now() THEN CASE attempt.state WHEN 'offered' THEN 'offer' ELSE 'lease' END
    WHEN attempt.state = 'accepted' AND attempt.accepted_at < now() - make_interval(secs => ${SETUP_SECONDS})
      THEN 'setup'
    WHEN attempt.state = 'running' AND attempt.started_at
      < now() - make_interval(secs => (job.spec->>'timeLimitSeconds')::int + ${GRACE_SECONDS}) THEN 'limit'
    WHEN attempt.state = 'uploading' AND attempt.uploading_at < now() - make_interval(secs => ${UPLOAD_SECONDS})
      THEN 'upload'
  END`;

const ENDS: Record<
  Exclude<Why, "offer">,
  { reason: JobReason; state: "lost" | "failed"; message: string }
> = {
  lease: { reason: "node_lost", state: "lost", message: "Nothing was heard of the node any more." },
  setup: {
    reason: "setup_time_limit",
    state: "failed",
    message: "The node did not have the image and the inputs ready in time.",
  },
  // The node had to end it at the limit: it is not heard to have done so, whatever its container does.
  limit: {
    reason: "node_failed",
    state: "lost",
    message: "The node did not end the container at its time limit.",
  },
  upload: { reason: "node_failed", state: "lost", message: "The node did not bring the outputs in time." },
};

/** @returns whether this transaction ended it */
async function endLate(tx: Executor, id: string, why: Why): Promise<boolean> {
  const [found] = await tx
    .select({ jobId: jobAttempts.jobId })
    .from(jobAttempts)
    .where(eq(jobAttempts.id, id));
  const job = found && (await lockJob(tx, found.jobId));
  if (!job) return false;
  // Under the job's lock it is looked at again: a report may have come in between.
  const { rows } = await tx.execute<{ why: Why | null }>(sql`
    SELECT ${WHY} AS why FROM app.job_attempts attempt JOIN app.jobs job ON job.id = attempt.job_id
     WHERE attempt.id = ${id} AND attempt.state IN ('offered', 'accepted', 'running', 'uploading')
       FOR UPDATE OF attempt`);
  if (rows[0]?.why !== why) return false;
  if (why !== "offer") return failAttempt(tx, id, { by: "timer", ...ENDS[why] });
  const message = "The node did not take the work that it was offered.";
  const ended = await endAttempt(tx, id, { state: "lost", failure: { code: "node_lost", message } });
  if (!ended) return false;
  await doubt(tx, ended.nodeId);
  // No container ran: that costs the job no attempt, as long as it does not go on for ever.
  const back = ended.no <= job.spec.retries + FREE_OFFERS ? 1 : 0;
  const attemptsLeft = job.attemptsLeft + back;
  await tx.update(jobs).set({ attemptsLeft }).where(eq(jobs.id, job.id));
  return retryOrFail(tx, { ...job, attemptsLeft }, { by: "timer", reason: "node_lost", message });
}

/** A node that does not answer is offered nothing until it passes a probe again, which is due at once. */
async function doubt(tx: Executor, nodeId: string): Promise<void> {
  await tx
    .update(nodes)
    .set({ probeFailedAt: sql`now()`, probeDueAt: sql`now()`, probe: null })
    .where(eq(nodes.id, nodeId));
}

async function overdueJobs(db: Executor): Promise<{ id: string }[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    SELECT id FROM app.jobs WHERE state IN ('pending', 'assigned', 'running', 'verifying') AND ${TOO_LATE}
     LIMIT ${BATCH}`);
  return rows;
}

/**
 * A job that waits needs the time to run, and one that is at work is given all but the last moment. One that is done can
 * be paid for after its deadline too, as long as nobody had it refunded: its check may come late, after an outage of ours.
 */
const TOO_LATE = sql`deadline < now() + make_interval(secs => CASE state
    WHEN 'pending' THEN (spec->>'timeLimitSeconds')::int + ${CLOSING_SECONDS}
    WHEN 'verifying' THEN ${-CHECK_SECONDS}::int ELSE ${LAST_SECONDS} END)`;

/** @returns the node that has to stop */
async function timeOut(tx: Executor, id: string): Promise<string | null> {
  const job = await lockJob(tx, id);
  if (!job) return null;
  const { rows } = await tx.execute(sql`SELECT FROM app.jobs WHERE id = ${id} AND ${TOO_LATE}`);
  if (rows.length === 0 || !LIVE.has(job.state)) return null;
  const attempt = await liveAttemptOf(tx, id);
  const never = job.state === "pending" && job.attemptNo === 0;
  const message = never
    ? "No node could take the job in time."
    : "There was no result early enough before the deadline.";
  const reason = never ? "no_node_in_time" : "deadline";
  if (attempt) await endAttempt(tx, attempt.id, { state: "cancelled", failure: { code: reason, message } });
  await moveJob(tx, {
    id,
    from: job.state,
    to: "timed_out",
    by: "timer",
    reason,
    detail: message,
    set: { failureCode: reason, failureMessage: message },
  });
  return attempt?.nodeId ?? null;
}

const LIVE: ReadonlySet<JobState> = new Set(["pending", "assigned", "running", "verifying"]);

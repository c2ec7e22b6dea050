import { eq, inArray, sql } from "drizzle-orm";
import { z } from "zod";
import { confirmationsAt } from "../../chain/chains.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { AppError, invalid, notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { payments } from "../payments/schema.ts";
import { getPayment } from "../payments/service.ts";
import { endAttempt, liveAttemptOf, lockJob } from "./attempts.ts";
import { disputesOf } from "./disputes.ts";
import { jobOver, jobVerifying } from "./errors.ts";
import * as queries from "./queries.ts";
import type { SettlementKind } from "./settlement.ts";
import type { JobDetail, JobView } from "./shapes.ts";
import type { JobActor, JobState } from "./states.ts";
import { chainDate, jobTerms } from "./terms.ts";
import { type JobRow, moveJob, TERMINAL } from "./transitions.ts";
import { viewAttempt, viewEscrow, viewEvent, viewJob, viewLog, viewSample } from "./view.ts";

const MAX_LOG_LINES = 2_000;

async function viewerOf(deps: Deps, userId: string): Promise<queries.Viewer> {
  return { userId, groupIds: await groupIdsOf(deps, userId) };
}

/**
 * A job of the user's or of a group of theirs.
 * @throws AppError `not_found` (404), the same for no such job and for somebody else's
 */
export async function requireJob(deps: Deps, userId: string, id: string): Promise<queries.FoundJob> {
  if (!z.uuid().safeParse(id).success) throw notFound("The job");
  const found = await queries.jobFor(deps.db, await viewerOf(deps, userId), id);
  if (!found) throw notFound("The job");
  return found;
}

/** The jobs of a user and their groups, the newest first. @throws AppError `invalid_request` for an odd cursor */
export async function listJobs(
  deps: Deps,
  userId: string,
  { state, cursor, limit = 50 }: { state?: JobState; cursor?: string; limit?: number },
): Promise<{ jobs: JobView[]; next: string | null }> {
  const after = cursor === undefined ? null : readCursor(cursor);
  const rows = await queries.jobsPage(deps.db, await viewerOf(deps, userId), {
    state,
    after,
    limit: limit + 1,
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1)?.job;
  const more = rows.length > limit && last;
  return { jobs: page.map(viewJob), next: more ? writeCursor(last) : null };
}

const writeCursor = ({ createdAt, id }: JobRow) =>
  Buffer.from(`${createdAt.toISOString()}|${id}`).toString("base64url");

function readCursor(text: string): queries.Place {
  const [at = "", id = ""] = Buffer.from(text, "base64url").toString("utf8").split("|");
  if (!z.iso.datetime().safeParse(at).success || !z.uuid().safeParse(id).success) {
    throw invalid("cursor", "cursor: not one of a page before", "Leave it out for the first page.");
  }
  return { at, id };
}

/** A job with all that happened to it. @throws AppError `not_found` (404) */
export async function getJob(deps: Deps, userId: string, id: string): Promise<JobDetail> {
  const found = await requireJob(deps, userId, id);
  return jobDetail(deps, found, await paymentOf(deps, userId, found.job));
}

/** All that happened to a job. */
export async function jobDetail(
  deps: Deps,
  found: queries.FoundJob,
  payment: JobDetail["payment"],
): Promise<JobDetail> {
  const { job } = found;
  const [attempts, events, escrow, settlement, disputeOf] = await Promise.all([
    queries.attemptsOf(deps.db, job.id),
    queries.eventsOf(deps.db, job.id),
    queries.escrowOf(deps.db, job),
    settlementOf(deps, job),
    disputesOf(deps.db, [job]),
  ]);
  const last = attempts.at(-1);
  const samples = last ? await queries.samplesOf(deps.db, last.attempt.id) : [];
  return {
    ...viewJob(found),
    payment,
    outputs: job.outputs ?? [],
    tunes: job.weights[0]?.modelId ?? null,
    attempts: attempts.map(viewAttempt),
    events: events.map(viewEvent),
    samples: samples.map(viewSample),
    terms: jobTerms(job),
    onchain: escrow
      ? viewEscrow(
          escrow.escrow,
          confirmationsAt(escrow.headBlock ?? 0n, escrow.escrow.blockNumber),
          disputeOf(job),
          escrow.escrow.status === "open" && job.deadline < chainDate(escrow),
        )
      : null,
    settlement,
  };
}

async function paymentOf(deps: Deps, userId: string, job: JobRow): Promise<JobDetail["payment"]> {
  if (job.paymentId === null || job.fundedAt !== null) return null;
  return getPayment(deps, userId, job.paymentId).catch((error: unknown) => {
    // A payment that was forgotten is none.
    if (error instanceof AppError && error.status === 404) return null;
    throw error;
  });
}

const SETTLEMENTS: SettlementKind[] = ["pay", "refund", "release", "dispute", "halve"];

async function settlementOf({ db }: Deps, job: JobRow): Promise<JobDetail["settlement"]> {
  if (!TERMINAL.has(job.state)) return null;
  const [row] = await db
    .select()
    .from(operatorTransactions)
    .where(
      inArray(
        operatorTransactions.key,
        SETTLEMENTS.map((kind) => `job-${kind}:${job.id}`),
      ),
    )
    .orderBy(sql`${operatorTransactions.createdAt} DESC`)
    .limit(1);
  if (row) {
    const kind = /^job-([a-z]+):/.exec(row.key)?.[1] as SettlementKind;
    return { kind, state: row.state, txHash: row.txHash, error: row.error };
  }
  if (job.state !== "completed" || !job.spec.review) return null;
  return { kind: "review", state: "pending", txHash: null, error: null };
}

/**
 * Stops a job that is not done yet. What was paid goes back; a container that runs is told to end.
 * @throws AppError `not_found` (404), `job_verifying`, `job_over` (409)
 */
export async function cancelJob(deps: Deps, userId: string, id: string): Promise<JobDetail> {
  const { job } = await requireJob(deps, userId, id);
  await stopJob(deps, job.id, { by: "client", reason: "cancelled_by_owner", detail: undefined });
  return getJob(deps, userId, id);
}

const STOPPED_BY = {
  client: "The owner cancelled the job.",
  admin: "An admin cancelled the job.",
  mirror: "Its escrow was paid out or given back on the chain before there was a result.",
} as const;

/**
 * The same for whoever may: the owner, an admin, or the chain, on which the money of the job has gone already.
 * @throws AppError `job_verifying`, `job_over` (409)
 */
export async function stopJob(
  deps: Deps,
  id: string,
  cause: {
    by: Extract<JobActor, "client" | "admin" | "mirror">;
    reason: "cancelled_by_owner" | "cancelled_by_admin" | "escrow_over";
    detail: string | undefined;
  },
): Promise<void> {
  const nodeId = await deps.db.transaction(async (tx) => {
    const job = await lockJob(tx, id);
    if (!job) throw notFound("The job");
    if (job.state === "verifying") throw jobVerifying();
    if (TERMINAL.has(job.state)) throw jobOver(job.state);
    const attempt = await liveAttemptOf(tx, id);
    const message = STOPPED_BY[cause.by];
    const failure = { code: cause.reason, message: cause.detail ?? message };
    if (attempt) await endAttempt(tx, attempt.id, { state: "cancelled", failure });
    await moveJob(tx, {
      id,
      from: job.state,
      to: "cancelled",
      ...cause,
      set: { failureCode: failure.code, failureMessage: failure.message },
    });
    // Nobody should pay for it any more; whoever does nevertheless is refunded.
    if (job.state === "quoted" && job.paymentId) {
      const expiresAt = sql`least(${payments.expiresAt}, now())`;
      await tx.update(payments).set({ expiresAt }).where(eq(payments.id, job.paymentId));
    }
    return attempt?.nodeId;
  });
  if (nodeId) await deps.scheduler.tell(deps, [nodeId]);
}

/** Log lines of an attempt, the last by default. @throws AppError `not_found` (404) */
export async function jobLogs(
  deps: Deps,
  userId: string,
  id: string,
  { attempt: wanted, after }: { attempt?: number; after?: number },
) {
  const { job } = await requireJob(deps, userId, id);
  return logsOfJob(deps, job.id, { attempt: wanted, after });
}

/** The same for whoever may see them. @throws AppError `not_found` (404) */
export async function logsOfJob(
  deps: Deps,
  jobId: string,
  { attempt: wanted, after = 0 }: { attempt?: number | undefined; after?: number | undefined },
) {
  const attempts = await queries.attemptsOf(deps.db, jobId);
  const found =
    wanted === undefined ? attempts.at(-1) : attempts.find(({ attempt }) => attempt.no === wanted);
  if (!found) {
    if (wanted === undefined) return { logs: [], more: false };
    throw notFound("The attempt");
  }
  const rows = await queries.logsOf(deps.db, found.attempt.id, after, MAX_LOG_LINES + 1);
  return {
    logs: rows.slice(0, MAX_LOG_LINES).map((row) => viewLog(row, found.attempt.no)),
    more: rows.length > MAX_LOG_LINES,
  };
}

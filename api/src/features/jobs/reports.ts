import { and, desc, eq, sql } from "drizzle-orm";
import { notFound } from "../../core/errors.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { type AttemptRow, lockJob } from "./attempts.ts";
import { attemptNotYours, attemptOver } from "./errors.ts";
import { LEASE_SECONDS, type Report, type Work } from "./protocol.ts";
import { workFrom } from "./scheduler/offers.ts";
import { jobAttempts, jobLogs, jobSamples, jobs } from "./schema.ts";
import { type JobRow, moveJob } from "./transitions.ts";

/** Bytes of text that are kept of an attempt's log. */
const MAX_LOG_BYTES = 1024 ** 2;
const MAX_SAMPLES = 2_000;
const SAMPLE_SECONDS = 5;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const lease = sql`now() + make_interval(secs => ${LEASE_SECONDS})`;

/**
 * An attempt of this node and its job, both held until the transaction ends, the job first: that order is everybody's.
 * @throws AppError `not_found` (404), the same for no such attempt and for another node's
 */
export async function lockAttempt(
  tx: Executor,
  nodeId: string,
  id: string,
): Promise<{ attempt: AttemptRow; job: JobRow }> {
  if (!UUID.test(id)) throw notFound("The attempt");
  const [found] = await tx
    .select({ jobId: jobAttempts.jobId })
    .from(jobAttempts)
    .where(and(eq(jobAttempts.id, id), eq(jobAttempts.nodeId, nodeId)));
  const job = found && (await lockJob(tx, found.jobId));
  if (!job) throw notFound("The attempt");
  const [attempt] = await tx.select().from(jobAttempts).where(eq(jobAttempts.id, id)).for("update");
  return { attempt: attempt!, job };
}

/**
 * Takes offered work. The process that took it may ask again; another one of the same node may not.
 * @throws AppError `not_found` (404), `attempt_not_yours` (409)
 */
export async function acceptWork(
  deps: Deps,
  nodeId: string,
  id: string,
  instance: string,
): Promise<{ work: Work }> {
  return deps.db.transaction(async (tx) => {
    const { attempt, job } = await lockAttempt(tx, nodeId, id);
    if (attempt.state === "offered") {
      const [accepted] = await tx
        .update(jobAttempts)
        .set({ state: "accepted", acceptedAt: sql`now()`, instance, leaseExpiresAt: lease })
        .where(and(eq(jobAttempts.id, id), sql`${jobAttempts.leaseExpiresAt} > now()`))
        .returning();
      if (!accepted) throw attemptNotYours();
      return { work: workFrom(accepted, job) };
    }
    const mine = attempt.instance === instance;
    if (!mine || !["accepted", "running", "uploading"].includes(attempt.state)) throw attemptNotYours();
    return { work: workFrom(attempt, job) };
  });
}

export interface Reported {
  ok: true;
  lastSeq: number;
  cancel: boolean;
  leaseSeconds: number;
}

/**
 * Takes what a node tells of an attempt and renews its lease. Reports come at least once: those that are known by their
 * `seq` are skipped. Times are the database's.
 * @throws AppError `not_found` (404), `attempt_over` (409), after which nothing that it tells counts
 */
export async function takeReports(
  deps: Deps,
  nodeId: string,
  id: string,
  reports: Report[],
): Promise<Reported> {
  return deps.db.transaction(async (tx) => {
    const { attempt, job } = await lockAttempt(tx, nodeId, id);
    // Who was told to stop may not have heard it: here it does.
    if (attempt.state === "cancelled") {
      return { ok: true as const, lastSeq: attempt.lastSeq, cancel: true, leaseSeconds: LEASE_SECONDS };
    }
    if (!["accepted", "running", "uploading"].includes(attempt.state)) throw attemptOver(attempt.state);
    const fresh = reports
      .filter(({ seq }) => seq > attempt.lastSeq)
      .sort((a, b) => a.seq - b.seq)
      .filter(({ seq }, at, all) => at === 0 || seq !== all[at - 1]!.seq);
    let now = attempt;
    for (const report of fresh) {
      if (report.type === "state") now = await takeState(tx, now, job, report.state);
    }
    const logBytes = await keepLogs(tx, now, fresh);
    const progress = fresh.findLast((each) => each.type === "progress");
    if (progress) await tx.update(jobs).set({ progress: progress.value }).where(eq(jobs.id, job.id));
    const sample = fresh.findLast((each) => each.type === "sample");
    if (sample) await keepSample(tx, now, job, sample);
    const lastSeq = fresh.at(-1)?.seq ?? attempt.lastSeq;
    await tx
      .update(jobAttempts)
      .set({
        lastSeq,
        logBytes,
        leaseExpiresAt: lease,
        ...(sample
          ? { stats: { cpu: sample.cpu, memoryBytes: sample.memoryBytes, gpu: sample.gpu ?? null } }
          : {}),
      })
      .where(eq(jobAttempts.id, id));
    return { ok: true as const, lastSeq, cancel: false, leaseSeconds: LEASE_SECONDS };
  });
}

/** States only go on: what comes late or twice changes nothing. */
export async function takeState(
  tx: Executor,
  attempt: AttemptRow,
  job: JobRow,
  told: "setup" | "running" | "uploading",
): Promise<AttemptRow> {
  let now = attempt;
  if (told !== "setup" && now.state === "accepted") {
    now = await set(tx, now, { state: "running", startedAt: sql`now()` });
    await moveJob(tx, {
      id: job.id,
      from: "assigned",
      to: "running",
      by: "node",
      reason: "node_started",
    });
  }
  if (told === "uploading" && now.state === "running") {
    now = await set(tx, now, { state: "uploading", uploadingAt: sql`now()` });
  }
  return now;
}

async function set(tx: Executor, attempt: AttemptRow, values: object): Promise<AttemptRow> {
  const [row] = await tx.update(jobAttempts).set(values).where(eq(jobAttempts.id, attempt.id)).returning();
  return row!;
}

/** @returns bytes of text that the attempt has now */
async function keepLogs(tx: Executor, attempt: AttemptRow, reports: Report[]): Promise<number> {
  let bytes = attempt.logBytes;
  const rows: (typeof jobLogs.$inferInsert)[] = [];
  for (const report of reports) {
    if (report.type !== "log" || bytes > MAX_LOG_BYTES) continue;
    // Postgres has no NUL in a text, and no half of a character.
    const text = report.text.replaceAll("\0", "").toWellFormed();
    bytes += Buffer.byteLength(text);
    const full = bytes > MAX_LOG_BYTES;
    rows.push({
      attemptId: attempt.id,
      seq: report.seq,
      stream: full ? "system" : report.stream,
      text: full ? "The log is over 1 MiB: what follows is not kept." : text,
    });
  }
  if (rows.length > 0) await tx.insert(jobLogs).values(rows).onConflictDoNothing();
  return bytes;
}

async function keepSample(
  tx: Executor,
  attempt: AttemptRow,
  job: JobRow,
  { cpu, memoryBytes, gpu }: Extract<Report, { type: "sample" }>,
): Promise<void> {
  // As far apart that all of its time has room.
  const seconds = Math.max(SAMPLE_SECONDS, job.spec.timeLimitSeconds / MAX_SAMPLES);
  const [last] = await tx
    .select({ recent: sql<boolean>`${jobSamples.at} > now() - make_interval(secs => ${seconds})` })
    .from(jobSamples)
    .where(eq(jobSamples.attemptId, attempt.id))
    .orderBy(desc(jobSamples.at))
    .limit(1);
  if (last?.recent) return;
  await tx
    .insert(jobSamples)
    .values({ attemptId: attempt.id, cpu, memoryBytes, gpu: gpu ?? null })
    .onConflictDoNothing();
}

import { JOB_LIMITS } from "@aiforge/contracts";
import { and, eq, ne, sql } from "drizzle-orm";
import { notFound } from "../../core/errors.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { anyFile, type FileRow } from "../files/queries.ts";
import { files } from "../files/schema.ts";
import { receiveFile } from "../files/store.ts";
import { weightsForAttempt } from "../models/input-weights.ts";
import type { Weights } from "../models/weights.ts";
import type { AttemptRow } from "./attempts.ts";
import { attemptOver, cidMismatch, outputTooLarge, tooManyFiles } from "./errors.ts";
import { lease, lockAttempt, takeState } from "./reports.ts";
import { jobAttempts } from "./schema.ts";
import type { OutputEntry } from "./shapes.ts";
import type { JobRow } from "./transitions.ts";

export interface PutOutput {
  path: string;
  /** What the node says that it is. */
  cid: string;
  body: AsyncIterable<Uint8Array> | null;
  /** The `Content-Length`. */
  announced: string | undefined;
}

const LIVE = new Set(["running", "uploading"]);

/**
 * Takes one file that an attempt put out; the same path again replaces it. All outputs together stay within the job's
 * limit, however many come at a time.
 * @throws AppError `not_found` (404), `attempt_over` (409), `output_too_large`, `too_many_files` (413), `cid_mismatch`
 *   (400), and those of `receiveFile`
 */
export async function putOutput(
  deps: Deps,
  nodeId: string,
  attemptId: string,
  { path, cid, body, announced }: PutOutput,
): Promise<OutputEntry> {
  const limit = await deps.db.transaction(async (tx) => {
    const { attempt, job } = await lockAttempt(tx, nodeId, attemptId);
    if (attempt.state === "accepted") await takeState(tx, attempt, job, "running");
    else if (!LIVE.has(attempt.state)) throw attemptOver(attempt.state);
    const most = job.spec.outputLimitMb * 1024 ** 2;
    const others = await othersOf(tx, attempt, path);
    if (others.count >= JOB_LIMITS.outputs) throw tooManyFiles(JOB_LIMITS.outputs);
    return { most, left: Math.max(0, most - others.bytes) };
  });
  const { id, ...print } = await receiveFile(deps, body, {
    limit: limit.left,
    tooLarge: () => outputTooLarge(limit.most),
    announced,
    check: (found) => {
      if (found.cid !== cid) throw cidMismatch(cid, found.cid);
    },
  });
  try {
    const replaced = await deps.db.transaction(async (tx) => {
      const { attempt, job } = await lockAttempt(tx, nodeId, attemptId);
      if (!LIVE.has(attempt.state)) throw attemptOver(attempt.state);
      const others = await othersOf(tx, attempt, path);
      if (others.bytes + print.size > limit.most) throw outputTooLarge(limit.most);
      if (others.count >= JOB_LIMITS.outputs) throw tooManyFiles(JOB_LIMITS.outputs);
      const old = await tx
        .delete(files)
        .where(and(eq(files.attemptId, attemptId), eq(files.name, path)))
        .returning({ id: files.id });
      await tx
        .insert(files)
        .values({ id, nodeId, ...print, name: path, purpose: "output", attemptId, jobId: job.id });
      await tx.update(jobAttempts).set({ leaseExpiresAt: lease }).where(eq(jobAttempts.id, attemptId));
      return old;
    });
    for (const old of replaced) await deps.storage.weights.remove(old.id);
  } catch (error) {
    await deps.storage.weights.remove(id);
    throw error;
  }
  return { path, ...print };
}

/** What the attempt put out beside a path. */
async function othersOf(tx: Executor, { id }: AttemptRow, path: string) {
  const [row] = await tx
    .select({ bytes: sql<string>`coalesce(sum(${files.size}), 0)`, count: sql<number>`count(*)::int` })
    .from(files)
    .where(and(eq(files.attemptId, id), ne(files.name, path)));
  return { bytes: Number(row?.bytes ?? 0), count: row?.count ?? 0 };
}

/** What came of an attempt, by path. */
export function outputsOf(db: Executor, attemptId: string): Promise<FileRow[]> {
  return db.select().from(files).where(eq(files.attemptId, attemptId)).orderBy(files.name);
}

/**
 * An input of an attempt's job: a file, or a version of a model that this node may have.
 * @throws AppError `not_found` (404) also for a file that is no input of this job, `attempt_over` (409)
 */
export async function inputOf(
  deps: Deps,
  nodeId: string,
  attemptId: string,
  cid: string,
): Promise<{ file: FileRow } | { weights: Weights }> {
  const { attempt, job } = await deps.db.transaction((tx) => lockAttempt(tx, nodeId, attemptId));
  if (!["accepted", "running", "uploading"].includes(attempt.state)) throw attemptOver(attempt.state);
  const version = job.weights.find((each) => each.cid === cid);
  if (version) {
    const weights = await weightsForAttempt(deps, nodeId, version);
    if (!weights) throw notFound("The input");
    return { weights };
  }
  const file = job.spec.inputs.some((input) => input.cid === cid) ? await anyFile(deps.db, cid) : undefined;
  if (!file) throw notFound("The input");
  return { file };
}

/** A verified output of a job by its path; undefined while there is no such. */
export async function outputOf(deps: Deps, job: JobRow, path: string): Promise<FileRow | undefined> {
  const entry = job.outputs?.find((each) => each.path === path);
  if (!entry || job.state !== "completed") return undefined;
  const [row] = await deps.db
    .select()
    .from(files)
    .innerJoin(jobAttempts, eq(jobAttempts.id, files.attemptId))
    .where(and(eq(files.jobId, job.id), eq(files.name, path), eq(jobAttempts.no, job.attemptNo)));
  return row?.files;
}

import { canonicalJson, type JobResult, jobPathClash, jobPathProblem, resultHash } from "@aiforge/contracts";
import { and, eq, sql } from "drizzle-orm";
import { Turns } from "../../core/turns.ts";
import type { Deps } from "../../deps.ts";
import { fingerprint } from "../files/fingerprint.ts";
import type { FileRow } from "../files/queries.ts";
import { files } from "../files/schema.ts";
import { receiveFile } from "../files/store.ts";
import { nodes } from "../nodes/schema.ts";
import { type AttemptRow, lockJob, retryOrFail } from "./attempts.ts";
import { outputTooLarge } from "./errors.ts";
import { outputsOf } from "./outputs.ts";
import { jobAttempts, jobs } from "./schema.ts";
import type { OutputEntry } from "./shapes.ts";
import type { JobReason } from "./states.ts";
import { type JobRow, moveJob } from "./transitions.ts";

/**
 * Checks at a time. Each holds a connection while it asks for others: were there as many checks as connections, none
 * would ever get another.
 */
const turns = new Turns(3);

type Verdict = { good: OutputEntry[] } | { reason: JobReason; message: string };

/**
 * Checks the result of a job: each file that its node says it put out is fetched from the store and its CID computed
 * anew. What holds completes the job; what does not sends it to another node, or fails it. One instance checks a job at
 * a time; should it die, another does.
 * @returns whether the job moved on
 * @throws Error when the store or the database do not answer, which says nothing of the result
 */
export function verifyJob(deps: Deps, id: string): Promise<boolean> {
  return turns.take(() => verifyAlone(deps, id));
}

async function verifyAlone(deps: Deps, id: string): Promise<boolean> {
  const connection = await deps.db.$client.connect();
  try {
    const lock = "hashtextextended($1, 7242021)";
    const { rows } = await connection.query(`SELECT pg_try_advisory_lock(${lock}) AS mine`, [id]);
    if (!rows[0].mine) return false;
    try {
      return await verifyOnce(deps, id);
    } finally {
      await connection.query(`SELECT pg_advisory_unlock(${lock})`, [id]);
    }
  } finally {
    connection.release();
  }
}

async function verifyOnce(deps: Deps, id: string): Promise<boolean> {
  const [job] = await deps.db.select().from(jobs).where(eq(jobs.id, id));
  if (job?.state !== "verifying") return false;
  const [attempt] = await deps.db
    .select()
    .from(jobAttempts)
    .where(and(eq(jobAttempts.jobId, id), eq(jobAttempts.no, job.attemptNo)));
  if (attempt?.state !== "finished") return false;
  const verdict = await judge(deps, job, attempt);
  if ("good" in verdict) return complete(deps, job, attempt, verdict.good);
  return deps.db.transaction(async (tx) => {
    const locked = await lockJob(tx, id);
    if (locked?.state !== "verifying" || locked.attemptNo !== attempt.no) return false;
    await tx
      .update(jobAttempts)
      .set({ state: "failed", failureCode: verdict.reason, failureMessage: verdict.message })
      .where(eq(jobAttempts.id, attempt.id));
    return retryOrFail(tx, locked, { by: "verifier", ...verdict });
  });
}

async function judge(deps: Deps, job: JobRow, attempt: AttemptRow): Promise<Verdict> {
  const claimed = attempt.claimed ?? [];
  const wrong = (message: string): Verdict => ({ reason: "output_invalid", message });
  const clash = jobPathClash(claimed.map(({ path }) => path));
  if (clash !== null) return wrong(`${JSON.stringify(clash)} is there twice, or is also a folder.`);
  const came = new Map((await outputsOf(deps.db, attempt.id)).map((file) => [file.name, file]));
  const good: OutputEntry[] = [];
  let bytes = 0;
  for (const { path, cid, size } of claimed) {
    const problem = jobPathProblem(path);
    if (problem) return wrong(`The path ${JSON.stringify(path)} ${problem}.`);
    const file = came.get(path);
    if (!file) return wrong(`${path} did not come.`);
    if (file.cid !== cid || file.size !== size) return wrong(`${path} is not what the node says it is.`);
    if (!(await isWhole(deps, file))) return wrong(`${path} cannot be read as it was.`);
    bytes += file.size;
    good.push({ path, cid: file.cid, size: file.size, sha256: file.sha256 });
  }
  if (bytes > job.spec.outputLimitMb * 1024 ** 2) {
    return { reason: "output_too_large", message: `It put out more than ${job.spec.outputLimitMb} MiB.` };
  }
  return { good: good.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

async function isWhole({ storage }: Deps, file: FileRow): Promise<boolean> {
  const print = await fingerprint(await storage.weights.read(file.id));
  return print.cid === file.cid && print.size === file.size && print.sha256 === file.sha256;
}

async function complete(
  deps: Deps,
  job: JobRow,
  attempt: AttemptRow,
  outputs: OutputEntry[],
): Promise<boolean> {
  const manifest = canonicalJson({
    version: 1,
    jobId: job.onchainId,
    attempt: attempt.no,
    files: outputs,
  });
  const body = Buffer.from(manifest);
  const kept = await receiveFile(deps, one(body), {
    limit: body.length,
    tooLarge: () => outputTooLarge(body.length),
    announced: undefined,
  });
  const containerSeconds = attempt.containerSeconds ?? 0;
  const result: JobResult = {
    version: 1,
    jobId: job.onchainId as `0x${string}`,
    attempt: attempt.no,
    exitCode: 0,
    containerSeconds,
    outputCid: kept.cid,
  };
  const moved = await deps.db.transaction(async (tx) => {
    const locked = await lockJob(tx, job.id);
    if (locked?.state !== "verifying" || locked.attemptNo !== attempt.no) return false;
    const { id, cid, sha256, size } = kept;
    await tx
      .insert(files)
      .values({ id, cid, sha256, size, name: "manifest.json", purpose: "output", jobId: job.id });
    await tx
      .update(nodes)
      .set({ completed: sql`${nodes.completed} + 1` })
      .where(eq(nodes.id, attempt.nodeId));
    return moveJob(tx, {
      id: job.id,
      from: "verifying",
      to: "completed",
      by: "verifier",
      reason: "verified",
      detail: `${outputs.length} files, each fetched and checked.`,
      set: {
        outputs,
        outputCid: cid,
        resultHash: resultHash(result),
        containerSeconds,
        nodeId: attempt.nodeId,
      },
    });
  });
  if (!moved) await deps.storage.weights.remove(kept.id);
  return moved;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

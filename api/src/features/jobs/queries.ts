import { and, asc, desc, eq, gt, inArray, or, type SQL, sql } from "drizzle-orm";
import { chainHeads, chainJobEvents, chainJobs } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { nodes } from "../nodes/schema.ts";
import { jobAttempts, jobEvents, jobLogs, jobSamples, jobs } from "./schema.ts";
import type { JobState } from "./states.ts";

/** Whose jobs somebody may see. */
export interface Viewer {
  userId: string;
  groupIds: string[];
}

const visibleTo = ({ userId, groupIds }: Viewer): SQL | undefined =>
  groupIds.length > 0
    ? or(eq(jobs.userId, userId), inArray(jobs.groupId, groupIds))
    : eq(jobs.userId, userId);

const withNode = (db: Executor) =>
  db.select({ job: jobs, nodeName: nodes.name }).from(jobs).leftJoin(nodes, eq(nodes.id, jobs.nodeId));

export async function jobFor(db: Executor, viewer: Viewer, id: string) {
  const [row] = await withNode(db).where(and(eq(jobs.id, id), visibleTo(viewer)));
  return row;
}
export type FoundJob = NonNullable<Awaited<ReturnType<typeof jobFor>>>;

export async function jobById(db: Executor, id: string) {
  const [row] = await withNode(db).where(eq(jobs.id, id));
  return row;
}

export function jobsPage(
  db: Executor,
  viewer: Viewer,
  { state, after, limit }: { state?: JobState | undefined; after: Place | null; limit: number },
): Promise<FoundJob[]> {
  return withNode(db)
    .where(
      and(
        visibleTo(viewer),
        state ? eq(jobs.state, state) : undefined,
        after
          ? sql`(${jobs.createdAt}, ${jobs.id}) < (${after.at}::timestamptz, ${after.id}::uuid)`
          : undefined,
      ),
    )
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(limit);
}

/** Where a page ended. */
export interface Place {
  at: string;
  id: string;
}

export function attemptsOf(db: Executor, jobId: string) {
  return db
    .select({ attempt: jobAttempts, nodeName: nodes.name })
    .from(jobAttempts)
    .innerJoin(nodes, eq(nodes.id, jobAttempts.nodeId))
    .where(eq(jobAttempts.jobId, jobId))
    .orderBy(asc(jobAttempts.no));
}

export function eventsOf(db: Executor, jobId: string, after = 0) {
  return db
    .select()
    .from(jobEvents)
    .where(and(eq(jobEvents.jobId, jobId), gt(jobEvents.id, after)))
    .orderBy(asc(jobEvents.id));
}

/** Samples of an attempt, the oldest first. */
export function samplesOf(db: Executor, attemptId: string, after?: Date) {
  return db
    .select()
    .from(jobSamples)
    .where(
      and(
        eq(jobSamples.attemptId, attemptId),
        // Postgres knows microseconds, a Date only milliseconds.
        after ? sql`date_trunc('milliseconds', ${jobSamples.at}) > ${after.toISOString()}` : undefined,
      ),
    )
    .orderBy(asc(jobSamples.at));
}

/** Log lines of an attempt, the first first. */
export function logsOf(db: Executor, attemptId: string, after: number, limit: number) {
  return db
    .select()
    .from(jobLogs)
    .where(and(eq(jobLogs.attemptId, attemptId), gt(jobLogs.seq, after)))
    .orderBy(asc(jobLogs.seq))
    .limit(limit);
}

const escrowColumns = {
  status: chainJobs.status,
  payer: chainJobs.payer,
  node: chainJobs.node,
  payee: chainJobs.payee,
  result: chainJobs.result,
  paid: chainJobs.paid,
  fee: chainJobs.fee,
  refunded: chainJobs.refunded,
  updatedAt: chainJobs.updatedAt,
  txHash: chainJobs.txHash,
  blockNumber: chainJobs.blockNumber,
};

/** A job's escrow as mirrored, with what a node submitted, and the mirror's height and time (Unix seconds). */
export async function escrowOf(db: Executor, { chain, onchainId }: { chain: string; onchainId: string }) {
  const [row] = await db
    .select({
      escrow: escrowColumns,
      headBlock: chainHeads.blockNumber,
      headTime: chainHeads.blockTimestamp,
    })
    .from(chainJobs)
    .leftJoin(chainHeads, eq(chainHeads.chainId, chainJobs.chainId))
    .where(and(eq(chainJobs.chainId, chain), eq(chainJobs.jobId, onchainId)));
  return row;
}

/** When a job was submitted on chain, in Unix seconds. */
export async function submittedAt(
  db: Executor,
  { chain, onchainId }: { chain: string; onchainId: string },
): Promise<bigint | null> {
  const [row] = await db
    .select({ at: chainJobEvents.blockTimestamp })
    .from(chainJobEvents)
    .where(
      and(
        eq(chainJobEvents.chainId, chain),
        eq(chainJobEvents.jobId, onchainId),
        eq(chainJobEvents.kind, "submitted"),
      ),
    );
  return row?.at ?? null;
}

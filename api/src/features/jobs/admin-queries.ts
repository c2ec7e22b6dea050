import { and, asc, desc, eq, ilike, inArray, notInArray, or } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { chainJobEvents, chainJobs } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import { files } from "../files/schema.ts";
import { nodes } from "../nodes/schema.ts";
import { jobAttempts, jobs } from "./schema.ts";
import { TERMINAL } from "./transitions.ts";

const MAX_WAITING = 200;
const MAX_DECIDED = 50;
const MAX_FOUND = 50;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const client = { id: user.id, name: user.name };

export async function clientOf(db: Executor, userId: string) {
  const [row] = await db.select(client).from(user).where(eq(user.id, userId));
  return row;
}

/** Under names of their own: the api's table and the mirror's are both called jobs. */
const escrows = alias(chainJobs, "escrows");

function withEscrow(db: Executor) {
  const { status, updatedAt, node, payee, result, paid, fee, refunded, txHash } = escrows;
  return db
    .select({
      job: jobs,
      nodeName: nodes.name,
      client,
      escrow: { status, updatedAt, node, payee, result, paid, fee, refunded, txHash },
    })
    .from(jobs)
    .innerJoin(user, eq(user.id, jobs.userId))
    .innerJoin(escrows, and(eq(escrows.chainId, jobs.chain), eq(escrows.jobId, jobs.onchainId)))
    .leftJoin(nodes, eq(nodes.id, jobs.nodeId));
}

/** Jobs whose result is disputed on chain, the oldest dispute first, at most 200. */
export function disputedJobs(db: Executor) {
  return withEscrow(db)
    .where(eq(escrows.status, "disputed"))
    .orderBy(asc(escrows.updatedAt))
    .limit(MAX_WAITING);
}
export type DisputedRow = Awaited<ReturnType<typeof disputedJobs>>[number];

/** Jobs whose dispute came to an end, the last first, at most 50. */
export function decidedJobs(db: Executor): Promise<DisputedRow[]> {
  const disputed = db
    .select({ id: chainJobEvents.jobId })
    .from(chainJobEvents)
    .where(eq(chainJobEvents.kind, "disputed"));
  return withEscrow(db)
    .where(and(inArray(escrows.status, ["paid", "resolved"]), inArray(escrows.jobId, disputed)))
    .orderBy(desc(escrows.updatedAt))
    .limit(MAX_DECIDED);
}

/**
 * Jobs by their id, their id on chain, the wallet that ordered or a part of their name, the newest first, at most 50.
 * @param text nothing: those that are not over
 */
export function findJobs(db: Executor, text: string) {
  const wanted = text.toLowerCase();
  const found = or(
    UUID.test(wanted) ? eq(jobs.id, wanted) : undefined,
    eq(jobs.onchainId, wanted),
    eq(jobs.wallet, wanted),
    ilike(jobs.name, `%${wanted.replace(/[\\%_]/g, "\\$&")}%`),
  );
  return db
    .select({ job: jobs, nodeName: nodes.name, client })
    .from(jobs)
    .innerJoin(user, eq(user.id, jobs.userId))
    .leftJoin(nodes, eq(nodes.id, jobs.nodeId))
    .where(wanted === "" ? notInArray(jobs.state, [...TERMINAL]) : found)
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(MAX_FOUND);
}

/** What all attempts of a job put out, by attempt and path. */
export function filesOf(db: Executor, jobId: string) {
  return db
    .select({ attempt: jobAttempts.no, file: files })
    .from(files)
    .innerJoin(jobAttempts, eq(jobAttempts.id, files.attemptId))
    .where(and(eq(files.jobId, jobId), eq(files.purpose, "output")))
    .orderBy(asc(jobAttempts.no), asc(files.name));
}

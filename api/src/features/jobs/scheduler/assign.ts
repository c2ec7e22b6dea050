import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { inArray, sql } from "drizzle-orm";
import type { Chain } from "../../../chain/chains.ts";
import type { Executor } from "../../../db/client.ts";
import type { Deps } from "../../../deps.ts";
import { SETUP_SECONDS } from "../protocol.ts";
import { jobAttempts, jobs } from "../schema.ts";
import { unixSeconds } from "../terms.ts";
import { type JobRow, moveJob } from "../transitions.ts";
import { type Candidate, choose, keyOf, lockCandidates, type Needs, needsOf } from "./match.ts";
import { canSign, expiryOf, type Signed, signAssignment } from "./sign.ts";

/** Seconds that a node has to accept what it was offered. */
const ACCEPT_SECONDS = 20;
/** Jobs that one transaction assigns: few, since their nodes' rows are locked meanwhile. */
const BATCH = 20;
/** Seconds between the end of a container at its limit and the deadline that checking and paying take. */
export const CLOSING_SECONDS = 300;

export interface Assigned {
  attemptId: string;
  jobId: string;
  nodeId: string;
}

export interface Round {
  assigned: Assigned[];
  /** Jobs that were looked at. */
  seen: number;
}

/**
 * Gives jobs that wait to nodes that can take them: the one way to an assignment, for push and for poll. The job and
 * the node are locked, the node's counters, the attempt and the job change in one transaction, and what another
 * instance has locked is left to it.
 */
export async function assignWaiting(deps: Deps): Promise<Round> {
  return deps.db.transaction(async (tx) => {
    const waiting = await lockWaiting(tx);
    if (waiting.length === 0) return { assigned: [], seen: 0 };
    const avoid = await avoidedBy(tx, waiting);
    const groups = new Map<string, { needs: Needs; chain: Chain; jobs: JobRow[] }>();
    const left: string[] = [];
    for (const job of waiting) {
      const chain = deps.chains.all.find((each) => each.chain === job.chain);
      if (!chain || !canSign(chain)) {
        left.push(job.id);
        continue;
      }
      const needs = needsOf(job, avoid.get(job.id) ?? []);
      const key = `${chain.chain} ${keyOf(needs)}`;
      const group = groups.get(key) ?? { needs, chain, jobs: [] };
      group.jobs.push(job);
      groups.set(key, group);
    }
    const chosen: { job: JobRow; node: Candidate; chain: Chain }[] = [];
    // What one group takes of a node is gone for the next.
    const held = new Map<string, Candidate>();
    for (const { needs, chain, jobs: alike } of groups.values()) {
      const found = await lockCandidates(tx, needs, alike.length + held.size);
      const candidates = found.map((node) => held.get(node.id) ?? node);
      for (const job of alike) {
        const node = choose(candidates, needs);
        if (!node) {
          left.push(job.id);
          continue;
        }
        held.set(node.id, node);
        chosen.push({ job, node, chain });
      }
    }
    const assigned = await assign(tx, chosen);
    await postpone(tx, left);
    return { assigned, seen: waiting.length };
  });
}

async function lockWaiting(tx: Executor): Promise<JobRow[]> {
  return tx
    .select()
    .from(jobs)
    .where(
      sql`${jobs.state} = 'pending' AND ${jobs.tryAt} <= now() AND ${jobs.attemptsLeft} > 0
          AND ${jobs.deadline} > now() + make_interval(
            secs => (${jobs.spec}->>'timeLimitSeconds')::int + ${CLOSING_SECONDS})`,
    )
    .orderBy(jobs.tryAt)
    .limit(BATCH)
    .for("update", { skipLocked: true });
}

/** By job: the nodes that lost or failed it. */
async function avoidedBy(tx: Executor, waiting: JobRow[]): Promise<Map<string, string[]>> {
  const again = waiting.filter(({ attemptNo }) => attemptNo > 0).map(({ id }) => id);
  const avoid = new Map<string, string[]>();
  if (again.length === 0) return avoid;
  const rows = await tx
    .select({ jobId: jobAttempts.jobId, nodeId: jobAttempts.nodeId })
    .from(jobAttempts)
    .where(inArray(jobAttempts.jobId, again));
  for (const { jobId, nodeId } of rows) avoid.set(jobId, [...(avoid.get(jobId) ?? []), nodeId]);
  return avoid;
}

async function assign(
  tx: Executor,
  chosen: { job: JobRow; node: Candidate; chain: Chain }[],
): Promise<Assigned[]> {
  if (chosen.length === 0) return [];
  const { rows } = await tx.execute<{ now: number }>(sql`SELECT extract(epoch FROM now())::float8 AS now`);
  const now = Math.floor(rows[0]!.now);
  const attempts: Omit<typeof jobAttempts.$inferInsert & { id: string }, "leaseExpiresAt">[] = [];
  for (const { job, node, chain } of chosen) {
    const { spec } = job;
    const signed = await signFor(job, node, chain, now);
    const no = job.attemptNo + 1;
    const moved = await moveJob(tx, {
      id: job.id,
      from: "pending",
      to: "assigned",
      by: "scheduler",
      reason: "node_chosen",
      set: { attemptNo: no, attemptsLeft: job.attemptsLeft - 1, nodeId: node.id, progress: null },
    });
    // The row is locked: nobody can have been first.
    if (!moved) throw new Error(`Job ${job.id} moved while it was locked`);
    attempts.push({
      id: randomUUID(),
      jobId: job.id,
      no,
      nodeId: node.id,
      assignment: signed.assignment,
      assignmentSignature: signed.signature,
      cpuMillis: spec.cpuMillis,
      memoryMb: spec.memoryMb,
      gpus: spec.gpus,
      diskMb: spec.diskMb,
    });
  }
  const leaseExpiresAt = sql`now() + make_interval(secs => ${ACCEPT_SECONDS})`;
  await tx.insert(jobAttempts).values(attempts.map((attempt) => ({ ...attempt, leaseExpiresAt })));
  await takeFromNodes(tx, attempts);
  return attempts.map(({ id, jobId, nodeId }) => ({ attemptId: id, jobId, nodeId }));
}

async function signFor(job: JobRow, node: Candidate, chain: Chain, now: number): Promise<Signed> {
  // Signing is pure computation: others get a turn in between.
  await turn();
  return signAssignment(chain, {
    jobId: job.onchainId as `0x${string}`,
    node: node.address as `0x${string}`,
    expiry: expiryOf({
      now,
      setupSeconds: SETUP_SECONDS,
      timeLimitSeconds: job.spec.timeLimitSeconds,
      deadline: unixSeconds(job.deadline),
    }),
  });
}

/** The rows are locked by `lockCandidates`. */
async function takeFromNodes(
  tx: Executor,
  attempts: { nodeId: string; cpuMillis: number; memoryMb: number; gpus: number; diskMb: number }[],
): Promise<void> {
  const taken = JSON.stringify(
    attempts.map(({ nodeId, cpuMillis, memoryMb, gpus, diskMb }) => ({
      id: nodeId,
      cpu: cpuMillis,
      memory: memoryMb,
      gpus,
      disk: diskMb,
    })),
  );
  await tx.execute(sql`
    UPDATE app.nodes SET
           used_cpu_millis = used_cpu_millis + taken.cpu, used_memory_mb = used_memory_mb + taken.memory,
           used_gpus = used_gpus + taken.gpus, used_disk_mb = used_disk_mb + taken.disk,
           running_jobs = running_jobs + taken.jobs
      FROM (SELECT id, sum(cpu)::int AS cpu, sum(memory)::int AS memory, sum(gpus)::int AS gpus,
                   sum(disk)::int AS disk, count(*)::int AS jobs
              FROM jsonb_to_recordset(${taken}::jsonb)
                AS each(id uuid, cpu int, memory int, gpus int, disk int) GROUP BY id) taken
     WHERE nodes.id = taken.id`);
}

/** Looks for a node for these again after a while, the longer they wait the later, fifteen seconds at most. */
async function postpone(tx: Executor, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .update(jobs)
    .set({
      tryAt: sql`now() + least(interval '15 seconds',
        greatest(interval '300 milliseconds', (now() - ${jobs.stateSince}) / 4))`,
    })
    .where(inArray(jobs.id, ids));
}

/** Has the jobs that wait longest tried again now: a node became free. */
export async function tryAgain(db: Executor): Promise<void> {
  await db.execute(sql`
    UPDATE app.jobs SET try_at = now() WHERE id IN (
      SELECT id FROM app.jobs WHERE state = 'pending' AND try_at > now()
       ORDER BY funded_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`);
}

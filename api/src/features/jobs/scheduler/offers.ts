import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Database, Executor } from "../../../db/client.ts";
import { nodes, type PendingProbe } from "../../nodes/schema.ts";
import type { AttemptRow } from "../attempts.ts";
import { LEASE_SECONDS, SETUP_SECONDS, type Work } from "../protocol.ts";
import { jobAttempts, jobs } from "../schema.ts";
import { jobTerms } from "../terms.ts";
import type { JobRow } from "../transitions.ts";

/** All that a node has to know of an attempt, so that it can do the job and, if need be, be paid for it without us. */
export function workFrom(attempt: AttemptRow, job: JobRow): Work {
  if (!attempt.assignment || !attempt.assignmentSignature) {
    throw new Error(`Attempt ${attempt.id} has no assignment`);
  }
  return {
    attemptId: attempt.id,
    jobId: job.id,
    onchainId: job.onchainId,
    attempt: attempt.no,
    spec: job.spec,
    inputs: job.spec.inputs.map((input) => ({
      ...input,
      url: `/api/nodes/attempts/${attempt.id}/inputs/${input.cid}`,
    })),
    leaseSeconds: LEASE_SECONDS,
    setupSeconds: SETUP_SECONDS,
    engineModelId: job.spec.engineModelId,
    assignment: attempt.assignment,
    assignmentSignature: attempt.assignmentSignature,
    job: jobTerms(job),
  };
}

export interface Told {
  /** Offered and not accepted yet. */
  work: Work[];
  /** Attempts to stop. */
  cancel: string[];
}

/** Minutes for which a node that polls is told what to stop; those who miss it hear it with their reports. */
const TOLD_MINUTES = 10;

/** A node that polls has something to hear: a probe that is open or due, work, or what to stop. */
export interface News {
  id: string;
  /** Given and not answered. */
  probe: PendingProbe | null;
  probeDue: boolean;
  /** Of attempts. */
  told: boolean;
}

/** Looks, in one statement for all that poll at a time, which of these nodes have news; most have none. */
export async function newsFor(db: Database, nodeIds: readonly string[]): Promise<News[]> {
  const { rows } = await db.$client.query<News>({
    name: "news_for_nodes",
    text: `SELECT id, probe, probe_due_at <= now() AS "probeDue", false AS told FROM app.nodes
            WHERE id = ANY($1::uuid[]) AND (probe IS NOT NULL OR probe_due_at <= now())
              AND jobs_enabled AND deactivated_at IS NULL
           UNION ALL
           SELECT node_id, NULL, false, true FROM app.job_attempts
            WHERE node_id = ANY($1::uuid[]) AND state = 'offered'
           UNION ALL
           SELECT node_id, NULL, false, true FROM app.job_attempts
            WHERE node_id = ANY($1::uuid[]) AND state IN ('lost', 'cancelled')
              AND ended_at > now() - make_interval(mins => ${TOLD_MINUTES})`,
    values: [nodeIds],
  });
  return rows;
}

/** What these nodes are to be told, by node; one without news has no entry. */
export async function offersFor(db: Executor, nodeIds: readonly string[]): Promise<Map<string, Told>> {
  const told = new Map<string, Told>();
  if (nodeIds.length === 0) return told;
  const of = (nodeId: string): Told => {
    const entry = told.get(nodeId) ?? { work: [], cancel: [] };
    told.set(nodeId, entry);
    return entry;
  };
  const [offered, stopped] = await Promise.all([
    db
      .select({ attempt: jobAttempts, job: jobs })
      .from(jobAttempts)
      .innerJoin(jobs, eq(jobs.id, jobAttempts.jobId))
      .innerJoin(nodes, eq(nodes.id, jobAttempts.nodeId))
      .where(
        and(
          inArray(jobAttempts.nodeId, [...nodeIds]),
          sql`${jobAttempts.state} = 'offered'`,
          // What it was offered before it was taken out of service lapses.
          isNull(nodes.deactivatedAt),
        ),
      ),
    db
      .select({ id: jobAttempts.id, nodeId: jobAttempts.nodeId })
      .from(jobAttempts)
      .where(
        and(
          inArray(jobAttempts.nodeId, [...nodeIds]),
          sql`${jobAttempts.state} IN ('lost', 'cancelled')`,
          sql`${jobAttempts.endedAt} > now() - make_interval(mins => ${TOLD_MINUTES})`,
        ),
      ),
  ]);
  for (const { attempt, job } of offered) of(attempt.nodeId).work.push(workFrom(attempt, job));
  for (const { id, nodeId } of stopped) of(nodeId).cancel.push(id);
  return told;
}

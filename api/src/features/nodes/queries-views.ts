import { and, desc, eq, gt, inArray, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { jobAttempts, jobs } from "../jobs/schema.ts";
import { wallets } from "../wallets/schema.ts";
import type { NodeRow } from "./queries.ts";
import { nodeProbes, nodeSamples, nodes } from "./schema.ts";

/** Probes of the last day, and how the last few of any day went, oldest first. */
export interface ProbeTally {
  passed: number;
  failed: number;
  recent: boolean[];
}

/** Probes of a node that every list of nodes shows one by one. */
const RECENT_PROBES = 20;

export type ProbeRow = typeof nodeProbes.$inferSelect;
export type SampleRow = Pick<typeof nodeSamples.$inferSelect, "at" | "figures">;

export async function probeTallies(db: Executor, nodeIds: string[]): Promise<Map<string, ProbeTally>> {
  if (nodeIds.length === 0) return new Map();
  const counted = db
    .select({
      nodeId: nodeProbes.nodeId,
      passed: sql<number>`count(*) FILTER (WHERE ${nodeProbes.ok})`.mapWith(Number),
      failed: sql<number>`count(*) FILTER (WHERE NOT ${nodeProbes.ok})`.mapWith(Number),
    })
    .from(nodeProbes)
    .where(and(inArray(nodeProbes.nodeId, nodeIds), gt(nodeProbes.at, sql`now() - interval '1 day'`)))
    .groupBy(nodeProbes.nodeId);
  // One short look into the index a node, however many probes are kept of it.
  const newest = db.execute<{ node_id: string; recent: boolean[] }>(sql`
    SELECT node.id AS node_id, array_agg(probe.ok ORDER BY probe.at) AS recent
      FROM unnest(${sql.param(nodeIds)}::uuid[]) AS node(id)
     CROSS JOIN LATERAL (SELECT ok, at FROM app.node_probes WHERE node_id = node.id
                          ORDER BY at DESC LIMIT ${RECENT_PROBES}) probe
     GROUP BY node.id`);
  const [counts, { rows }] = await Promise.all([counted, newest]);
  const tallies = new Map(
    rows.map(({ node_id, recent }): [string, ProbeTally] => [node_id, { passed: 0, failed: 0, recent }]),
  );
  for (const { nodeId, passed, failed } of counts) {
    tallies.set(nodeId, { passed, failed, recent: tallies.get(nodeId)?.recent ?? [] });
  }
  return tallies;
}

export function lastProbes(db: Executor, nodeId: string, limit: number): Promise<ProbeRow[]> {
  return db
    .select()
    .from(nodeProbes)
    .where(eq(nodeProbes.nodeId, nodeId))
    .orderBy(desc(nodeProbes.at))
    .limit(limit);
}

/** The nodes that run under a wallet of the user's. */
export function nodesOfUser(db: Executor, userId: string): Promise<NodeRow[]> {
  const mine = db.select({ address: wallets.address }).from(wallets).where(eq(wallets.userId, userId));
  return db
    .select()
    .from(nodes)
    .where(inArray(nodes.address, mine))
    .orderBy(desc(nodes.createdAt))
    .limit(200);
}

/** How far figures go back, and how far they lie apart. */
const RANGES = { day: ["1 day", "5 minutes"], week: ["7 days", "30 minutes"] } as const;
export type SampleRange = keyof typeof RANGES;

/** Figures of the last day, one in five minutes, or of the last week, one in thirty; oldest first. */
export function samplesOf(db: Executor, nodeId: string, range: SampleRange): Promise<SampleRow[]> {
  const [back, apart] = RANGES[range];
  const part = sql`date_bin(${sql.raw(`'${apart}'`)}::interval, ${nodeSamples.at}, timestamptz 'epoch')`;
  return db
    .selectDistinctOn([part], { at: nodeSamples.at, figures: nodeSamples.figures })
    .from(nodeSamples)
    .where(and(eq(nodeSamples.nodeId, nodeId), gt(nodeSamples.at, sql`now() - ${back}::interval`)))
    .orderBy(part, nodeSamples.at);
}

/** Micro-USDT that was paid on chain for jobs that these nodes did, the platform's part taken off. */
export async function earnedBy(db: Executor, nodeIds: string[]): Promise<Map<string, bigint>> {
  if (nodeIds.length === 0) return new Map();
  // Written out: the api's jobs and the mirror's have the same name, which the query builder does not tell apart.
  const { rows } = await db.execute<{ node_id: string; earned: string }>(sql`
    SELECT job.node_id, sum(escrow.paid)::text AS earned FROM app.jobs job
      JOIN chain.jobs escrow ON escrow.chain_id = job.chain AND escrow.job_id = job.onchain_id
     WHERE job.node_id = ANY(${sql.param(nodeIds)}::uuid[]) GROUP BY job.node_id`);
  return new Map(rows.map(({ node_id, earned }) => [node_id, BigInt(earned)]));
}

/** What these nodes did, the newest first, at most `limit` of each. */
export async function jobsOf(db: Executor, nodeIds: string[], limit: number) {
  const found = new Map<string, NodeJobRow[]>();
  for (const nodeId of nodeIds) found.set(nodeId, await jobsOfNode(db, nodeId, limit));
  return found;
}

export type NodeJobRow = Awaited<ReturnType<typeof jobsOfNode>>[number];

function jobsOfNode(db: Executor, nodeId: string, limit: number) {
  return db
    .select({
      attemptId: jobAttempts.id,
      jobId: jobAttempts.jobId,
      name: jobs.name,
      attempt: jobAttempts.no,
      state: jobAttempts.state,
      jobState: jobs.state,
      price: jobs.price,
      chain: jobs.chain,
      onchainId: jobs.onchainId,
      wallet: jobs.wallet,
      node: nodes.address,
      assignedAt: jobAttempts.assignedAt,
      endedAt: jobAttempts.endedAt,
      containerSeconds: jobAttempts.containerSeconds,
      failureCode: jobAttempts.failureCode,
    })
    .from(jobAttempts)
    .innerJoin(jobs, eq(jobs.id, jobAttempts.jobId))
    .innerJoin(nodes, eq(nodes.id, jobAttempts.nodeId))
    .where(eq(jobAttempts.nodeId, nodeId))
    .orderBy(desc(jobAttempts.assignedAt))
    .limit(limit);
}

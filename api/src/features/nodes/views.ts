import { notFound } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { disputesOf } from "../jobs/disputes.ts";
import type { JobDispute } from "../jobs/shapes.ts";
import type { JobCapability } from "./capability.ts";
import { INACTIVE_SECONDS } from "./protocol.ts";
import * as queries from "./queries.ts";
import * as shown from "./queries-views.ts";
import type { MyNodeView, NodeDetailView, NodeJobView, NodeSampleView, NodeView } from "./shapes.ts";

/** Probes and jobs that are shown of a node. */
const PROBES_SHOWN = 50;
const JOBS_SHOWN = 100;

/** A node as everybody sees it. */
export function nodeView(row: queries.NodeRow, tally?: shown.ProbeTally): NodeView {
  const age = row.lastHeartbeatAt ? Date.now() - row.lastHeartbeatAt.getTime() : Number.POSITIVE_INFINITY;
  const { completed, failed, probeScore, jobs } = row;
  return {
    id: row.id,
    name: row.name,
    address: row.address,
    status: age < INACTIVE_SECONDS * 1000 ? "active" : "inactive",
    version: row.version,
    capacity: row.capacity,
    active: row.figures?.active ?? 0,
    models: row.models,
    offered: row.offered,
    figures: row.figures,
    jobs: jobs && row.jobsEnabled ? offered(jobs) : null,
    draining: row.draining,
    runningJobs: row.runningJobs,
    used: {
      cpuMillis: row.usedCpuMillis,
      memoryMb: row.usedMemoryMb,
      gpus: row.usedGpus,
      diskMb: row.usedDiskMb,
    },
    reputation: {
      completed,
      failed,
      probeScore,
      // As the scheduler ranks: a new node counts as one with four of five jobs done well.
      score: ((completed + 4) / (completed + failed + 5)) * probeScore,
    },
    probes: {
      passed: tally?.passed ?? 0,
      failed: tally?.failed ?? 0,
      recent: tally?.recent ?? [],
      lastPassedAt: row.probePassedAt?.toISOString() ?? null,
      lastFailedAt: row.probeFailedAt?.toISOString() ?? null,
    },
    deactivated: row.deactivatedAt
      ? { at: row.deactivatedAt.toISOString(), reason: row.deactivatedReason ?? "" }
      : null,
    lastHeartbeatAt: row.lastHeartbeatAt?.toISOString() ?? null,
    verifiedAt: row.verifiedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

/** Its process is nobody's business. */
function offered({ instance: _, ...jobs }: JobCapability): NodeView["jobs"] {
  return jobs;
}

/** One node with its last probes. @throws AppError `not_found` (404) */
export async function nodeDetail(deps: Deps, id: string): Promise<NodeDetailView> {
  const row = await queries.nodeRow(deps.db, id);
  if (!row) throw notFound("The node");
  const [tallies, probes] = await Promise.all([
    shown.probeTallies(deps.db, [id]),
    shown.lastProbes(deps.db, id, PROBES_SHOWN),
  ]);
  return { ...nodeView(row, tallies.get(id)), history: probes.map(probeView) };
}

/** What a node measured of itself, oldest first. @throws AppError `not_found` (404) */
export async function nodeSamples(
  deps: Deps,
  id: string,
  range: shown.SampleRange,
): Promise<NodeSampleView[]> {
  if (!(await queries.nodeRow(deps.db, id))) throw notFound("The node");
  return (await shown.samplesOf(deps.db, id, range)).map(sampleView);
}

/** The nodes of the user's wallets, with what only their operator needs. */
export async function myNodes(deps: Deps, userId: string): Promise<MyNodeView[]> {
  const rows = await shown.nodesOfUser(deps.db, userId);
  const ids = rows.map(({ id }) => id);
  const [tallies, earned, jobs] = await Promise.all([
    shown.probeTallies(deps.db, ids),
    shown.earnedBy(deps.db, ids),
    shown.jobsOf(deps.db, ids, JOBS_SHOWN),
  ]);
  const disputeOf = await disputesOf(deps.db, [...jobs.values()].flat());
  return rows.map((row) => ({
    ...nodeView(row, tallies.get(row.id)),
    earned: usdt(earned.get(row.id) ?? 0n),
    recentJobs: (jobs.get(row.id) ?? []).map((job) => jobView(job, disputeOf(job))),
  }));
}

/** What a node did, for admins; the newest first. @throws AppError `not_found` (404) */
export async function nodeJobs(deps: Deps, id: string): Promise<NodeJobView[]> {
  if (!(await queries.nodeRow(deps.db, id))) throw notFound("The node");
  const jobs = (await shown.jobsOf(deps.db, [id], JOBS_SHOWN)).get(id) ?? [];
  return jobViews(deps, jobs);
}

function sampleView({ at, figures }: shown.SampleRow): NodeSampleView {
  return { at: at.toISOString(), figures };
}

function probeView({ at, kind, modelId, ok, ms, detail }: shown.ProbeRow) {
  return { at: at.toISOString(), kind, modelId, ok, ms, detail };
}

/** Jobs of nodes, as their operator and admins see them. */
export async function jobViews(deps: Pick<Deps, "db">, rows: shown.NodeJobRow[]): Promise<NodeJobView[]> {
  const disputeOf = await disputesOf(deps.db, rows);
  return rows.map((row) => jobView(row, disputeOf(row)));
}

function jobView(row: shown.NodeJobRow, dispute: JobDispute | null): NodeJobView {
  return {
    attemptId: row.attemptId,
    jobId: row.jobId,
    name: row.name,
    attempt: row.attempt,
    state: row.state,
    jobState: row.jobState,
    price: usdt(row.price),
    assignedAt: row.assignedAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    containerSeconds: row.containerSeconds,
    failureCode: row.failureCode,
    dispute: dispute?.node.toLowerCase() === row.node.toLowerCase() ? dispute : null,
  };
}

import { and, eq, inArray, sql } from "drizzle-orm";
import type { Database, Executor } from "../../db/client.ts";
import { type JobCapability, ratesOf } from "./capability.ts";
import type { NodeFigures, NodeModel } from "./protocol.ts";
import { nodeSamples, nodes } from "./schema.ts";

/** What the hot path has to know of a node. */
export interface KnownNode {
  id: string;
  name: string;
  tokenHash: string;
  /** The process that speaks for it, once one said so. */
  instance: string | null;
  pastInstances: readonly string[];
  deactivated: boolean;
}

const KNOWN = {
  id: nodes.id,
  name: nodes.name,
  tokenHash: nodes.tokenHash,
  instance: nodes.instance,
  pastInstances: nodes.pastInstances,
  deactivated: sql<boolean>`${nodes.deactivatedAt} IS NOT NULL`,
};

/** The nodes with tokens of these sha-256, by it. */
export async function nodesByTokenHash(db: Executor, hashes: string[]): Promise<Map<string, KnownNode>> {
  const rows = await db.select(KNOWN).from(nodes).where(inArray(nodes.tokenHash, hashes));
  return new Map(rows.map((row) => [row.tokenHash, row]));
}

export async function nodeById(db: Executor, id: string): Promise<KnownNode | undefined> {
  const [row] = await db.select(KNOWN).from(nodes).where(eq(nodes.id, id));
  return row;
}

export interface Beat {
  nodeId: string;
  figures: NodeFigures;
  /** Undefined: as before. */
  models?: NodeModel[];
}

/**
 * Stores heartbeats, each node's newest one: one statement whatever their number. The rows are locked in one order, so
 * that two instances never wait for each other.
 */
export async function storeHeartbeats(db: Database, beats: readonly Beat[]): Promise<void> {
  const rows = JSON.stringify(beats.map(({ nodeId, figures, models }) => ({ id: nodeId, figures, models })));
  await db.$client.query({
    name: "store_heartbeats",
    text: `WITH beat AS (
             SELECT * FROM jsonb_to_recordset($1::jsonb) AS beat(id uuid, figures jsonb, models jsonb)
           ), locked AS (
             SELECT id FROM app.nodes WHERE id IN (SELECT id FROM beat) ORDER BY id FOR NO KEY UPDATE
           )
           UPDATE app.nodes SET last_heartbeat_at = now(), figures = beat.figures,
                  models = coalesce(beat.models, nodes.models)
             FROM beat JOIN locked USING (id) WHERE nodes.id = beat.id`,
    values: [rows],
  });
}

/** Keeps figures of the full minute; of several in one minute the first. */
export async function storeSamples(db: Executor, samples: readonly Beat[]): Promise<void> {
  if (samples.length === 0) return;
  await db
    .insert(nodeSamples)
    .values(samples.map(({ nodeId, figures }) => ({ nodeId, at: sql`date_trunc('minute', now())`, figures })))
    .onConflictDoNothing();
}

/** Forgets a part of the samples that are over a week old. @returns how many */
export async function forgetSamples(db: Database, limit = 5_000): Promise<number> {
  const { rowCount } = await db.$client.query(
    `DELETE FROM app.node_samples WHERE ctid = ANY(ARRAY(
       SELECT ctid FROM app.node_samples WHERE at < now() - interval '7 days' LIMIT $1))`,
    [limit],
  );
  return rowCount ?? 0;
}

/** What a node offers to jobs from now on. A node that begins to offer containers is probed at once. */
export async function storeCapability(db: Executor, nodeId: string, jobs: JobCapability): Promise<void> {
  const rates = ratesOf(jobs);
  const probed = jobs.enabled && jobs.images.length > 0;
  await db
    .update(nodes)
    .set({
      jobs,
      jobsEnabled: jobs.enabled,
      draining: jobs.draining ?? false,
      cpuMillis: jobs.cpuMillis,
      memoryMb: jobs.memoryMb,
      gpus: jobs.gpus,
      diskMb: jobs.diskMb,
      concurrency: jobs.concurrency,
      jobNetwork: jobs.network,
      anyImage: jobs.anyImage,
      images: [...new Set(jobs.images.map(({ digest }) => digest))],
      rateCpu: rates.cpuHour,
      rateMemory: rates.memoryGbHour,
      rateGpu: rates.gpuHour,
      probeDueAt: probed ? sql`coalesce(${nodes.probeDueAt}, now())` : null,
    })
    .where(eq(nodes.id, nodeId));
}

/** A node offers nothing to jobs any more. */
export async function withdrawCapability(db: Executor, nodeId: string): Promise<void> {
  await db
    .update(nodes)
    .set({ jobsEnabled: false, probe: null, probeDueAt: null })
    .where(and(eq(nodes.id, nodeId), eq(nodes.jobsEnabled, true)));
}

/** Takes a node out of service; null puts it back. @returns undefined when there is no such node */
export async function setDeactivated(
  db: Executor,
  nodeId: string,
  why: { by: string; reason: string } | null,
): Promise<typeof nodes.$inferSelect | undefined> {
  const [row] = await db
    .update(nodes)
    .set({
      // Saying it again keeps the first time, with the newest reason.
      deactivatedAt: why ? sql`coalesce(${nodes.deactivatedAt}, now())` : null,
      deactivatedBy: why?.by ?? null,
      deactivatedReason: why?.reason ?? null,
    })
    .where(eq(nodes.id, nodeId))
    .returning();
  return row;
}

/** Processes that a node remembers to have had. */
const PAST_KEPT = 20;

/**
 * Lets a process speak for its node, in place of the one before. A process that was replaced stays so.
 * @returns whether it may speak, and whether it took the place of another
 */
export async function claimInstance(
  db: Database,
  nodeId: string,
  instance: string,
): Promise<{ current: boolean; replaced: boolean }> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .select({ instance: nodes.instance, past: nodes.pastInstances })
      .from(nodes)
      .where(eq(nodes.id, nodeId))
      .for("no key update");
    if (!row || row.past.includes(instance)) return { current: false, replaced: false };
    if (row.instance === instance) return { current: true, replaced: false };
    const past = row.instance ? [...row.past, row.instance].slice(-PAST_KEPT) : row.past;
    await tx.update(nodes).set({ instance, pastInstances: past }).where(eq(nodes.id, nodeId));
    return { current: true, replaced: row.instance !== null };
  });
}

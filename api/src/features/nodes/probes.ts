import { createHash, randomBytes, randomUUID } from "node:crypto";
import { and, desc, eq, sql } from "drizzle-orm";
import type { Database, Executor } from "../../db/client.ts";
import { nodeProbes, nodes, type PendingProbe } from "./schema.ts";

/** Seconds that a node has for a container probe. */
const ANSWER_SECONDS = 120;
/** Seconds between two container probes of a node, give or take a tenth; sooner after one that failed. */
const AGAIN_SECONDS = 600;
const AFTER_FAILURE_SECONDS = 60;
/** What a probe counts in a node's score; those before it count the rest. */
const WEIGHT = 0.1;
/** Probes that are kept of a node. */
export const PROBES_KEPT = 500;
/** Every so many probes the old ones of the node are forgotten. */
const FORGET_EVERY = 20;
const BATCH = 200;

export interface ProbeResult {
  kind: "inference" | "container";
  modelId?: string | undefined;
  ok: boolean;
  /** From the question to the answer. */
  ms: number;
  detail?: string | undefined;
}

/** What a container probe has to print: the sha-256 of the nonce's text, in hexadecimal. */
const expectedOutput = (nonce: string): string => createHash("sha256").update(nonce).digest("hex");

/** Writes a probe down; of a container probe also when the next one is due. */
export async function recordProbe(db: Executor, nodeId: string, result: ProbeResult): Promise<void> {
  const { kind, modelId, ok, detail } = result;
  const ms = Math.min(Math.max(0, Math.round(result.ms)), 2_147_483_647);
  await db
    .insert(nodeProbes)
    .values({ nodeId, kind, modelId: modelId ?? null, ok, ms, detail: detail?.slice(0, 500) ?? null });
  const score = sql`${nodes.probeScore} * ${1 - WEIGHT} + ${ok ? WEIGHT : 0}`;
  const seconds = (ok ? AGAIN_SECONDS : AFTER_FAILURE_SECONDS) * (0.9 + Math.random() * 0.2);
  const next = {
    probe: null,
    [ok ? "probePassedAt" : "probeFailedAt"]: sql`now()`,
    probeDueAt: sql`now() + make_interval(secs => ${seconds})`,
  };
  await db
    .update(nodes)
    .set({ probeScore: score, ...(kind === "container" ? next : {}) })
    .where(eq(nodes.id, nodeId));
  if (Math.random() * FORGET_EVERY < 1) await forgetProbes(db, nodeId);
}

export async function forgetProbes(db: Executor, nodeId: string): Promise<void> {
  const old = db
    .select({ id: nodeProbes.id })
    .from(nodeProbes)
    .where(eq(nodeProbes.nodeId, nodeId))
    .orderBy(desc(nodeProbes.at))
    .offset(PROBES_KEPT);
  await db.delete(nodeProbes).where(sql`${nodeProbes.id} IN ${old}`);
}

/**
 * Container probes that these nodes are to be given now, by node: each runs one of its own images. One that got no
 * answer in its time has failed. A probe goes out once, whichever instance asks.
 */
export async function dueProbes(
  db: Database,
  nodeIds: readonly string[],
): Promise<Map<string, PendingProbe>> {
  const probes = new Map<string, PendingProbe>();
  if (nodeIds.length === 0) return probes;
  await db.transaction(async (tx) => {
    const { rows } = await tx.execute<{ id: string; digests: string[]; pending: boolean }>(sql`
      SELECT id, images AS digests, probe IS NOT NULL AS pending FROM app.nodes
       WHERE id = ANY(${sql.param([...nodeIds])}::uuid[]) AND jobs_enabled AND deactivated_at IS NULL
         AND probe_due_at <= now() AND cardinality(images) > 0
       LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED`);
    for (const { id, pending } of rows) {
      if (!pending) continue;
      await recordProbe(tx, id, {
        kind: "container",
        ok: false,
        ms: ANSWER_SECONDS * 1000,
        detail: "no answer",
      });
    }
    for (const { id, digests } of rows) {
      const image = digests[Math.floor(Math.random() * digests.length)]!;
      probes.set(id, { id: randomUUID(), image, nonce: randomBytes(16).toString("hex") });
    }
    if (probes.size === 0) return;
    const given = JSON.stringify([...probes].map(([id, probe]) => ({ id, probe })));
    await tx.execute(sql`
      UPDATE app.nodes SET probe = given.probe, probe_sent_at = now(),
             probe_due_at = now() + make_interval(secs => ${ANSWER_SECONDS})
        FROM jsonb_to_recordset(${given}::jsonb) AS given(id uuid, probe jsonb) WHERE nodes.id = given.id`);
  });
  return probes;
}

/**
 * Takes a node's answer to its container probe. The node's own word that it is well counts for nothing: the container
 * has to have printed the sha-256 of the nonce.
 * @returns whether it passed; undefined when no such probe is open
 */
export async function answerProbe(
  db: Database,
  nodeId: string,
  answer: { id: string; ok: boolean; output: string; ms: number; detail?: string | null | undefined },
): Promise<boolean | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .select({
        probe: nodes.probe,
        took: sql<number>`extract(epoch FROM now() - ${nodes.probeSentAt}) * 1000`,
      })
      .from(nodes)
      .where(and(eq(nodes.id, nodeId)))
      .for("no key update");
    if (row?.probe?.id !== answer.id) return undefined;
    const right = answer.output.trim().toLowerCase() === expectedOutput(row.probe.nonce);
    const detail = right || !answer.ok ? answer.detail : "the container printed something else";
    await recordProbe(tx, nodeId, {
      kind: "container",
      ok: answer.ok && right,
      // No more than went by here, whatever the node says.
      ms: Math.min(answer.ms, Number(row.took)),
      detail: detail ?? undefined,
    });
    return answer.ok && right;
  });
}

import { desc, eq, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import type { NodeFigures, NodeModel } from "./protocol.ts";
import { nodes } from "./schema.ts";

export type NodeRow = typeof nodes.$inferSelect;

/** A new node, or a new token for the node of that name of that wallet. */
export async function upsertNode(
  db: Executor,
  row: { address: string; name: string; tokenHash: string; capabilities: Record<string, unknown> },
): Promise<NodeRow> {
  const [stored] = await db
    .insert(nodes)
    .values(row)
    .onConflictDoUpdate({
      target: [nodes.address, nodes.name],
      set: { tokenHash: row.tokenHash, capabilities: row.capabilities },
    })
    .returning();
  return stored!;
}

export async function nodeByTokenHash(db: Executor, tokenHash: string): Promise<NodeRow | undefined> {
  const [row] = await db.select().from(nodes).where(eq(nodes.tokenHash, tokenHash)).limit(1);
  return row;
}

export function allNodes(db: Executor, limit: number): Promise<NodeRow[]> {
  return db
    .select()
    .from(nodes)
    .orderBy(sql`${nodes.lastHeartbeatAt} DESC NULLS LAST`, desc(nodes.createdAt))
    .limit(limit);
}

export async function storeHeartbeat(
  db: Executor,
  id: string,
  figures: NodeFigures,
  told?: NodeModel[],
): Promise<void> {
  await db
    .update(nodes)
    .set({ figures, lastHeartbeatAt: sql`now()`, ...(told ? { models: told } : {}) })
    .where(eq(nodes.id, id));
}

/** What a connected node is and offers; `lastHeartbeatAt` moves too, since it has just spoken. */
export async function storePresence(
  db: Executor,
  id: string,
  presence: { version: string; capacity: number; models: NodeModel[]; offered: string[] },
): Promise<void> {
  await db
    .update(nodes)
    .set({ ...presence, lastHeartbeatAt: sql`now()` })
    .where(eq(nodes.id, id));
}

/** A node whose connection ended offers nothing; its last heartbeat keeps its time. */
export async function storeAbsence(db: Executor, id: string): Promise<void> {
  await db.update(nodes).set({ offered: [] }).where(eq(nodes.id, id));
}

/** Every model whose file is ready. */
export function readyModels(db: Executor) {
  return db
    .select({
      id: models.id,
      name: models.name,
      cid: models.fileCid,
      sha256: models.fileSha256,
      size: models.fileSize,
      gguf: models.fileGguf,
    })
    .from(models)
    .where(eq(models.fileState, "ready"))
    .orderBy(models.createdAt);
}

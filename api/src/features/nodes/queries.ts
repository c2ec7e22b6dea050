import { and, eq, inArray, isNull, or, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { groupMembers } from "../groups/schema.ts";
import { servedVersion } from "../models/queries.ts";
import { models, modelVersions } from "../models/schema.ts";
import { wallets } from "../wallets/schema.ts";
import type { NodeModel } from "./protocol.ts";
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

export async function nodeNamed(db: Executor, address: string, name: string): Promise<NodeRow | undefined> {
  const [row] = await db
    .select()
    .from(nodes)
    .where(and(eq(nodes.address, address.toLowerCase()), eq(nodes.name, name)));
  return row;
}

export async function nodeRow(db: Executor, id: string): Promise<NodeRow | undefined> {
  const [row] = await db.select().from(nodes).where(eq(nodes.id, id));
  return row;
}

/** Says, or takes back, that a node may have protected weights. @returns undefined when there is no such node */
export async function setVerified(db: Executor, id: string, verified: boolean): Promise<NodeRow | undefined> {
  const [row] = await db
    .update(nodes)
    // Saying it again keeps the first time.
    .set({ verifiedAt: verified ? sql`coalesce(${nodes.verifiedAt}, now())` : null })
    .where(eq(nodes.id, id))
    .returning();
  return row;
}

/** Verifies every node of these wallets. @param addresses lower-case */
export async function verifyNodesOf(db: Executor, addresses: string[]): Promise<void> {
  if (addresses.length === 0) return;
  await db
    .update(nodes)
    .set({ verifiedAt: sql`now()` })
    .where(and(inArray(nodes.address, addresses), isNull(nodes.verifiedAt)));
}

export interface NodeRights {
  verified: boolean;
  /** Groups of the user whose linked wallet runs the node. */
  groupIds: Set<string>;
}

/** What protected weights these nodes may have, by node; one that is not there has no entry. */
export async function rightsOf(db: Executor, nodeIds: string[]): Promise<Map<string, NodeRights>> {
  if (nodeIds.length === 0) return new Map();
  const rows = await db
    .select({ id: nodes.id, verifiedAt: nodes.verifiedAt, groupId: groupMembers.groupId })
    .from(nodes)
    .leftJoin(wallets, eq(wallets.address, nodes.address))
    .leftJoin(groupMembers, eq(groupMembers.userId, wallets.userId))
    .where(inArray(nodes.id, nodeIds));
  const rights = new Map<string, NodeRights>();
  for (const { id, verifiedAt, groupId } of rows) {
    const entry = rights.get(id) ?? { verified: verifiedAt !== null, groupIds: new Set() };
    if (groupId) entry.groupIds.add(groupId);
    rights.set(id, entry);
  }
  return rights;
}

/**
 * What a connected node is and offers; `lastHeartbeatAt` moves too, since it has just spoken. The first word of a
 * connection takes the row over; after it the row is the connection's until another takes it.
 */
export async function storePresence(
  db: Executor,
  id: string,
  presence: {
    version: string;
    capacity: number;
    models: NodeModel[];
    offered: string[];
    connection: string;
  },
  first: boolean,
): Promise<void> {
  const its = or(eq(nodes.connection, presence.connection), eq(nodes.connected, false));
  await db
    .update(nodes)
    .set({ ...presence, connected: true, lastHeartbeatAt: sql`now()` })
    .where(and(eq(nodes.id, id), first ? undefined : its));
}

/** A node whose connection ended offers nothing, unless it has another by now; its last heartbeat keeps its time. */
export async function storeAbsence(db: Executor, id: string, connection: string): Promise<void> {
  await db
    .update(nodes)
    .set({ offered: [], connected: false })
    .where(and(eq(nodes.id, id), eq(nodes.connection, connection)));
}

/** Every model that a version is served of, with that version. */
export function readyModels(db: Executor) {
  return db
    .select({
      id: models.id,
      name: models.name,
      version: modelVersions.number,
      cid: modelVersions.cid,
      sha256: modelVersions.sha256,
      size: sql<number>`coalesce(${modelVersions.storedSize}, ${modelVersions.size})`.mapWith(Number),
      weights: models.weights,
      groupId: models.groupId,
      gguf: modelVersions.gguf,
    })
    .from(models)
    .innerJoin(modelVersions, servedVersion)
    .orderBy(models.createdAt);
}

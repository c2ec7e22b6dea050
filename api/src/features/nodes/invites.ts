import { randomBytes } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { and, desc, eq, gt, isNull, sql } from "drizzle-orm";
import { notFound } from "../../core/errors.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { user } from "../auth/schema.ts";
import { inviteNeeded, inviteOver, inviteRefused } from "./errors.ts";
import { nodeInvites, nodes } from "./schema.ts";
import { tokenHashOf } from "./tokens.ts";

const INVITE_PREFIX = "aifi_";
const MAX_LISTED = 200;

const at = z.iso.datetime();
const named = z.object({ id: z.uuid(), name: z.string() });

export const nodeInviteSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(["open", "used", "revoked", "expired"]),
    createdAt: at,
    createdBy: z.union([named, z.null()]).describe("null: that account is gone"),
    expiresAt: at,
    usedAt: at.nullable(),
    node: z.union([named, z.null()]).describe("Which registered with it"),
    revokedAt: at.nullable(),
  })
  .openapi("NodeInvite");
export type NodeInviteView = z.infer<typeof nodeInviteSchema>;

/** Makes an invitation for one node. @returns the token this once; only its sha-256 is kept */
export async function createInvite(
  deps: Deps,
  { createdBy, days }: { createdBy: string; days: number },
): Promise<{ id: string; invite: string; expiresAt: string }> {
  const invite = INVITE_PREFIX + randomBytes(24).toString("base64url");
  const [row] = await deps.db
    .insert(nodeInvites)
    .values({
      tokenHash: tokenHashOf(invite),
      createdBy,
      expiresAt: sql`now() + make_interval(days => ${days})`,
    })
    .returning({ id: nodeInvites.id, expiresAt: nodeInvites.expiresAt });
  return { id: row!.id, invite, expiresAt: row!.expiresAt.toISOString() };
}

// The database's clock decides what is over, as it does when an invitation is used.
const state = sql<NodeInviteView["state"]>`CASE
  WHEN ${nodeInvites.usedAt} IS NOT NULL THEN 'used' WHEN ${nodeInvites.revokedAt} IS NOT NULL THEN 'revoked'
  WHEN ${nodeInvites.expiresAt} <= now() THEN 'expired' ELSE 'open' END`;

function invites(db: Executor) {
  return db
    .select({
      invite: nodeInvites,
      state,
      by: { id: user.id, name: user.name },
      node: { id: nodes.id, name: nodes.name },
    })
    .from(nodeInvites)
    .leftJoin(user, eq(user.id, nodeInvites.createdBy))
    .leftJoin(nodes, eq(nodes.id, nodeInvites.usedByNode));
}

const view = ({ invite, state, by, node }: Awaited<ReturnType<typeof invites>>[number]): NodeInviteView => ({
  id: invite.id,
  state,
  createdAt: invite.createdAt.toISOString(),
  createdBy: by,
  expiresAt: invite.expiresAt.toISOString(),
  usedAt: invite.usedAt?.toISOString() ?? null,
  node,
  revokedAt: invite.revokedAt?.toISOString() ?? null,
});

/** All invitations, the newest first, at most 200. */
export async function listInvites(deps: Deps): Promise<NodeInviteView[]> {
  const rows = await invites(deps.db)
    .orderBy(desc(nodeInvites.createdAt), desc(nodeInvites.id))
    .limit(MAX_LISTED);
  return rows.map(view);
}

/**
 * Takes an invitation back: nobody registers with it any more. Doing so again changes nothing.
 * @throws AppError `not_found` (404), `invite_over` (409) for one that was used or is over
 */
export async function revokeInvite(deps: Deps, id: string): Promise<NodeInviteView> {
  // One statement against the one that uses it: of the two only one finds it open.
  await deps.db
    .update(nodeInvites)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(nodeInvites.id, id), isOpen));
  const [row] = await invites(deps.db).where(eq(nodeInvites.id, id));
  if (!row) throw notFound("The invitation");
  if (row.state !== "revoked") throw inviteOver(row.state);
  return view(row);
}

const isOpen = and(
  isNull(nodeInvites.usedAt),
  isNull(nodeInvites.revokedAt),
  gt(nodeInvites.expiresAt, sql`now()`),
);

/**
 * Registers a node by an invitation. Each is good for one node, however many ask at a time: the update has one winner.
 * @throws AppError `invite_needed`, `invite_refused` (403), the latter whatever is wrong with it
 */
export async function useInvite(tx: Executor, invite: string | undefined, nodeId: string): Promise<void> {
  if (invite === undefined) throw inviteNeeded();
  const used = await tx
    .update(nodeInvites)
    .set({ usedByNode: nodeId, usedAt: sql`now()` })
    .where(and(eq(nodeInvites.tokenHash, tokenHashOf(invite)), isOpen))
    .returning({ id: nodeInvites.id });
  if (used.length === 0) throw inviteRefused();
}

import type { z } from "@hono/zod-openapi";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { instanceReplaced, nodeTokenRefused, probeOver } from "./errors.ts";
import { answerProbe } from "./probes.ts";
import type { probeAnswerSchema, WantedModel } from "./protocol.ts";
import * as queries from "./queries.ts";
import { type KnownNode, setDeactivated } from "./queries-fleet.ts";
import { TOKEN_PREFIX } from "./registration.ts";
import type { heartbeatBody, NodeView } from "./shapes.ts";
import { tokenHashOf } from "./tokens.ts";
import { nodeView } from "./views.ts";
import { wantedBy } from "./wanted.ts";

/** The node behind a token, null when there is none. */
export async function nodeOf(deps: Deps, token: string): Promise<{ id: string; name: string } | null> {
  const known = await knownNode(deps, token);
  return known ? { id: known.id, name: known.name } : null;
}

async function knownNode(deps: Deps, token: string): Promise<KnownNode | undefined> {
  if (!token.startsWith(TOKEN_PREFIX) || token.length > 100) return undefined;
  return deps.fleet.tokens.find(tokenHashOf(token));
}

/**
 * Lets a node have protected weights, or no longer; doing it twice changes nothing more. A node that lost it gets no
 * bytes, no key and no requests for them any more; what it had fetched nobody can take back from its disk.
 * @throws AppError `not_found` (404)
 */
export async function setNodeVerified(deps: Deps, nodeId: string, verified: boolean): Promise<NodeView> {
  const row = await queries.setVerified(deps.db, nodeId, verified);
  if (!row) throw notFound("The node");
  deps.log.info({ nodeId, verified }, "a node's verification was set");
  return nodeView(row);
}

/** Verifies the nodes that the configuration names by their wallets. */
export function verifyHouseNodes(deps: Deps): Promise<void> {
  return queries.verifyNodesOf(deps.db, deps.config.VERIFIED_NODE_WALLETS);
}

/** Whether a node may have the protected weights of a group's models: a member's node, or one that an admin verified. */
export async function mayHaveProtected(deps: Deps, nodeId: string, groupId: string): Promise<boolean> {
  const rights = (await queries.rightsOf(deps.db, [nodeId])).get(nodeId);
  return rights !== undefined && (rights.verified || rights.groupIds.has(groupId));
}

/** @throws AppError `node_token_refused` (401) */
export async function requireNode(deps: Deps, authorization: string | undefined): Promise<KnownNode> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
  const found = token ? await knownNode(deps, token) : undefined;
  if (!found) throw nodeTokenRefused();
  return found;
}

/**
 * The heartbeat of a node that cannot hold a WebSocket open: it learns what to serve and what to stop.
 * @throws AppError `replaced_instance` (409) for a process whose place another of the same node took
 */
export async function heartbeat(
  deps: Deps,
  node: KnownNode,
  { models, jobs, attempts = [], ...figures }: z.infer<typeof heartbeatBody>,
): Promise<{ wanted: WantedModel[]; cancel: string[] }> {
  if (jobs && !(await deps.fleet.tellJobs(node.id, jobs))) throw instanceReplaced();
  const [cancel, wanted] = await Promise.all([
    deps.fleet.beat({ nodeId: node.id, figures, models, attempts }),
    wantedBy(deps, node.id),
  ]);
  deps.nodes.heard(node.id);
  return { wanted, cancel };
}

/**
 * Takes what a container probe printed.
 * @throws AppError `probe_over` (409) when that probe is not open any more
 */
export async function takeProbeAnswer(
  deps: Deps,
  nodeId: string,
  id: string,
  answer: z.infer<typeof probeAnswerSchema>,
): Promise<{ passed: boolean }> {
  const passed = await answerProbe(deps.db, nodeId, { id, ...answer });
  if (passed === undefined) throw probeOver();
  if (passed) deps.scheduler.freed();
  return { passed };
}

/**
 * Takes a node out of service, or puts it back. What it is at it may end; it is offered nothing more.
 * @throws AppError `not_found` (404)
 */
export async function setNodeActive(
  deps: Deps,
  nodeId: string,
  change: { active: true } | { active: false; by: string; reason: string },
): Promise<NodeView> {
  const row = await setDeactivated(deps.db, nodeId, change.active ? null : change);
  if (!row) throw notFound("The node");
  await deps.fleet.changed(nodeId);
  deps.log.info({ nodeId, ...change }, "a node was activated or deactivated");
  return nodeView(row);
}

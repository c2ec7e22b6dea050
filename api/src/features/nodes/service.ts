import { createHash, randomBytes } from "node:crypto";
import type { z } from "@hono/zod-openapi";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { stillSubscribed } from "../marketplace/queries.ts";
import { restrictedOf } from "../models/license-queries.ts";
import { onchainOf } from "../publishing/onchain.ts";
import { issueChallenge, redeemChallenge } from "../wallets/challenge.ts";
import { nodeTokenRefused } from "./errors.ts";
import { INACTIVE_SECONDS, type WantedModel } from "./protocol.ts";
import * as queries from "./queries.ts";
import type { heartbeatBody, NodeView, registerBody } from "./shapes.ts";

const MAX_LISTED = 500;
const TOKEN_PREFIX = "aifn_";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The message that a node's wallet signs to register. @throws AppError `unknown_chain` */
export async function authMessage(
  deps: Deps,
  { address, chainId }: { address: `0x${string}`; chainId?: number },
): Promise<{ message: string; expiresAt: string }> {
  const { message, expiresAt } = await issueChallenge(deps, {
    purpose: "node",
    address,
    chainId: chainId ?? deps.chains.all[0]!.chainId,
    userId: null,
  });
  return { message, expiresAt };
}

/**
 * Registers a node under the wallet that signed. Registering the same name again gives the node a new token, and
 * the old one stops working, as does a connection that was opened with it.
 * @returns the token this once; only its sha-256 is kept
 * @throws AppError as `redeemChallenge`
 */
export async function register(
  deps: Deps,
  { message, signature, name, capabilities }: z.infer<typeof registerBody>,
): Promise<{ node: NodeView; token: string }> {
  const { address } = await redeemChallenge(deps, { purpose: "node", userId: null }, { message, signature });
  const token = TOKEN_PREFIX + randomBytes(32).toString("base64url");
  const row = await queries.upsertNode(deps.db, { address, name, tokenHash: sha256(token), capabilities });
  const house = deps.config.VERIFIED_NODE_WALLETS.includes(address.toLowerCase());
  const verified = house ? await queries.setVerified(deps.db, row.id, true) : undefined;
  deps.nodes.disconnect(row.id);
  return { node: view(verified ?? row), token };
}

/** The node behind a token, null when there is none. */
export async function nodeOf(deps: Deps, token: string): Promise<{ id: string; name: string } | null> {
  if (!token.startsWith(TOKEN_PREFIX) || token.length > 100) return null;
  const row = await queries.nodeByTokenHash(deps.db, sha256(token));
  return row ? { id: row.id, name: row.name } : null;
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
  return view(row);
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
export async function requireNode(deps: Deps, authorization: string | undefined) {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
  const found = token ? await nodeOf(deps, token) : null;
  if (!found) throw nodeTokenRefused();
  return found;
}

/** The heartbeat of a node that cannot hold a WebSocket open: it learns what to serve, but cannot serve it yet. */
export async function heartbeat(
  deps: Deps,
  nodeId: string,
  { models, ...figures }: z.infer<typeof heartbeatBody>,
): Promise<WantedModel[]> {
  await queries.storeHeartbeat(deps.db, nodeId, figures, models);
  deps.nodes.heard(nodeId);
  return (await workOf(deps, [nodeId])).get(nodeId)?.wanted ?? [];
}

/** All nodes, the most recently heard first, at most 500. */
export async function listNodes(deps: Deps): Promise<NodeView[]> {
  return (await queries.allNodes(deps.db, MAX_LISTED)).map(view);
}

/** What a node is asked to serve, and what it may not serve whatever it says. */
export interface NodeWork {
  wanted: WantedModel[];
  forbidden: Set<string>;
}

interface ListedModel {
  model: WantedModel;
  groupId: string;
  /** Whether it takes the right to have protected weights. */
  restricted: boolean;
}

/**
 * What these nodes should serve: every model whose file is ready, that is listed on chain, or was and still has
 * subscribers who paid for longer, and whose weights the node may have.
 */
export async function workOf(deps: Deps, nodeIds: string[]): Promise<Map<string, NodeWork>> {
  const [listed, rights] = await Promise.all([listedModels(deps), queries.rightsOf(deps.db, nodeIds)]);
  return new Map(
    [...rights].map(([id, { verified, groupIds }]): [string, NodeWork] => {
      const [wanted, forbidden]: [WantedModel[], Set<string>] = [[], new Set()];
      for (const { model, groupId, restricted } of listed) {
        if (!restricted || verified || groupIds.has(groupId)) wanted.push(model);
        else forbidden.add(model.modelId);
      }
      return [id, { wanted, forbidden }];
    }),
  );
}

async function listedModels(deps: Deps): Promise<ListedModel[]> {
  const ready = await queries.readyModels(deps.db);
  const onchain = await onchainOf(
    deps,
    ready.map(({ id }) => id),
  );
  const lapsed = [...onchain].filter(([, { listed }]) => !listed).map(([id]) => id);
  const subscribed = await stillSubscribed(deps.db, lapsed);
  const listed = ready.filter(({ id }) => onchain.get(id)?.listed || subscribed.has(id));
  const restricted = await restrictedOf(deps.db, listed);
  return listed.flatMap(({ id, name, cid, sha256: digest, size, gguf, weights, groupId }) => {
    if (cid === null || digest === null) return [];
    const path = `/api/models/${id}/weights`;
    const model = {
      modelId: id,
      name,
      cid,
      sha256: digest,
      size,
      weightsUrl: `${path}/stored`,
      keyUrl: weights === "protected" ? `${path}/key` : null,
      contextLength: gguf?.contextLength ?? null,
    };
    return [{ model, groupId, restricted: restricted.has(id) }];
  });
}

function view(row: queries.NodeRow): NodeView {
  const age = row.lastHeartbeatAt ? Date.now() - row.lastHeartbeatAt.getTime() : Number.POSITIVE_INFINITY;
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
    lastHeartbeatAt: row.lastHeartbeatAt?.toISOString() ?? null,
    verifiedAt: row.verifiedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

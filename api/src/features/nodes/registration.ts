import { randomBytes } from "node:crypto";
import type { z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { issueChallenge, redeemChallenge, type WalletOnChain } from "../wallets/challenge.ts";
import { type JobCapability, jobCapabilitySchema } from "./capability.ts";
import { instanceReplaced } from "./errors.ts";
import { useInvite } from "./invites.ts";
import * as queries from "./queries.ts";
import type { NodeView, registerBody } from "./shapes.ts";
import { tokenHashOf } from "./tokens.ts";
import { nodeView } from "./views.ts";

export const TOKEN_PREFIX = "aifn_";

/** The message that a node's wallet signs to register. @throws AppError `unknown_chain` */
export async function authMessage(
  deps: Deps,
  wallet: WalletOnChain,
): Promise<{ message: string; expiresAt: string }> {
  const unnamed = wallet.chain === undefined && wallet.chainId === undefined;
  const chain = unnamed ? deps.chains.all[0]!.chain : wallet.chain;
  const request = { ...wallet, chain, purpose: "node", userId: null } as const;
  const { message, expiresAt } = await issueChallenge(deps, request);
  return { message, expiresAt };
}

/**
 * Registers a node under the wallet that signed. Registering the same name again gives the node a new token, and
 * the old one stops working, as does a connection that was opened with it.
 * @returns the token this once; only its sha-256 is kept
 * @throws AppError as `redeemChallenge`; `invite_needed` and `invite_refused` (403) where a new node takes an
 * invitation; `replaced_instance` (409) for a process whose place another of the same node took
 */
export async function register(
  deps: Deps,
  { message, signature, name, capabilities, invite }: z.infer<typeof registerBody>,
): Promise<{ node: NodeView; token: string }> {
  const jobs = offeredToJobs(capabilities);
  const { address } = await redeemChallenge(deps, { purpose: "node", userId: null }, { message, signature });
  const token = TOKEN_PREFIX + randomBytes(32).toString("base64url");
  const row = await deps.db.transaction(async (tx) => {
    const known = await queries.nodeNamed(tx, address, name);
    if (jobs && known?.pastInstances.includes(jobs.instance)) throw instanceReplaced();
    const stored = await queries.upsertNode(tx, {
      address,
      name,
      tokenHash: tokenHashOf(token),
      capabilities,
    });
    // A node that is already in needs no other invitation.
    if (!known && deps.config.NODE_INVITES === "required") await useInvite(tx, invite, stored.id);
    return stored;
  });
  const house = deps.config.VERIFIED_NODE_WALLETS.includes(address.toLowerCase());
  if (house) await queries.setVerified(deps.db, row.id, true);
  await deps.fleet.changed(row.id);
  deps.nodes.disconnect(row.id);
  if (jobs && !(await deps.fleet.tellJobs(row.id, jobs))) throw instanceReplaced();
  return { node: nodeView((await queries.nodeRow(deps.db, row.id)) ?? row), token };
}

function offeredToJobs(capabilities: Record<string, unknown>): JobCapability | undefined {
  if (capabilities.jobs === undefined) return undefined;
  const parsed = jobCapabilitySchema.safeParse(capabilities.jobs);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = ["capabilities", "jobs", ...(issue?.path ?? [])].join(".");
  throw new AppError("invalid_request", 400, `${field}: ${issue?.message ?? "not valid"}`, {
    details: { field },
  });
}

import { type Hex, pad } from "viem";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { holdersOf } from "../admin/service.ts";
import type { AdminCallView } from "../admin/shapes.ts";
import { notOnchain, tooEarly, tooLate } from "./errors.ts";
import { escrowOf, jobById, submittedAt } from "./queries.ts";
import { requireJob } from "./service.ts";
import { chainDate, contractJob } from "./terms.ts";
import type { JobRow } from "./transitions.ts";

/** The contract's challenge window. */
const CHALLENGE_MS = 86_400_000;

/**
 * The call that stops the payment of a submitted result, for the client's wallet.
 * @throws AppError `not_found` (404), `escrow_not_there`, `too_late` (409)
 */
export async function prepareDispute(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const found = await escrowOf(deps.db, job);
  const status = found?.escrow.status ?? null;
  if (status !== "submitted") throw notOnchain(status, "submitted");
  const since = await submittedAt(deps.db, job);
  const until = new Date(Number(since ?? 0n) * 1000 + CHALLENGE_MS);
  if (until < chainDate(found)) throw tooLate(until);
  return aiforgeCall(deps.chains.get(job.chain), "disputeJob", [contractJob(job)]);
}

/** What was submitted for a job, as the contract wants it passed. @throws AppError `escrow_not_there` (409) */
async function submissionOf(deps: Deps, job: JobRow, statuses: string[]) {
  const escrow = (await escrowOf(deps.db, job))?.escrow;
  const [needed = ""] = statuses;
  if (!escrow || !statuses.includes(escrow.status)) throw notOnchain(escrow?.status ?? null, needed);
  const { node, payee, result } = escrow;
  if (!node || !payee || !result) throw notOnchain(escrow.status, needed);
  return { node: node as Hex, payee: pad(payee as Hex), result: result as Hex };
}

/**
 * The call that pays a submitted result at once, disputed or not, for the client's wallet.
 * @throws AppError `not_found` (404), `escrow_not_there` (409)
 */
export async function prepareApprove(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const submission = await submissionOf(deps, job, ["submitted", "disputed"]);
  return aiforgeCall(deps.chains.get(job.chain), "approveJob", [contractJob(job), submission]);
}

/**
 * The call that decides a dispute, and the admins' wallets that can sign it.
 * @param nodeBps the node's part of the escrow, in basis points; the rest is refunded
 * @throws AppError `not_found` (404), `escrow_not_there` (409)
 */
export async function prepareResolve(deps: Deps, id: string, nodeBps: number): Promise<AdminCallView> {
  const found = await jobById(deps.db, id);
  if (!found) throw notFound("The job");
  const { job } = found;
  const submission = await submissionOf(deps, job, ["disputed"]);
  const args = [contractJob(job), submission, BigInt(nodeBps)] as const;
  const chain = deps.chains.get(job.chain);
  return { call: aiforgeCall(chain, "resolveJob", args), signers: await holdersOf(deps, chain, "admin") };
}

/**
 * The call that refunds a job without a result, which anyone can send after its deadline.
 * @throws AppError `not_found` (404), `escrow_not_there`, `too_early` (409)
 */
export async function prepareRefund(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const found = await escrowOf(deps.db, job);
  const status = found?.escrow.status ?? null;
  if (status !== "open") throw notOnchain(status, "open");
  if (job.deadline > chainDate(found)) throw tooEarly(job.deadline);
  return aiforgeCall(deps.chains.get(job.chain), "refundJob", [contractJob(job)]);
}

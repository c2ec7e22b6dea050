import { type Hex, pad } from "viem";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import type { Deps } from "../../deps.ts";
import { notOnchain, tooEarly, tooLate } from "./errors.ts";
import { escrowOf, submittedAt } from "./queries.ts";
import { requireJob } from "./service.ts";
import { contractJob } from "./terms.ts";

/** The contract's challenge window. */
const CHALLENGE_MS = 86_400_000;

/**
 * The call that stops the payment of a submitted result, for the client's wallet.
 * @throws AppError `not_found` (404), `escrow_not_there`, `too_late` (409)
 */
export async function prepareDispute(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const status = (await escrowOf(deps.db, job))?.escrow.status ?? null;
  if (status !== "submitted") throw notOnchain(status, "submitted");
  const since = await submittedAt(deps.db, job);
  const until = new Date(Number(since ?? 0n) * 1000 + CHALLENGE_MS);
  if (until < new Date()) throw tooLate(until);
  return aiforgeCall(deps.chains.get(job.chain), "disputeJob", [contractJob(job)]);
}

/**
 * The call that pays a submitted result at once, disputed or not, for the client's wallet.
 * @throws AppError `not_found` (404), `escrow_not_there` (409)
 */
export async function prepareApprove(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const escrow = (await escrowOf(deps.db, job))?.escrow;
  if (!escrow || !["submitted", "disputed"].includes(escrow.status)) {
    throw notOnchain(escrow?.status ?? null, "submitted");
  }
  const { node, payee, result } = escrow;
  if (!node || !payee || !result) throw notOnchain(escrow.status, "submitted");
  const submission = { node: node as Hex, payee: pad(payee as Hex), result: result as Hex };
  return aiforgeCall(deps.chains.get(job.chain), "approveJob", [contractJob(job), submission]);
}

/**
 * The call that refunds a job without a result, which anyone can send after its deadline.
 * @throws AppError `not_found` (404), `escrow_not_there`, `too_early` (409)
 */
export async function prepareRefund(deps: Deps, userId: string, id: string): Promise<Call> {
  const { job } = await requireJob(deps, userId, id);
  const status = (await escrowOf(deps.db, job))?.escrow.status ?? null;
  if (status !== "open") throw notOnchain(status, "open");
  if (job.deadline > new Date()) throw tooEarly(job.deadline);
  return aiforgeCall(deps.chains.get(job.chain), "refundJob", [contractJob(job)]);
}

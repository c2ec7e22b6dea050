import { aiforgeAbi, type Job, type JobSpecification, jobIdOf, specificationHash } from "@aiforge/contracts";
import { decodeFunctionData } from "viem";
import type { Call, Chain, JobDetail, Payment } from "../api/types.ts";
import { assertCall, UnexpectedCallError } from "../wallet/plan.ts";

type Shown = Pick<JobDetail, "onchainId" | "spec" | "price" | "wallet" | "deadline" | "onchain">;

/**
 * Holds what is to be signed to the job that the page shows: its specification word by word, its price, who is
 * refunded, until when.
 * @throws {UnexpectedCallError}
 */
function assertJob(job: Job, shown: Shown): void {
  if (
    jobIdOf(job) !== shown.onchainId ||
    job.specification !== specificationHash(shown.spec as JobSpecification) ||
    job.client.toLowerCase() !== shown.wallet.toLowerCase() ||
    job.deadline * 1000 !== Date.parse(shown.deadline)
  ) {
    throw new UnexpectedCallError();
  }
}

/** @throws {UnexpectedCallError} when the escrow that is to be paid is another job's */
export function assertEscrow(payment: Payment, shown: Shown): void {
  const { functionName, args } = decode(payment.call);
  if (functionName !== "openJob") throw new UnexpectedCallError();
  assertJob(args[0] as Job, shown);
}

/** @throws {UnexpectedCallError} when a call does another thing than its button says, or to another job */
export function assertJobAction(
  call: Call,
  functionName: "disputeJob" | "approveJob" | "refundJob" | "resolveJob",
  shown: Shown,
  chain: Chain,
): void {
  assertCall(call, functionName, chain);
  const { args } = decode(call);
  assertJob(args[0] as Job, shown);
  if (functionName !== "approveJob" && functionName !== "resolveJob") return;
  const submission = args[1] as { node: string; result: string };
  const made = shown.onchain?.submission;
  if (
    submission.node.toLowerCase() !== made?.node.toLowerCase() ||
    submission.result.toLowerCase() !== made.result.toLowerCase()
  ) {
    throw new UnexpectedCallError();
  }
}

/**
 * @param nodeBps what the admin chose for the node's side, in basis points
 * @throws {UnexpectedCallError} when a decision is another than was chosen, or of another job
 */
export function assertResolve(call: Call, nodeBps: number, shown: Shown, chain: Chain): void {
  assertJobAction(call, "resolveJob", shown, chain);
  if (decode(call).args[2] !== BigInt(nodeBps)) throw new UnexpectedCallError();
}

function decode({ data }: Call): { functionName: string; args: readonly unknown[] } {
  try {
    const { functionName, args } = decodeFunctionData({ abi: aiforgeAbi, data });
    return { functionName, args: args ?? [] };
  } catch {
    throw new UnexpectedCallError();
  }
}

import { ATTESTATION_TYPES, jobDomain } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import { type Hex, isAddress, pad } from "viem";
import { aiforgeCall } from "../../chain/calls.ts";
import type { Encode } from "../../chain/operator/round.ts";
import { chainJobs } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";
import { jobAttempts, jobs } from "./schema.ts";
import { contractJob } from "./terms.ts";
import type { JobRow } from "./transitions.ts";

/** The call of the contract that a settlement is; null when the job it is about is none. */
export const settlementCall: Encode = async (deps, chain, account, { key }) => {
  const [, kind, id] = /^job-(pay|refund|release|dispute|halve):([0-9a-f-]{36})$/.exec(key) ?? [];
  if (!kind || !id) return null;
  const [row] = await deps.db.select().from(jobs).where(eq(jobs.id, id));
  if (!row || row.chain !== chain.chain) return null;
  const job = contractJob(row);
  if (kind === "refund") return aiforgeCall(chain, "refundJob", [job]);
  if (kind === "dispute") return aiforgeCall(chain, "disputeJob", [job]);
  if (kind === "release" || kind === "halve") {
    const submission = await submissionOf(deps, row);
    return submission && aiforgeCall(chain, kind === "halve" ? "halveJob" : "releaseJob", [job, submission]);
  }
  const payee = await payeeOfJob(deps, row);
  const result = row.resultHash as Hex | null;
  if (!payee || !result) return null;
  const signature = await account.signTypedData({
    domain: jobDomain(chain.chainId, chain.aiforge),
    types: ATTESTATION_TYPES,
    primaryType: "Attestation",
    message: { jobId: row.onchainId as Hex, payee, result },
  });
  return aiforgeCall(chain, "payJob", [job, payee, result, signature]);
};

/** Who is paid for a job: as the assignment of its last attempt says. */
export async function payeeOfJob(deps: Pick<Deps, "db">, job: JobRow): Promise<Hex | null> {
  const [attempt] = await deps.db
    .select({ assignment: jobAttempts.assignment })
    .from(jobAttempts)
    .where(and(eq(jobAttempts.jobId, job.id), eq(jobAttempts.no, job.attemptNo)));
  return (attempt?.assignment?.payee ?? null) as Hex | null;
}

/** What a node submitted on chain, as the mirror has it. */
async function submissionOf(deps: Pick<Deps, "db">, job: JobRow) {
  const [row] = await deps.db
    .select({ node: chainJobs.node, payee: chainJobs.payee, result: chainJobs.result })
    .from(chainJobs)
    .where(and(eq(chainJobs.chainId, job.chain), eq(chainJobs.jobId, job.onchainId)));
  if (!row?.node || !row.payee || !row.result) return null;
  return { node: row.node as Hex, payee: payeeWord(row.payee), result: row.result as Hex };
}

/** A payee of the mirror as the contract's 32 bytes: an address there has 20. */
export const payeeWord = (payee: string): Hex => {
  if (isAddress(payee, { strict: false })) return pad(payee as Hex);
  return payee as Hex;
};

import { FEES, type Job, jobIdOf } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../../chain/calls.ts";
import type { Chain } from "../../../chain/chains.ts";
import type { Deps } from "../../../deps.ts";
import { openQuote, type QuoteParameters } from "../quotes.ts";

/**
 * Quotes the escrow of a job. Its client pays, and is refunded when it does not get done.
 * @param opened writes the job in the quote's own transaction: neither is there without the other
 * @returns the payment's id
 * @throws AppError `payments_paused`, `too_many_attempts`, `chain_unavailable`
 */
export function quoteJob(
  deps: Deps,
  userId: string,
  { chain, job, opened }: { chain: Chain; job: Job; opened: NonNullable<QuoteParameters["opened"]> },
): Promise<string> {
  return openQuote(deps, userId, {
    purpose: "job",
    chain,
    wallet: job.client.toLowerCase(),
    modelId: null,
    onchainId: jobIdOf(job),
    account: job.account,
    months: 0,
    amount: job.price,
    fee: (job.price * FEES.jobBps) / FEES.bps,
    call: aiforgeCall(chain, "openJob", [job, FROM_WALLET]),
    opened,
  });
}

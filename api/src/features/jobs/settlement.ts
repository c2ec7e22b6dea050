import { operatorTransactions } from "../../chain/operator/schema.ts";
import type { Executor } from "../../db/client.ts";
import type { jobs } from "./schema.ts";
import { jobTerms } from "./terms.ts";

/** Ways in which a job's money moves: `review` leaves it to the node, whose result the client can dispute. */
export type SettlementKind = "pay" | "refund" | "review" | "release" | "dispute" | "halve";

/**
 * Makes what becomes of a job's money due, in the transaction that ends the job: from then on it happens, whatever
 * becomes of this process. Asking again for the same changes nothing.
 */
export async function enqueueSettlement(
  tx: Executor,
  job: typeof jobs.$inferSelect,
  kind: SettlementKind,
): Promise<void> {
  if (kind === "review") return;
  await tx
    .insert(operatorTransactions)
    .values({
      chain: job.chain,
      key: `job-${kind}:${job.id}`,
      function: `${kind}Job`,
      // What else a payment needs, payee, result and attestation, is read from the job when it is sent.
      args: [jobTerms(job)],
    })
    .onConflictDoNothing({ target: operatorTransactions.key });
}

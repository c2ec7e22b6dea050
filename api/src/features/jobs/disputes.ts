import { FEES } from "@aiforge/contracts";
import { and, asc, inArray } from "drizzle-orm";
import { chainJobEvents } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { isoOf } from "../publishing/onchain.ts";
import type { JobDispute } from "./shapes.ts";
import type { JobRow } from "./transitions.ts";

/** The contract's, in seconds: how long an admin has to decide a dispute. */
export const ARBITRATION_SECONDS = 7 * 86_400;
/** What each side gets when no admin decides, in basis points. */
const HALF = Number(FEES.bps / 2n);

type Named = Pick<JobRow, "chain" | "onchainId" | "wallet">;
const keyOf = (chain: string, onchainId: string) => `${chain}/${onchainId}`;

/** The disputes of these jobs, as the mirror has them; jobs without one are left out. */
export async function disputesOf(
  db: Executor,
  jobs: readonly Named[],
): Promise<(job: Named) => JobDispute | null> {
  const disputes = new Map<string, JobDispute>();
  const submitters = new Map<string, string>();
  const clients = new Map(jobs.map((job) => [keyOf(job.chain, job.onchainId), job.wallet]));
  if (jobs.length > 0) {
    const events = await db
      .select()
      .from(chainJobEvents)
      .where(
        and(
          inArray(
            chainJobEvents.jobId,
            jobs.map(({ onchainId }) => onchainId),
          ),
          inArray(chainJobEvents.kind, ["submitted", "disputed", "resolved"]),
        ),
      )
      .orderBy(asc(chainJobEvents.blockNumber), asc(chainJobEvents.logIndex));
    for (const event of events) {
      const key = keyOf(event.chainId, event.jobId);
      const client = clients.get(key);
      const by = event.by ?? "";
      const at = event.blockTimestamp;
      if (client === undefined) continue;
      if (event.kind === "submitted") {
        submitters.set(key, by);
      } else if (event.kind === "disputed") {
        const side = by.toLowerCase() === client.toLowerCase() ? "client" : "operator";
        const until = isoOf(at + BigInt(ARBITRATION_SECONDS));
        disputes.set(key, {
          by,
          side,
          node: submitters.get(key) ?? "",
          at: isoOf(at),
          until,
          decision: null,
        });
      } else {
        const dispute = disputes.get(key);
        const nodeBps = event.nodeBps ?? HALF;
        const decidedAt = isoOf(at);
        // Halving is anyone's call once the time is over, and only then.
        const byTime = nodeBps === HALF && dispute !== undefined && decidedAt > dispute.until;
        if (dispute) dispute.decision = { by, byTime, nodeBps, at: decidedAt, txHash: event.txHash };
      }
    }
  }
  return ({ chain, onchainId }) => disputes.get(keyOf(chain, onchainId)) ?? null;
}

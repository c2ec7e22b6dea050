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
          inArray(chainJobEvents.kind, ["submitted", "disputed", "paid", "resolved"]),
        ),
      )
      .orderBy(asc(chainJobEvents.blockNumber), asc(chainJobEvents.logIndex));
    for (const event of events) {
      const key = keyOf(event.chainId, event.jobId);
      const client = clients.get(key);
      const by = event.by ?? "";
      const at = event.blockTimestamp;
      if (client === undefined) continue;
      const dispute = disputes.get(key);
      if (event.kind === "submitted") {
        submitters.set(key, by);
      } else if (event.kind === "disputed") {
        disputes.set(key, {
          by,
          side: by.toLowerCase() === client.toLowerCase() ? "client" : "operator",
          node: submitters.get(key) ?? "",
          at: isoOf(at),
          until: isoOf(at + BigInt(ARBITRATION_SECONDS)),
          decision: null,
          over: false,
        });
      } else if (dispute) {
        dispute.over = true;
        // Paying is part of a decision, or what the client did instead of waiting for one.
        if (event.kind === "resolved") dispute.decision = decisionOf(dispute, event);
      }
    }
  }
  return ({ chain, onchainId }) => disputes.get(keyOf(chain, onchainId)) ?? null;
}

function decisionOf(
  { until }: JobDispute,
  { by, nodeBps: share, blockTimestamp, txHash }: typeof chainJobEvents.$inferSelect,
): NonNullable<JobDispute["decision"]> {
  const nodeBps = share ?? HALF;
  const at = isoOf(blockTimestamp);
  // Halving is anyone's call once the time is over, and only then.
  return { by: by ?? "", byTime: nodeBps === HALF && at > until, nodeBps, at, txHash };
}

import { eq, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { matchCandidates, releaseOrphans } from "./events.ts";
import { payments } from "./schema.ts";

/** Of all instances one matches at a time; the number is arbitrary, but nobody else's. */
const MATCHING_LOCK = 7_242_010;

interface Candidate {
  paymentId: string;
  eventId: string;
}

/**
 * Gives each event to the first quote that fits and is still free. One event pays one quote, one quote takes one event.
 * @param candidates in order of preference
 */
export function assign<T extends Candidate>(candidates: readonly T[]): T[] {
  const taken = new Set<string>();
  return candidates.filter(({ paymentId, eventId }) => {
    if (taken.has(paymentId) || taken.has(eventId)) return false;
    taken.add(paymentId).add(eventId);
    return true;
  });
}

/**
 * Brings payments in step with the mirror: events that a reorg took away let their payments go, and events that
 * nobody claimed yet go to the quotes that they paid. Safe to run at any time, from any number of instances.
 * @param accounts only the payments for these account references; all when left out
 */
export async function matchPayments(deps: Pick<Deps, "db">, accounts?: string[]): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await lockMatching(tx, accounts);
    await releaseOrphans(tx, accounts);
    for (const { paymentId, txHash, logIndex } of assign(await matchCandidates(tx, accounts))) {
      await tx
        .update(payments)
        .set({ txHash, logIndex, matchedAt: new Date(), reorgedAt: null, failure: null })
        .where(eq(payments.id, paymentId));
    }
  });
}

/**
 * Keeps others from matching until the transaction ends: everybody, or who matches one of these accounts. An event only
 * ever pays a quote for its own account, so accounts can be matched side by side.
 */
export async function lockMatching(tx: Executor, accounts?: string[]): Promise<void> {
  if (!accounts) {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(${MATCHING_LOCK})`);
    return;
  }
  await tx.execute(sql`SELECT pg_advisory_xact_lock_shared(${MATCHING_LOCK})`);
  // Always in the same order, so that two that overlap do not wait for each other.
  for (const account of accounts.toSorted()) {
    await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${account}, ${MATCHING_LOCK}))`);
  }
}

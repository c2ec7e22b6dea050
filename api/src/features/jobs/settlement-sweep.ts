import { and, eq, inArray, isNull, lte, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Chain } from "../../chain/chains.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { chainHeads, chainJobs } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";
import { notifySettled } from "../notifications/jobs.ts";
import { ARBITRATION_SECONDS } from "./disputes.ts";
import { jobs } from "./schema.ts";
import { enqueueSettlement, type SettlementKind } from "./settlement.ts";
import { payeeOfJob, payeeWord } from "./settlement-calls.ts";
import { unixSeconds } from "./terms.ts";
import { type JobRow, TERMINAL } from "./transitions.ts";

/** The contract's, in seconds: how long a submitted result can be disputed. */
export const CHALLENGE_SECONDS = 86_400;
/** How long before its end a result that nobody waits for is disputed, in seconds. */
const DISPUTE_MARGIN = 4 * 3_600;
/** A settlement that the chain does not show any more is sent again after this many seconds. */
const AGAIN_SECONDS = 120;
/** Seconds after the deadline until nobody waits for a payment that the mirror may be late with. */
const UNFUNDED_MARGIN = 3_600;
/** A client who wants to look first must not cost the node its pay: so long before the deadline it is paid anyway. */
const REVIEW_MARGIN = 2 * 3_600;

/** Under a name of its own: the api's table has the same. */
const escrows = alias(chainJobs, "escrows");
const escrowColumns = {
  status: escrows.status,
  payee: escrows.payee,
  result: escrows.result,
  updatedAt: escrows.updatedAt,
  blockNumber: escrows.blockNumber,
  paid: escrows.paid,
  fee: escrows.fee,
  refunded: escrows.refunded,
};
type Escrow = Pick<typeof chainJobs.$inferSelect, keyof typeof escrowColumns>;

/**
 * Compares jobs with their escrows and makes due what is missing: what was funded after its quote ended, what a reorg
 * took back, what a node submitted without being the one who did it, what nobody disputed in time. Each settlement has a
 * key, so that looking twice changes nothing.
 */
export async function sweepSettlements(deps: Deps, chain: Chain): Promise<void> {
  const held = await deps.db
    .select({ job: jobs, escrow: escrowColumns })
    .from(jobs)
    .innerJoin(escrows, and(eq(escrows.chainId, jobs.chain), eq(escrows.jobId, jobs.onchainId)))
    .where(and(eq(jobs.chain, chain.chain), isNull(jobs.settledAt)));
  if (held.length > 0) {
    const head = await chain.client.getBlock({ blockTag: "latest" });
    const settled = head.number - BigInt(chain.confirmations - 1);
    for (const { job, escrow } of held) {
      if (escrow.blockNumber <= settled) await look(deps, job, escrow, head.timestamp);
    }
  }
  await noteSettled(deps, chain);
}

/**
 * Notes which jobs have nothing to wait for any more, and tells of what became of their money: it is over, whoever moved
 * it. This needs the mirror only, so that people are told also where the operator's key is elsewhere.
 */
export async function noteSettled(deps: Deps, chain: Chain): Promise<void> {
  const [head] = await deps.db.select().from(chainHeads).where(eq(chainHeads.chainId, chain.chain));
  if (!head) return;
  const settled = head.blockNumber - BigInt(chain.confirmations - 1);
  const moved = await deps.db
    .select({ job: jobs, escrow: escrowColumns })
    .from(jobs)
    .innerJoin(escrows, and(eq(escrows.chainId, jobs.chain), eq(escrows.jobId, jobs.onchainId)))
    .where(
      and(
        eq(jobs.chain, chain.chain),
        isNull(jobs.settledAt),
        inArray(jobs.state, [...TERMINAL]),
        inArray(escrows.status, ["paid", "refunded", "resolved"]),
        lte(escrows.blockNumber, settled),
      ),
    );
  for (const { job, escrow } of moved) {
    await deps.db.transaction(async (tx) => {
      const [noted] = await tx
        .update(jobs)
        .set({ settledAt: sql`now()` })
        .where(and(eq(jobs.id, job.id), eq(jobs.state, job.state), isNull(jobs.settledAt)))
        .returning();
      if (noted) await notifySettled(tx, noted, escrow);
    });
  }
  await noteUnfunded(deps, chain, head.blockTimestamp);
}

async function look(deps: Deps, job: JobRow, escrow: Escrow, now: bigint): Promise<void> {
  if (escrow.status === "open" || escrow.status === "submitted") {
    const kind = await due(deps, job, escrow, now);
    if (kind) await makeDue(deps, job, kind);
    return;
  }
  if (escrow.status === "disputed") {
    // An admin decides a dispute; where none does, time.
    if (now > escrow.updatedAt + BigInt(ARBITRATION_SECONDS)) await makeDue(deps, job, "halve");
  }
}

/** A job can be funded until its deadline, whatever its quote says; after it there is nothing to wait for. */
async function noteUnfunded(deps: Deps, chain: Chain, now: bigint): Promise<void> {
  await deps.db.execute(sql`
    UPDATE ${jobs} SET settled_at = now()
    WHERE ${jobs.chain} = ${chain.chain} AND ${jobs.settledAt} IS NULL
      AND ${jobs.state} IN ('cancelled', 'failed', 'timed_out')
      AND ${jobs.deadline} < to_timestamp(${Number(now) - UNFUNDED_MARGIN})
      AND NOT EXISTS (
        SELECT FROM ${chainJobs} WHERE ${chainJobs.chainId} = ${jobs.chain} AND ${chainJobs.jobId} = ${jobs.onchainId}
      )`);
}

/** What is to be done about an escrow that is held; null while that is nothing. */
async function due(
  deps: Deps,
  job: JobRow,
  escrow: Escrow,
  now: bigint,
): Promise<Exclude<SettlementKind, "review"> | null> {
  const ended = TERMINAL.has(job.state);
  if (escrow.status === "open") {
    if (!ended) return null;
    if (job.state !== "completed") return "refund";
    if (!job.spec.review) return "pay";
    return unixSeconds(job.deadline) - Number(now) < REVIEW_MARGIN ? "pay" : null;
  }
  const left = escrow.updatedAt + BigInt(CHALLENGE_SECONDS) - now;
  if (job.state === "completed") {
    if (!(await isOwn(deps, job, escrow))) return "pay";
    if (!job.spec.review) return "pay";
    return left < 0n ? "release" : null;
  }
  // Another's result: with the job over nobody is owed anything, and while it runs its node is still to be paid.
  if (left < 0n) return null;
  if (ended || left < BigInt(DISPUTE_MARGIN)) return "dispute";
  return null;
}

/** Whether the submitted result is the one that was verified, by the one who is to be paid for it. */
async function isOwn(deps: Deps, job: JobRow, escrow: Escrow): Promise<boolean> {
  const payee = await payeeOfJob(deps, job);
  if (!payee || !escrow.payee || !escrow.result) return false;
  return payeeWord(escrow.payee).toLowerCase() === payee.toLowerCase() && escrow.result === job.resultHash;
}

async function makeDue(deps: Deps, job: JobRow, kind: Exclude<SettlementKind, "review">): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await enqueueSettlement(tx, job, kind);
    await tx
      .update(operatorTransactions)
      .set({ state: "pending", nonce: null, rawTx: null, txHash: null, signedAt: null, retryAt: null })
      .where(
        and(
          eq(operatorTransactions.key, `job-${kind}:${job.id}`),
          inArray(operatorTransactions.state, ["confirmed", "failed"]),
          sql`${operatorTransactions.updatedAt} < now() - make_interval(secs => ${AGAIN_SECONDS})`,
        ),
      );
  });
}

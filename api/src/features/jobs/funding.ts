import { and, eq, sql } from "drizzle-orm";
import type { Chain } from "../../chain/chains.ts";
import { chainHeads, chainJobs } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";
import { payments } from "../payments/schema.ts";
import { lockJob } from "./attempts.ts";
import { jobs } from "./schema.ts";
import { moveJob } from "./transitions.ts";

/** Seconds after a quote's end in which what was paid in time may still be mined. */
const GRACE_SECONDS = 300;
const BATCH = 200;

/**
 * Brings jobs in step with the mirror: what is funded and confirmed waits for nodes, what a reorg took back before any
 * work was begun waits for its payment again, and what nobody paid is cancelled. Each is a transaction of its own that
 * is the first or nothing, so any number of instances may do it.
 * @returns how many jobs wait for nodes now that did not before
 */
export async function followFunding(deps: Deps): Promise<number> {
  let funded = 0;
  for (const chain of deps.chains.all) {
    funded += await admitFunded(deps, chain);
    await takeBackUnfunded(deps, chain);
    await cancelUnpaid(deps, chain);
  }
  if (funded > 0) {
    deps.scheduler.wake();
    await deps.bus.tell("pending", {});
  }
  return funded;
}

async function admitFunded(deps: Deps, chain: Chain): Promise<number> {
  const open = await deps.db
    .select({ id: jobs.id, txHash: chainJobs.txHash })
    .from(jobs)
    .innerJoin(chainJobs, and(eq(chainJobs.chainId, jobs.chain), eq(chainJobs.jobId, jobs.onchainId)))
    .innerJoin(chainHeads, eq(chainHeads.chainId, jobs.chain))
    .where(
      and(
        eq(jobs.chain, chain.chain),
        eq(jobs.state, "quoted"),
        eq(chainJobs.status, "open"),
        sql`${chainHeads.blockNumber} - ${chainJobs.blockNumber} + 1 >= ${chain.confirmations}`,
      ),
    )
    .limit(BATCH);
  let funded = 0;
  for (const { id, txHash } of open) {
    const moved = await deps.db.transaction((tx) =>
      moveJob(tx, {
        id,
        from: "quoted",
        to: "pending",
        by: "mirror",
        reason: "funded",
        detail: `Funded by ${txHash}.`,
        set: { fundedAt: new Date(), tryAt: new Date() },
      }),
    );
    if (moved) funded += 1;
  }
  return funded;
}

/** A mirror that is being built anew has no row either: it counts only when it has come past the funding. */
async function takeBackUnfunded(deps: Deps, chain: Chain): Promise<void> {
  const gone = await deps.db
    .select({ id: jobs.id })
    .from(jobs)
    .innerJoin(chainHeads, eq(chainHeads.chainId, jobs.chain))
    .where(
      and(
        eq(jobs.chain, chain.chain),
        eq(jobs.state, "pending"),
        eq(jobs.attemptNo, 0),
        sql`${chainHeads.blockTimestamp} > extract(epoch FROM ${jobs.fundedAt})`,
        sql`NOT EXISTS (SELECT FROM chain.jobs escrow
          WHERE escrow.chain_id = ${jobs.chain} AND escrow.job_id = ${jobs.onchainId})`,
      ),
    )
    .limit(BATCH);
  for (const { id } of gone) {
    await deps.db.transaction(async (tx) => {
      const job = await lockJob(tx, id);
      // A node may have been chosen in between.
      if (job?.state !== "pending" || job.attemptNo !== 0) return;
      await moveJob(tx, {
        id,
        from: "pending",
        to: "quoted",
        by: "mirror",
        reason: "funding_reorged",
        detail: "The chain took the payment back. It usually comes again by itself.",
        set: { fundedAt: null },
      });
    });
  }
}

/** As long as the mirror has not come past the end of the quote, a payment in time may be there. */
async function cancelUnpaid(deps: Deps, chain: Chain): Promise<void> {
  const end = sql`coalesce(${payments.expiresAt},
    ${jobs.createdAt} + make_interval(secs => ${deps.config.QUOTE_SECONDS})) + make_interval(secs => ${GRACE_SECONDS})`;
  const unpaid = await deps.db
    .select({ id: jobs.id })
    .from(jobs)
    .innerJoin(chainHeads, eq(chainHeads.chainId, jobs.chain))
    .leftJoin(payments, eq(payments.id, jobs.paymentId))
    .where(
      and(
        eq(jobs.chain, chain.chain),
        eq(jobs.state, "quoted"),
        sql`now() > ${end}`,
        sql`${chainHeads.blockTimestamp} > extract(epoch FROM ${end})`,
        sql`NOT EXISTS (SELECT FROM chain.jobs escrow
          WHERE escrow.chain_id = ${jobs.chain} AND escrow.job_id = ${jobs.onchainId})`,
      ),
    )
    .limit(BATCH);
  for (const { id } of unpaid) {
    const detail = "It was not paid in time.";
    await deps.db.transaction((tx) =>
      moveJob(tx, {
        id,
        from: "quoted",
        to: "cancelled",
        by: "timer",
        reason: "quote_expired",
        detail,
        set: { failureCode: "quote_expired", failureMessage: detail },
      }),
    );
  }
}

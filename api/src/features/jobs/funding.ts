import { sql } from "drizzle-orm";
import type { Chain } from "../../chain/chains.ts";
import { AppError } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { lockJob } from "./attempts.ts";
import { stopJob } from "./service.ts";
import { moveJob } from "./transitions.ts";

/** Seconds after a quote's end in which what was paid in time may still be mined. */
const GRACE_SECONDS = 300;
const BATCH = 200;

const UNFUNDED = sql`NOT EXISTS (SELECT FROM chain.jobs escrow
  WHERE escrow.chain_id = job.chain AND escrow.job_id = job.onchain_id)`;

/**
 * Brings jobs in step with the mirror: what is funded and confirmed waits for nodes, what a reorg took back before any
 * work was begun waits for its payment again, what nobody paid is cancelled, and what the chain has settled is stopped. Each is a transaction of its own that
 * is the first or nothing, so any number of instances may do it.
 * @returns how many jobs wait for nodes now that did not before
 */
export async function followFunding(deps: Deps): Promise<number> {
  let funded = 0;
  for (const chain of deps.chains.all) {
    funded += await admitFunded(deps, chain);
    await takeBackUnfunded(deps, chain);
    await cancelUnpaid(deps, chain);
    await stopSettled(deps, chain);
  }
  if (funded > 0) {
    deps.scheduler.wake();
    await deps.bus.tell("pending", {});
  }
  return funded;
}

async function admitFunded(deps: Deps, chain: Chain): Promise<number> {
  const { rows: open } = await deps.db.execute<{ id: string; tx_hash: string }>(sql`
    SELECT job.id, escrow.tx_hash FROM app.jobs job
      JOIN chain.jobs escrow ON escrow.chain_id = job.chain AND escrow.job_id = job.onchain_id
      JOIN chain.heads head ON head.chain_id = job.chain
     WHERE job.chain = ${chain.chain} AND job.state = 'quoted' AND escrow.status = 'open'
       AND head.block_number - escrow.block_number + 1 >= ${chain.confirmations}
     LIMIT ${BATCH}`);
  let funded = 0;
  for (const { id, tx_hash: txHash } of open) {
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
  const { rows: gone } = await deps.db.execute<{ id: string }>(sql`
    SELECT job.id FROM app.jobs job JOIN chain.heads head ON head.chain_id = job.chain
     WHERE job.chain = ${chain.chain} AND job.state = 'pending' AND job.attempt_no = 0
       AND head.block_timestamp > extract(epoch FROM job.funded_at) AND ${UNFUNDED}
     LIMIT ${BATCH}`);
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
  const end = sql`coalesce(payment.expires_at,
    job.created_at + make_interval(secs => ${deps.config.QUOTE_SECONDS})) + make_interval(secs => ${GRACE_SECONDS})`;
  const { rows: unpaid } = await deps.db.execute<{ id: string }>(sql`
    SELECT job.id FROM app.jobs job JOIN chain.heads head ON head.chain_id = job.chain
      LEFT JOIN app.payments payment ON payment.id = job.payment_id
     WHERE job.chain = ${chain.chain} AND job.state = 'quoted' AND now() > ${end}
       AND head.block_timestamp > extract(epoch FROM ${end}) AND ${UNFUNDED}
     LIMIT ${BATCH}`);
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

/** A job whose escrow is paid out or given back already, by whoever could: no node should work for nothing. */
async function stopSettled(deps: Deps, chain: Chain): Promise<void> {
  const { rows: over } = await deps.db.execute<{ id: string }>(sql`
    SELECT job.id FROM app.jobs job
      JOIN chain.jobs escrow ON escrow.chain_id = job.chain AND escrow.job_id = job.onchain_id
      JOIN chain.heads head ON head.chain_id = job.chain
     WHERE job.chain = ${chain.chain} AND job.state IN ('quoted', 'pending', 'assigned', 'running')
       AND escrow.status IN ('paid', 'refunded', 'resolved')
       AND head.block_number - escrow.block_number + 1 >= ${chain.confirmations}
     LIMIT ${BATCH}`);
  for (const { id } of over) {
    try {
      await stopJob(deps, id, { by: "mirror", reason: "escrow_over", detail: undefined });
    } catch (error) {
      // It ended in between, or is being checked.
      if (!(error instanceof AppError)) throw error;
    }
  }
}

import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import {
  chainHeads,
  chainPublications,
  chainServicePurchases,
  chainSettings,
  chainSplits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { type Purpose, payments } from "./schema.ts";

/** Every event of the mirror that is a payment, whatever was bought. `amount` and `fee` in micro-USDT. */
export function paymentEvents(db: Executor) {
  const purchases = db
    .select({
      id: chainServicePurchases.id,
      chain: chainServicePurchases.chainId,
      txHash: chainServicePurchases.txHash,
      logIndex: chainServicePurchases.logIndex,
      blockNumber: chainServicePurchases.blockNumber,
      blockTimestamp: chainServicePurchases.blockTimestamp,
      purpose: sql<Purpose>`'service'`.as("bought"),
      onchainId: chainServicePurchases.modelId,
      account: chainServicePurchases.account,
      payer: chainServicePurchases.payer,
      months: chainServicePurchases.months,
      amount: chainServicePurchases.price,
      fee: chainServicePurchases.fee,
      splitId: chainServicePurchases.splitId,
    })
    .from(chainServicePurchases);
  const publications = db
    .select({
      id: chainPublications.id,
      chain: chainPublications.chainId,
      txHash: chainPublications.txHash,
      logIndex: chainPublications.logIndex,
      blockNumber: chainPublications.blockNumber,
      blockTimestamp: chainPublications.blockTimestamp,
      purpose: sql<Purpose>`CASE kind WHEN 'publish' THEN 'publish' ELSE 'listing' END`.as("bought"),
      onchainId: chainPublications.modelId,
      account: chainPublications.account,
      payer: chainPublications.payer,
      months: chainPublications.months,
      amount: sql<bigint>`fee`.as("price"),
      fee: chainPublications.fee,
      // Publishing and listing go to the platform alone.
      splitId: sql<string>`''`.as("split_id"),
    })
    .from(chainPublications);
  return unionAll(purchases, publications).as("event");
}

type Events = ReturnType<typeof paymentEvents>;

/** The event that paid a payment. */
const paidBy = (events: Events) =>
  eq(events.id, sql`${payments.chain} || '-' || ${payments.txHash} || '-' || ${payments.logIndex}::text`);

const eventColumns = (events: Events) => ({
  id: events.id,
  txHash: events.txHash,
  payer: events.payer,
  blockNumber: events.blockNumber,
  blockTimestamp: events.blockTimestamp,
  months: events.months,
  amount: events.amount,
  fee: events.fee,
});

/** Payments with the event that paid each, if the mirror has one now; the newest first. */
export function quotedPayments(db: Executor, where: SQL | undefined) {
  const events = paymentEvents(db);
  return db
    .select({
      payment: payments,
      modelName: models.name,
      event: eventColumns(events),
      split: { splitId: chainSplits.splitId, members: chainSplits.members, bps: chainSplits.bps },
      headBlock: chainHeads.blockNumber,
    })
    .from(payments)
    .innerJoin(models, eq(models.id, payments.modelId))
    .leftJoin(events, paidBy(events))
    .leftJoin(
      chainSplits,
      and(eq(chainSplits.chainId, payments.chain), eq(chainSplits.splitId, events.splitId)),
    )
    .leftJoin(chainHeads, eq(chainHeads.chainId, payments.chain))
    .where(where)
    .orderBy(sql`${payments.createdAt} DESC, ${payments.id}`)
    .limit(500);
}

export type QuotedPayment = Awaited<ReturnType<typeof quotedPayments>>[number];

/** Payments for models of this site that nobody asked a quote for; the newest first. */
export function unquotedPayments(db: Executor, where: (events: Events) => SQL | undefined) {
  const events = paymentEvents(db);
  return db
    .select({
      event: {
        ...eventColumns(events),
        chain: events.chain,
        purpose: events.purpose,
        onchainId: events.onchainId,
        account: events.account,
        splitId: events.splitId,
      },
      modelId: onchainModels.modelId,
      modelName: models.name,
      split: { splitId: chainSplits.splitId, members: chainSplits.members, bps: chainSplits.bps },
      treasury: chainSettings.treasury,
      headBlock: chainHeads.blockNumber,
    })
    .from(events)
    .innerJoin(
      onchainModels,
      and(eq(onchainModels.chain, events.chain), eq(onchainModels.onchainId, events.onchainId)),
    )
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .innerJoin(chainHeads, eq(chainHeads.chainId, events.chain))
    .leftJoin(chainSettings, eq(chainSettings.chainId, events.chain))
    .leftJoin(
      chainSplits,
      and(eq(chainSplits.chainId, events.chain), eq(chainSplits.splitId, events.splitId)),
    )
    .leftJoin(
      payments,
      and(
        eq(payments.chain, events.chain),
        eq(payments.txHash, events.txHash),
        eq(payments.logIndex, events.logIndex),
      ),
    )
    .where(and(sql`${payments.id} IS NULL`, where(events)))
    .orderBy(sql`${events.blockTimestamp} DESC, ${events.logIndex} DESC`)
    .limit(500);
}

export type UnquotedPayment = Awaited<ReturnType<typeof unquotedPayments>>[number];

const ofAccounts = (accounts: string[] | undefined) =>
  accounts ? inArray(payments.account, accounts) : undefined;

/**
 * Open quotes beside the events that could have paid them, the earliest event and its likeliest quote first.
 * @param accounts only these; all when left out
 */
export function matchCandidates(db: Executor, accounts?: string[]) {
  const events = paymentEvents(db);
  const claimed = sql`COALESCE(${payments.txHash} = ${events.txHash}, false)`;
  const paidAt = sql`to_timestamp(${events.blockTimestamp}::float8)`;
  return db
    .select({
      paymentId: payments.id,
      eventId: events.id,
      txHash: events.txHash,
      logIndex: events.logIndex,
    })
    .from(payments)
    .innerJoin(
      events,
      and(
        eq(events.chain, payments.chain),
        eq(events.onchainId, payments.onchainId),
        eq(events.account, payments.account),
        eq(events.purpose, payments.purpose),
        sql`${events.months} = ${payments.months}`,
      ),
    )
    .where(
      and(
        sql`${payments.logIndex} IS NULL`,
        ofAccounts(accounts),
        // Older quotes are settled when somebody names their transaction.
        sql`(${payments.expiresAt} > now() - interval '7 days' OR ${payments.txHash} IS NOT NULL)`,
        // What was mined before the quote paid for something else.
        sql`(${claimed} OR ${events.blockNumber} > ${payments.quotedBlock} OR ${paidAt} > ${payments.createdAt})`,
        sql`NOT EXISTS (SELECT FROM ${payments} used WHERE used.chain = ${events.chain}
          AND used.tx_hash = ${events.txHash} AND used.log_index = ${events.logIndex})`,
      ),
    )
    .orderBy(
      sql`${events.blockTimestamp}, ${events.blockNumber}, ${events.logIndex}, ${claimed} DESC,
        (${payments.wallet} = ${events.payer}) DESC, (${payments.expiresAt} >= ${paidAt}) DESC,
        ${payments.createdAt}, ${payments.id}`,
    );
}

/** Lets go of events that a reorg took away; the transaction stays named, for it usually comes back. */
export async function releaseOrphans(db: Executor, accounts?: string[]) {
  const events = paymentEvents(db);
  await db
    .update(payments)
    .set({ logIndex: null, matchedAt: null })
    .where(
      and(
        ofAccounts(accounts),
        sql`${payments.matchedAt} > now() - interval '1 day'`,
        sql`NOT EXISTS (${db.select({ one: sql`1` }).from(events).where(paidBy(events))})`,
      ),
    );
}

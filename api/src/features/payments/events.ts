import { FEES } from "@aiforge/contracts";
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import {
  chainHeads,
  chainJobEvents,
  chainJobs,
  chainLicensePurchases,
  chainPlanPurchases,
  chainPublications,
  chainServicePurchases,
  chainSettings,
  chainSplits,
  chainUsageEntries,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { type Purpose, payments } from "./schema.ts";

type EventView =
  | typeof chainServicePurchases
  | typeof chainLicensePurchases
  | typeof chainPublications
  | typeof chainPlanPurchases
  | typeof chainUsageEntries;

const placed = (view: EventView) => ({
  id: view.id,
  chain: view.chainId,
  txHash: view.txHash,
  logIndex: view.logIndex,
  blockNumber: view.blockNumber,
  blockTimestamp: view.blockTimestamp,
  payer: view.payer,
});

/** The columns that the events of all kinds share, from SQL over their own; constants of this file only. */
function bought(columns: {
  purpose: string;
  item: string;
  months: string;
  amount: string;
  fee: string;
  split: string;
}) {
  const text = <T extends string>(source: string, name: string) => sql<T>`${sql.raw(source)}`.as(name);
  const number = (source: string, name: string) =>
    sql<bigint>`(${sql.raw(source)})::numeric`.mapWith(BigInt).as(name);
  return {
    purpose: text<Purpose>(columns.purpose, "bought"),
    onchainId: text(columns.item, "item"),
    account: text("account", "for_account"),
    months: number(columns.months, "bought_months"),
    amount: number(columns.amount, "paid"),
    fee: number(columns.fee, "paid_fee"),
    splitId: text(columns.split, "earning_split"),
  };
}

const none = { item: "''", months: "0", fee: "0", split: "''" };

const SERVICE = bought({
  purpose: "'service'",
  item: "model_id",
  months: "months",
  amount: "price",
  fee: "fee",
  split: "split_id",
});
const LICENSE = bought({
  ...none,
  purpose: "'license'",
  item: "model_id",
  amount: "price",
  fee: "fee",
  split: "split_id",
});
// Publishing and listing go to the platform alone.
const PUBLICATION = bought({
  ...none,
  purpose: "CASE kind WHEN 'publish' THEN 'publish' ELSE 'listing' END",
  item: "model_id",
  months: "months",
  amount: "fee",
  fee: "fee",
});
const PLAN = bought({
  ...none,
  purpose: "'plan'",
  item: "plan::text",
  months: "months",
  amount: "price",
  fee: "fee",
});
// The fee is what the platform gets once the job is done.
const JOB = bought({
  ...none,
  purpose: "'job'",
  item: '"job_events"."job_id"',
  amount: '"job_events"."amount"',
  fee: `div("job_events"."amount" * ${FEES.jobBps}, ${FEES.bps})`,
});
const DEPOSIT = bought({ ...none, purpose: "'usage'", amount: "amount" });

/** Every event of the mirror that is a payment, whatever was bought. `amount` and `fee` in micro-USDT. */
export function paymentEvents(db: Executor) {
  return unionAll(
    db.select({ ...placed(chainServicePurchases), ...SERVICE }).from(chainServicePurchases),
    db.select({ ...placed(chainLicensePurchases), ...LICENSE }).from(chainLicensePurchases),
    db.select({ ...placed(chainPublications), ...PUBLICATION }).from(chainPublications),
    db.select({ ...placed(chainPlanPurchases), ...PLAN }).from(chainPlanPurchases),
    db
      .select({ ...placed(chainUsageEntries), ...DEPOSIT })
      .from(chainUsageEntries)
      .where(eq(chainUsageEntries.kind, "deposit")),
    db
      .select({
        id: chainJobEvents.id,
        chain: chainJobEvents.chainId,
        txHash: chainJobEvents.txHash,
        logIndex: chainJobEvents.logIndex,
        blockNumber: chainJobEvents.blockNumber,
        blockTimestamp: chainJobEvents.blockTimestamp,
        payer: chainJobs.payer,
        ...JOB,
      })
      .from(chainJobEvents)
      .innerJoin(
        chainJobs,
        and(eq(chainJobs.chainId, chainJobEvents.chainId), eq(chainJobs.jobId, chainJobEvents.jobId)),
      )
      .where(eq(chainJobEvents.kind, "opened")),
  ).as("event");
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
export function quotedPayments(db: Executor, where: SQL | undefined, limit = 500) {
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
    .leftJoin(models, eq(models.id, payments.modelId))
    .leftJoin(events, paidBy(events))
    .leftJoin(
      chainSplits,
      and(eq(chainSplits.chainId, payments.chain), eq(chainSplits.splitId, events.splitId)),
    )
    .leftJoin(chainHeads, eq(chainHeads.chainId, payments.chain))
    .where(where)
    .orderBy(sql`${payments.createdAt} DESC, ${payments.id}::text COLLATE "C" DESC`)
    .limit(limit);
}

export type QuotedPayment = Awaited<ReturnType<typeof quotedPayments>>[number];

/** Payments that nobody asked a quote for, for models of this site, plans and deposits; the newest first. */
export function unquotedPayments(db: Executor, where: (events: Events) => SQL | undefined, limit = 500) {
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
    .leftJoin(
      onchainModels,
      and(eq(onchainModels.chain, events.chain), eq(onchainModels.onchainId, events.onchainId)),
    )
    .leftJoin(models, eq(models.id, onchainModels.modelId))
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
    .where(
      and(
        sql`${payments.id} IS NULL`,
        sql`(${models.id} IS NOT NULL OR ${events.purpose} IN ('plan', 'usage'))`,
        where(events),
      ),
    )
    .orderBy(sql`${events.blockTimestamp} DESC, ${events.id} COLLATE "C" DESC`)
    .limit(limit);
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
        // A deposit is its payer's, and of another amount it is another one.
        sql`(${payments.purpose} <> 'usage'
          OR (${events.payer} = ${payments.wallet} AND ${events.amount} = ${payments.amount}))`,
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
    .set({ logIndex: null, matchedAt: null, reorgedAt: new Date() })
    .where(
      and(
        ofAccounts(accounts),
        sql`${payments.matchedAt} > now() - interval '1 day'`,
        sql`NOT EXISTS (${db.select({ one: sql`1` }).from(events).where(paidBy(events))})`,
      ),
    );
}

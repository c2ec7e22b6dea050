import { and, eq, gte, inArray, lt, or, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import {
  chainCreditEntries,
  chainFeeEntries,
  chainHeads,
  chainMembers,
  chainPlans,
  chainPool,
  chainSplitEarnings,
  chainSplits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groupMembers } from "../groups/schema.ts";
import { models } from "../models/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { distributionModels, distributions } from "./schema.ts";

/** From the first second to before the last, in unix seconds. */
export interface Range {
  from: bigint;
  to: bigint;
}

/** Who asks: their wallets, and whether only what they have a part in counts. */
export interface Viewer {
  userId: string | null;
  wallets: string[];
  mine: boolean;
}

const asBigint = (expression: SQL) => sql<bigint>`coalesce(${expression}, 0)`.mapWith(BigInt);

const monthOfRow = (timestamp: AnyPgColumn) =>
  sql<string>`to_char(to_timestamp(${timestamp}::float8) AT TIME ZONE 'UTC', 'YYYY-MM')`;

const within = (timestamp: AnyPgColumn, range: Range | null) =>
  range ? and(gte(timestamp, range.from), lt(timestamp, range.to)) : undefined;

const sameEvent = and(
  eq(chainFeeEntries.id, chainSplitEarnings.id),
  eq(chainFeeEntries.chainId, chainSplitEarnings.chainId),
);

const inWallets = (column: typeof chainMembers.member, wallets: string[]) =>
  wallets.length > 0 ? inArray(column, wallets) : sql`false`;

/**
 * What one earning of a split brought a share of `bps`: the contract rounds the lifetime sum down, so an earning brings
 * the difference of what it was before and after. All of them together are what the contract pays, to the unit.
 */
export const broughtMember = sql`(div(${chainSplitEarnings.earned} * ${chainMembers.bps}, 10000)
  - div((${chainSplitEarnings.earned} - ${chainSplitEarnings.amount}) * ${chainMembers.bps}, 10000))`;

/** Splits that the viewer's wallets share in, and models of their groups. */
function ofViewer({ userId, wallets, mine }: Viewer): SQL | undefined {
  if (!mine) return undefined;
  return or(
    sql`EXISTS (SELECT FROM ${chainMembers} m WHERE m.chain_id = ${chainSplitEarnings.chainId}
      AND m.split_id = ${chainSplitEarnings.splitId} AND ${wallets.length > 0 ? sql`m.member IN ${wallets}` : sql`false`})`,
    sql`EXISTS (SELECT FROM ${onchainModels} o JOIN ${models} d ON d.id = o.model_id
      JOIN ${groupMembers} g ON g.group_id = d.group_id AND g.user_id = ${userId}
      WHERE o.chain = ${chainSplitEarnings.chainId} AND o.onchain_id = ${chainSplitEarnings.modelId})`,
  );
}

/** Every payment and the platform's part of it, by source and month. */
export function feesByMonth(db: Executor, chains: string[], range: Range | null) {
  const month = monthOfRow(chainFeeEntries.blockTimestamp);
  return db
    .select({
      source: chainFeeEntries.kind,
      month: month.as("month"),
      gross: asBigint(sql`sum(${chainFeeEntries.gross})`),
      fee: asBigint(sql`sum(${chainFeeEntries.fee})`),
    })
    .from(chainFeeEntries)
    .where(and(inArray(chainFeeEntries.chainId, chains), within(chainFeeEntries.blockTimestamp, range)))
    .groupBy(chainFeeEntries.kind, sql`2`);
}

/** What splits earned, by source, month and model, with the payment that it is of; and what the viewer's part is. */
export async function earningsByMonth(db: Executor, chains: string[], viewer: Viewer, range: Range | null) {
  const month = monthOfRow(chainSplitEarnings.blockTimestamp);
  const brought = db
    .select({
      id: chainSplitEarnings.id,
      mine: sql`sum(${broughtMember})`.as("mine"),
    })
    .from(chainSplitEarnings)
    .innerJoin(
      chainMembers,
      and(
        eq(chainMembers.chainId, chainSplitEarnings.chainId),
        eq(chainMembers.splitId, chainSplitEarnings.splitId),
      ),
    )
    .where(inWallets(chainMembers.member, viewer.wallets))
    .groupBy(chainSplitEarnings.id)
    .as("brought");
  return db
    .select({
      chain: chainSplitEarnings.chainId,
      source: chainSplitEarnings.kind,
      month: month.as("month"),
      onchainId: chainSplitEarnings.modelId,
      amount: asBigint(sql`sum(${chainSplitEarnings.amount})`),
      fee: asBigint(sql`sum(${chainFeeEntries.fee})`),
      mine: asBigint(sql`sum(${brought.mine})`),
    })
    .from(chainSplitEarnings)
    .leftJoin(chainFeeEntries, sameEvent)
    .leftJoin(brought, eq(brought.id, chainSplitEarnings.id))
    .where(
      and(
        inArray(chainSplitEarnings.chainId, chains),
        within(chainSplitEarnings.blockTimestamp, range),
        ofViewer(viewer),
      ),
    )
    .groupBy(chainSplitEarnings.chainId, chainSplitEarnings.kind, sql`3`, chainSplitEarnings.modelId);
}

/** What jobs paid to wallets rather than to splits. */
export function jobPayByMonth(db: Executor, chains: string[], wallets: string[], range: Range | null) {
  const month = monthOfRow(chainCreditEntries.blockTimestamp);
  return db
    .select({ month: month.as("month"), mine: asBigint(sql`sum(${chainCreditEntries.delta})`) })
    .from(chainCreditEntries)
    .where(
      and(
        eq(chainCreditEntries.kind, "job"),
        inArray(chainCreditEntries.chainId, chains),
        wallets.length > 0 ? inArray(chainCreditEntries.payee, wallets) : sql`false`,
        within(chainCreditEntries.blockTimestamp, range),
      ),
    )
    .groupBy(sql`1`);
}

/** What the pool took in and paid, and what the root that pays now pays in all. */
export async function poolTotals(db: Executor, chains: string[]) {
  const [funded] = await db
    .select({ amount: asBigint(sql`sum(${chainPlans.funded})`) })
    .from(chainPlans)
    .where(inArray(chainPlans.chainId, chains));
  const pools = await db
    .select({
      claimed: chainPool.claimed,
      total: sql<bigint>`CASE WHEN ${chainPool.activeAt} <= ${chainHeads.blockTimestamp}
        THEN ${chainPool.pendingTotal} ELSE ${chainPool.total} END`.mapWith(BigInt),
    })
    .from(chainPool)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainPool.chainId))
    .where(inArray(chainPool.chainId, chains));
  return { funded: funded?.amount ?? 0n, pools };
}

/** What models earned of a month's pool: of the last attempt, unless that was vetoed. */
export function poolShares(db: Executor, chains: string[], viewer: Viewer, month: number | null) {
  const mine = sql`(SELECT sum(div(${distributionModels.amount} * m.bps, 10000)) FROM ${chainMembers} m
    WHERE m.chain_id = ${distributionModels.chain} AND m.split_id = ${distributionModels.splitId}
    AND ${viewer.wallets.length > 0 ? sql`m.member IN ${viewer.wallets}` : sql`false`})`;
  const theirs = viewer.mine
    ? or(
        sql`${mine} IS NOT NULL`,
        sql`EXISTS (SELECT FROM ${groupMembers} g WHERE g.group_id = ${models.groupId} AND g.user_id = ${viewer.userId})`,
      )
    : undefined;
  return db
    .select({
      chain: distributionModels.chain,
      month: distributionModels.month,
      onchainId: distributionModels.onchainId,
      splitId: distributionModels.splitId,
      amount: distributionModels.amount,
      mine: asBigint(mine),
    })
    .from(distributionModels)
    .innerJoin(distributions, distributionOfModel)
    .leftJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, distributionModels.chain),
        eq(onchainModels.onchainId, distributionModels.onchainId),
      ),
    )
    .leftJoin(models, eq(models.id, onchainModels.modelId))
    .where(
      and(
        inArray(distributionModels.chain, chains),
        month === null ? undefined : eq(distributionModels.month, month),
        sql`${distributions.state} <> 'vetoed'`,
        theirs,
      ),
    );
}

/** Joins a month's models to its attempt. */
export const distributionOfModel = and(
  eq(distributions.chain, distributionModels.chain),
  eq(distributions.aiforge, distributionModels.aiforge),
  eq(distributions.month, distributionModels.month),
  eq(distributions.attempt, distributionModels.attempt),
);

/** The platform's names of models, by chain and id on chain. */
export async function namesOf(db: Executor, onchainIds: string[]) {
  if (onchainIds.length === 0) return new Map<string, { modelId: string; name: string }>();
  const rows = await db
    .select({
      chain: onchainModels.chain,
      onchainId: onchainModels.onchainId,
      modelId: models.id,
      name: models.name,
    })
    .from(onchainModels)
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .where(inArray(onchainModels.onchainId, onchainIds));
  return new Map(
    rows.map(({ chain, onchainId, modelId, name }) => [`${chain} ${onchainId}`, { modelId, name }]),
  );
}

/** Splits that wallets share in, with what each claimed of the pool. */
export function splitsOfWallets(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainSplits.chainId,
      splitId: chainSplits.splitId,
      claimed: chainSplits.claimed,
    })
    .from(chainSplits)
    .innerJoin(
      chainMembers,
      and(eq(chainMembers.chainId, chainSplits.chainId), eq(chainMembers.splitId, chainSplits.splitId)),
    )
    .where(inWallets(chainMembers.member, wallets))
    .groupBy(chainSplits.chainId, chainSplits.splitId, chainSplits.claimed);
}

import { and, asc, desc, eq, gte, inArray, isNotNull, lt, sql } from "drizzle-orm";
import {
  chainFeeEntries,
  chainMembers,
  chainModelSplits,
  chainSplitEarnings,
  chainSplits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groupMembers, groups } from "../groups/schema.ts";
import { models } from "../models/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { broughtMember, distributionOfModel } from "../revenue/queries-summary.ts";
import { distributionModels, distributions } from "../revenue/schema.ts";
import { type FrozenStatement, revenueStatements, splitDrafts } from "./schema.ts";

export async function draftOf(db: Executor, modelId: string) {
  const [row] = await db.select().from(splitDrafts).where(eq(splitDrafts.modelId, modelId));
  return row;
}

export async function saveDraft(db: Executor, draft: typeof splitDrafts.$inferInsert) {
  const updatedAt = new Date();
  await db
    .insert(splitDrafts)
    .values(draft)
    .onConflictDoUpdate({
      target: splitDrafts.modelId,
      set: { splitId: draft.splitId, members: draft.members, updatedAt },
    });
}

/** Every split that a model earned through, the newest first. */
export function splitHistory(db: Executor, chain: string, onchainId: string) {
  return db
    .select({
      splitId: chainModelSplits.splitId,
      members: chainSplits.members,
      bps: chainSplits.bps,
      blockNumber: chainModelSplits.blockNumber,
      blockTimestamp: chainModelSplits.blockTimestamp,
      txHash: chainModelSplits.txHash,
      earned: sql<bigint>`(SELECT coalesce(sum(e.amount), 0) FROM ${chainSplitEarnings} e
        WHERE e.chain_id = ${chainModelSplits.chainId} AND e.model_id = ${chainModelSplits.modelId}
        AND e.split_id = ${chainModelSplits.splitId})`.mapWith(BigInt),
    })
    .from(chainModelSplits)
    .innerJoin(
      chainSplits,
      and(
        eq(chainSplits.chainId, chainModelSplits.chainId),
        eq(chainSplits.splitId, chainModelSplits.splitId),
      ),
    )
    .where(and(eq(chainModelSplits.chainId, chain), eq(chainModelSplits.modelId, onchainId)))
    .orderBy(desc(chainModelSplits.blockNumber), desc(chainModelSplits.logIndex));
}

const feeOfEarning = and(
  eq(chainFeeEntries.id, chainSplitEarnings.id),
  eq(chainFeeEntries.chainId, chainSplitEarnings.chainId),
);

const asBigint = (expression: ReturnType<typeof sql>) =>
  sql<bigint>`coalesce(${expression}, 0)`.mapWith(BigInt);

/** What a model earned from `from` to before `to` (unix seconds), by source and split. */
export function modelEarnings(
  db: Executor,
  model: { chain: string; onchainId: string },
  { from, to }: { from: bigint; to: bigint },
) {
  return db
    .select({
      kind: chainSplitEarnings.kind,
      splitId: chainSplitEarnings.splitId,
      amount: asBigint(sql`sum(${chainSplitEarnings.amount})`),
      fee: asBigint(sql`sum(${chainFeeEntries.fee})`),
    })
    .from(chainSplitEarnings)
    .leftJoin(chainFeeEntries, feeOfEarning)
    .where(ofMonth(model, from, to))
    .groupBy(chainSplitEarnings.kind, chainSplitEarnings.splitId);
}

/** What that brought each member of those splits: as the contract rounds, on the lifetime sum. */
export function memberEarnings(
  db: Executor,
  model: { chain: string; onchainId: string },
  { from, to }: { from: bigint; to: bigint },
) {
  return db
    .select({
      splitId: chainSplitEarnings.splitId,
      address: chainMembers.member,
      amount: asBigint(sql`sum(${broughtMember})`),
    })
    .from(chainSplitEarnings)
    .innerJoin(
      chainMembers,
      and(
        eq(chainMembers.chainId, chainSplitEarnings.chainId),
        eq(chainMembers.splitId, chainSplitEarnings.splitId),
      ),
    )
    .where(ofMonth(model, from, to))
    .groupBy(chainSplitEarnings.splitId, chainMembers.member);
}

const ofMonth = (model: { chain: string; onchainId: string }, from: bigint, to: bigint) =>
  and(
    eq(chainSplitEarnings.chainId, model.chain),
    eq(chainSplitEarnings.modelId, model.onchainId),
    gte(chainSplitEarnings.blockTimestamp, from),
    lt(chainSplitEarnings.blockTimestamp, to),
  );

/** Splits with all that can still be taken from them. */
export function splitRows(db: Executor, chain: string, splitIds: string[]) {
  return db
    .select()
    .from(chainSplits)
    .where(and(eq(chainSplits.chainId, chain), inArray(chainSplits.splitId, splitIds)));
}

/** Members of splits with what they drew, in descending share. */
export function memberRows(db: Executor, chain: string, splitIds: string[]) {
  return db
    .select()
    .from(chainMembers)
    .where(and(eq(chainMembers.chainId, chain), inArray(chainMembers.splitId, splitIds)))
    .orderBy(desc(chainMembers.bps), asc(chainMembers.member));
}

/** Whether one of a user's wallets shares in a split that a model has or had. */
export async function sharesInModel(
  db: Executor,
  wallets: string[],
  model: { chain: string; onchainId: string },
): Promise<boolean> {
  const rows = await db
    .select({ splitId: chainMembers.splitId })
    .from(chainModelSplits)
    .innerJoin(
      chainMembers,
      and(
        eq(chainMembers.chainId, chainModelSplits.chainId),
        eq(chainMembers.splitId, chainModelSplits.splitId),
      ),
    )
    .where(
      and(
        eq(chainModelSplits.chainId, model.chain),
        eq(chainModelSplits.modelId, model.onchainId),
        inArray(chainMembers.member, wallets),
      ),
    )
    .limit(1);
  return rows.length > 0;
}

export async function frozenStatement(db: Executor, modelId: string, month: number) {
  const [row] = await db
    .select()
    .from(revenueStatements)
    .where(and(eq(revenueStatements.modelId, modelId), eq(revenueStatements.month, month)));
  return row;
}

/** Freezes a statement; the first one stays. */
export async function keepStatement(
  db: Executor,
  modelId: string,
  month: number,
  statement: FrozenStatement,
): Promise<void> {
  await db.insert(revenueStatements).values({ modelId, month, statement }).onConflictDoNothing();
}

/** The groups of a user. */
export function groupsOf(db: Executor, userId: string) {
  return db
    .select({ groupId: groups.id, name: groups.name, role: groupMembers.role })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(eq(groupMembers.userId, userId))
    .orderBy(asc(groups.createdAt), asc(groups.id));
}

/** What the models of groups earned at once, by model and month, with the part of these wallets. */
export function groupEarnings(db: Executor, groupIds: string[], wallets: string[]) {
  const month = sql<string>`to_char(to_timestamp(${chainSplitEarnings.blockTimestamp}::float8) AT TIME ZONE 'UTC', 'YYYY-MM')`;
  const mine = sql`(SELECT sum(div(${chainSplitEarnings.earned} * m.bps, 10000)
    - div((${chainSplitEarnings.earned} - ${chainSplitEarnings.amount}) * m.bps, 10000)) FROM ${chainMembers} m
    WHERE m.chain_id = ${chainSplitEarnings.chainId} AND m.split_id = ${chainSplitEarnings.splitId}
    AND ${wallets.length > 0 ? sql`m.member IN ${wallets}` : sql`false`})`;
  return db
    .select({
      groupId: models.groupId,
      modelId: models.id,
      name: models.name,
      month: month.as("month"),
      creators: asBigint(sql`sum(${chainSplitEarnings.amount})`),
      fee: asBigint(sql`sum(${chainFeeEntries.fee})`),
      mine: asBigint(sql`sum(${mine})`),
    })
    .from(chainSplitEarnings)
    .innerJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, chainSplitEarnings.chainId),
        eq(onchainModels.onchainId, chainSplitEarnings.modelId),
      ),
    )
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .leftJoin(chainFeeEntries, feeOfEarning)
    .where(and(inArray(models.groupId, groupIds), isNotNull(chainSplitEarnings.modelId)))
    .groupBy(models.groupId, models.id, models.name, sql`4`);
}

/** What the models of groups have of the creators' pool, by model and month, with the part of these wallets. */
export function groupPool(db: Executor, groupIds: string[], wallets: string[]) {
  return db
    .select({
      groupId: models.groupId,
      modelId: models.id,
      name: models.name,
      month: distributionModels.month,
      pool: distributionModels.amount,
      mine: asBigint(sql`(SELECT sum(div(${distributionModels.amount} * m.bps, 10000)) FROM ${chainMembers} m
        WHERE m.chain_id = ${distributionModels.chain} AND m.split_id = ${distributionModels.splitId}
        AND ${wallets.length > 0 ? sql`m.member IN ${wallets}` : sql`false`})`),
    })
    .from(distributionModels)
    .innerJoin(distributions, distributionOfModel)
    .innerJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, distributionModels.chain),
        eq(onchainModels.onchainId, distributionModels.onchainId),
      ),
    )
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .where(and(inArray(models.groupId, groupIds), sql`${distributions.state} <> 'vetoed'`));
}

/** What a model has of a month's pool, by the attempt that counts. */
export function poolOfModel(db: Executor, model: { chain: string; onchainId: string }, month: number) {
  return db
    .select({ splitId: distributionModels.splitId, amount: distributionModels.amount })
    .from(distributionModels)
    .innerJoin(distributions, distributionOfModel)
    .where(
      and(
        eq(distributionModels.chain, model.chain),
        eq(distributionModels.onchainId, model.onchainId),
        eq(distributionModels.month, month),
        sql`${distributions.state} <> 'vetoed'`,
      ),
    );
}

import { and, desc, eq, inArray, isNotNull, ne, or, sql } from "drizzle-orm";
import {
  chainCreditEntries,
  chainCredits,
  chainDraws,
  chainFeeEntries,
  chainHeads,
  chainMembers,
  chainModelSplits,
  chainSplitEarnings,
  chainSplits,
  chainUsageDeposits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groupMembers } from "../groups/schema.ts";
import { models } from "../models/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { broughtMember, distributionOfModel } from "./queries-summary.ts";
import { distributionModels, distributions } from "./schema.ts";

const SHOWN_ENTRIES = 200;

const splitOfMember = and(
  eq(chainSplits.chainId, chainMembers.chainId),
  eq(chainSplits.splitId, chainMembers.splitId),
);

const feeOfEarning = and(
  eq(chainFeeEntries.id, chainSplitEarnings.id),
  eq(chainFeeEntries.chainId, chainSplitEarnings.chainId),
);

/** The shares that wallets have in splits, with what each split earned in its life and what the wallet drew. */
export function sharesOf(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainMembers.chainId,
      splitId: chainMembers.splitId,
      member: chainMembers.member,
      bps: chainMembers.bps,
      drawn: chainMembers.drawn,
      earned: chainSplits.earned,
      claimed: chainSplits.claimed,
      split: { members: chainSplits.members, bps: chainSplits.bps },
    })
    .from(chainMembers)
    .innerJoin(chainSplits, splitOfMember)
    .where(inArray(chainMembers.member, wallets))
    .orderBy(desc(chainMembers.bps), chainMembers.splitId, chainMembers.member);
}

export type Share = Awaited<ReturnType<typeof sharesOf>>[number];

/**
 * Each model and each split it earned through, with the revenue that came that way: of models in which one of the
 * wallets has a share, and of models of the user's groups.
 */
export function earningModels(db: Executor, userId: string, wallets: string[]) {
  const earnedBy = chainSplitEarnings;
  const revenue = db
    .select({
      chain: earnedBy.chainId,
      onchainId: earnedBy.modelId,
      splitId: earnedBy.splitId,
      revenue: sql<bigint>`sum(${earnedBy.amount} + ${chainFeeEntries.fee})`.mapWith(BigInt).as("revenue"),
      fee: sql<bigint>`sum(${chainFeeEntries.fee})`.mapWith(BigInt).as("platform_fee"),
    })
    .from(earnedBy)
    .innerJoin(chainFeeEntries, feeOfEarning)
    .where(inArray(earnedBy.kind, ["service", "license", "usage"]))
    .groupBy(earnedBy.chainId, earnedBy.modelId, earnedBy.splitId)
    .as("revenue");
  const sharesIn = db
    .select({ one: sql`1` })
    .from(chainMembers)
    .where(
      and(
        eq(chainMembers.chainId, chainModelSplits.chainId),
        eq(chainMembers.splitId, chainModelSplits.splitId),
        inArray(chainMembers.member, wallets),
      ),
    );
  const myGroups = db
    .select({ id: groupMembers.groupId })
    .from(groupMembers)
    .where(eq(groupMembers.userId, userId));
  return db
    .select({
      modelId: models.id,
      name: models.name,
      chain: chainModelSplits.chainId,
      splitId: chainModelSplits.splitId,
      splitEarned: chainSplits.earned,
      splitClaimed: chainSplits.claimed,
      revenue: revenue.revenue,
      fee: revenue.fee,
      since: sql<string>`min(${chainModelSplits.blockTimestamp})`.as("since"),
    })
    .from(chainModelSplits)
    .innerJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, chainModelSplits.chainId),
        eq(onchainModels.onchainId, chainModelSplits.modelId),
      ),
    )
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .innerJoin(
      chainSplits,
      and(
        eq(chainSplits.chainId, chainModelSplits.chainId),
        eq(chainSplits.splitId, chainModelSplits.splitId),
      ),
    )
    .leftJoin(
      revenue,
      and(
        eq(revenue.chain, chainModelSplits.chainId),
        eq(revenue.onchainId, chainModelSplits.modelId),
        eq(revenue.splitId, chainModelSplits.splitId),
      ),
    )
    .where(or(sql`EXISTS (${sharesIn})`, inArray(models.groupId, myGroups)))
    .groupBy(
      models.id,
      models.name,
      chainModelSplits.chainId,
      chainModelSplits.splitId,
      chainSplits.earned,
      chainSplits.claimed,
      revenue.revenue,
      revenue.fee,
    )
    .orderBy(models.name, models.id, sql`since DESC`);
}

export type EarningModel = Awaited<ReturnType<typeof earningModels>>[number];

/** What each model's use brought splits of the pool, month by month; what was vetoed left out. Amounts in micro-USDT. */
export function poolPartsOf(db: Executor, aiforges: string[], splitIds: string[]) {
  return db
    .select({
      chain: distributionModels.chain,
      splitId: distributionModels.splitId,
      modelId: onchainModels.modelId,
      month: distributionModels.month,
      amount: distributionModels.amount,
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
    .where(
      and(
        inArray(distributionModels.splitId, splitIds),
        inArray(distributionModels.aiforge, aiforges),
        ne(distributions.state, "vetoed"),
      ),
    );
}

/** All members of splits, in descending share. */
export function membersOfSplits(db: Executor, splitIds: string[]) {
  return db
    .select({
      chain: chainMembers.chainId,
      splitId: chainMembers.splitId,
      member: chainMembers.member,
      bps: chainMembers.bps,
      drawn: chainMembers.drawn,
    })
    .from(chainMembers)
    .where(inArray(chainMembers.splitId, splitIds))
    .orderBy(desc(chainMembers.bps), chainMembers.member);
}

export type SplitShare = Awaited<ReturnType<typeof membersOfSplits>>[number];

/** Credit of wallets in the contract, without those that have none. */
export function creditsOf(db: Executor, wallets: string[]) {
  return db
    .select({ chain: chainCredits.chainId, address: chainCredits.payee, amount: chainCredits.amount })
    .from(chainCredits)
    .where(and(inArray(chainCredits.payee, wallets), sql`${chainCredits.amount} > 0`))
    .orderBy(chainCredits.chainId, chainCredits.payee);
}

/** Changes of wallets' credits, the newest first. */
export function creditEntriesOf(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainCreditEntries.chainId,
      kind: chainCreditEntries.kind,
      delta: chainCreditEntries.delta,
      address: chainCreditEntries.payee,
      counterparty: chainCreditEntries.counterparty,
      txHash: chainCreditEntries.txHash,
      at: chainCreditEntries.blockTimestamp,
    })
    .from(chainCreditEntries)
    .where(inArray(chainCreditEntries.payee, wallets))
    .orderBy(desc(chainCreditEntries.blockTimestamp), desc(chainCreditEntries.logIndex))
    .limit(SHOWN_ENTRIES);
}

/** What splits earned that a wallet has a share in, one row for each wallet with its part; the newest first. */
export function earningsFor(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainSplitEarnings.chainId,
      source: chainSplitEarnings.kind,
      amount: sql<bigint>`${broughtMember}`.mapWith(BigInt),
      address: chainMembers.member,
      payer: chainFeeEntries.payer,
      txHash: chainSplitEarnings.txHash,
      at: chainSplitEarnings.blockTimestamp,
      modelId: onchainModels.modelId,
      modelName: models.name,
    })
    .from(chainSplitEarnings)
    .innerJoin(
      chainMembers,
      and(
        eq(chainMembers.chainId, chainSplitEarnings.chainId),
        eq(chainMembers.splitId, chainSplitEarnings.splitId),
      ),
    )
    .leftJoin(chainFeeEntries, feeOfEarning)
    .leftJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, chainSplitEarnings.chainId),
        eq(onchainModels.onchainId, chainSplitEarnings.modelId),
      ),
    )
    .leftJoin(models, eq(models.id, onchainModels.modelId))
    .where(inArray(chainMembers.member, wallets))
    .orderBy(desc(chainSplitEarnings.blockTimestamp), desc(chainSplitEarnings.logIndex))
    .limit(SHOWN_ENTRIES);
}

/** Shares that wallets drew straight to a wallet, without passing through their credit; the newest first. */
export function drawsTo(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainDraws.chainId,
      amount: chainDraws.amount,
      address: chainDraws.member,
      counterparty: chainDraws.to,
      txHash: chainDraws.txHash,
      at: chainDraws.blockTimestamp,
    })
    .from(chainDraws)
    .where(and(inArray(chainDraws.member, wallets), isNotNull(chainDraws.to)))
    .orderBy(desc(chainDraws.blockTimestamp), desc(chainDraws.logIndex))
    .limit(SHOWN_ENTRIES);
}

/** Deposits for metered use that wallets take out, with the chain's time, in unix seconds. */
export function leavingDeposits(db: Executor, wallets: string[]) {
  return db
    .select({
      chain: chainUsageDeposits.chainId,
      payer: chainUsageDeposits.payer,
      amount: chainUsageDeposits.amount,
      leaveAt: chainUsageDeposits.leaveAt,
      now: chainHeads.blockTimestamp,
    })
    .from(chainUsageDeposits)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainUsageDeposits.chainId))
    .where(
      and(
        inArray(chainUsageDeposits.payer, wallets),
        isNotNull(chainUsageDeposits.leaveAt),
        sql`${chainUsageDeposits.amount} > 0`,
      ),
    );
}

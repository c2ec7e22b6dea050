import { and, asc, eq, inArray, or, sql } from "drizzle-orm";
import {
  chainHeads,
  chainLicensePurchases,
  chainModels,
  chainPublications,
  chainServicePurchases,
  chainSettings,
  chainSplits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import { payments } from "../payments/schema.ts";
import { wallets } from "../wallets/schema.ts";
import { onchainModels } from "./schema.ts";

/** Notes under which on-chain id a model may appear; asking again changes nothing. */
export async function expectOnchainModel(db: Executor, expected: typeof onchainModels.$inferInsert) {
  await db.insert(onchainModels).values(expected).onConflictDoNothing();
}

/** Ids under which a user was quoted to publish models of a group, or under which one of their wallets was. */
export function expectedFrom(db: Executor, groupId: string, userId: string) {
  const { chain, onchainId, modelId, owner } = onchainModels;
  const quoted = db.select({ id: payments.onchainId }).from(payments).where(eq(payments.userId, userId));
  const mine = db.select({ address: wallets.address }).from(wallets).where(eq(wallets.userId, userId));
  return db
    .select({ chain, onchainId })
    .from(onchainModels)
    .innerJoin(models, eq(models.id, modelId))
    .where(and(eq(models.groupId, groupId), or(inArray(onchainId, quoted), inArray(owner, mine))));
}

/** What is published under this id from now on is not the group's. */
export async function forgetOnchainModel(db: Executor, chain: string, onchainId: string) {
  await db
    .delete(onchainModels)
    .where(and(eq(onchainModels.chain, chain), eq(onchainModels.onchainId, onchainId)));
}

/**
 * Whether an id is the one under which its model was published first, which is the one that counts. Nothing keeps
 * another wallet of the group from publishing the model too, for next to nothing.
 */
const publishedFirst = sql`${onchainModels.onchainId} = (
    SELECT other.onchain_id FROM ${onchainModels} other
    JOIN ${chainPublications} first
      ON first.chain_id = other.chain AND first.model_id = other.onchain_id AND first.kind = 'publish'
    WHERE other.model_id = ${onchainModels.modelId}
    ORDER BY first.block_timestamp, first.block_number, first.log_index LIMIT 1)`;

/** Joins purchases of API subscriptions to the model that they are for. */
export const purchaseOfModel = and(
  eq(chainServicePurchases.chainId, onchainModels.chain),
  eq(chainServicePurchases.modelId, onchainModels.onchainId),
  publishedFirst,
);

/** Joins purchases of licences to the model that they are for. */
export const licenseOfModel = and(
  eq(chainLicensePurchases.chainId, onchainModels.chain),
  eq(chainLicensePurchases.modelId, onchainModels.onchainId),
  publishedFirst,
);

/**
 * The mirrored state of models that were published by one of the wallets quoted for it, the oldest publication
 * first. A model published by two wallets has two rows, of which the first counts.
 */
export function publishedModels(db: Executor, modelIds: string[]) {
  return db
    .select({
      modelId: onchainModels.modelId,
      chain: onchainModels.chain,
      onchainId: onchainModels.onchainId,
      owner: chainModels.owner,
      account: chainModels.account,
      weights: chainModels.weights,
      splitId: chainModels.splitId,
      members: chainSplits.members,
      bps: chainSplits.bps,
      paidUntil: chainModels.paidUntil,
      month: chainModels.priceMonth,
      sale: chainModels.priceSale,
      input: chainModels.priceInput,
      output: chainModels.priceOutput,
      txHash: chainPublications.txHash,
      blockNumber: chainPublications.blockNumber,
      headBlock: chainHeads.blockNumber,
      headTime: chainHeads.blockTimestamp,
    })
    .from(onchainModels)
    .innerJoin(
      chainModels,
      and(eq(chainModels.chainId, onchainModels.chain), eq(chainModels.modelId, onchainModels.onchainId)),
    )
    .innerJoin(
      chainPublications,
      and(
        eq(chainPublications.chainId, onchainModels.chain),
        eq(chainPublications.modelId, onchainModels.onchainId),
        eq(chainPublications.kind, "publish"),
      ),
    )
    .innerJoin(
      chainSplits,
      and(eq(chainSplits.chainId, chainModels.chainId), eq(chainSplits.splitId, chainModels.splitId)),
    )
    .innerJoin(chainHeads, eq(chainHeads.chainId, onchainModels.chain))
    .where(inArray(onchainModels.modelId, modelIds))
    .orderBy(
      asc(chainPublications.blockTimestamp),
      asc(chainPublications.blockNumber),
      asc(chainPublications.logIndex),
    );
}

export type PublishedModel = Awaited<ReturnType<typeof publishedModels>>[number];

/** The contract's own settings as mirrored; undefined before the mirror saw the contract. */
export async function settingsOf(db: Executor, chain: string) {
  const [row] = await db.select().from(chainSettings).where(eq(chainSettings.chainId, chain));
  return row;
}

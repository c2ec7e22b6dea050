import { and, asc, eq, inArray } from "drizzle-orm";
import {
  chainHeads,
  chainModels,
  chainPublications,
  chainSettings,
  chainSplits,
} from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { onchainModels } from "./schema.ts";

/** Notes under which on-chain id a model may appear; asking again changes nothing. */
export async function expectOnchainModel(db: Executor, expected: typeof onchainModels.$inferInsert) {
  await db.insert(onchainModels).values(expected).onConflictDoNothing();
}

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

import { and, desc, eq } from "drizzle-orm";
import { chainModelSplits, chainSplits } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { splitDrafts } from "./schema.ts";

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

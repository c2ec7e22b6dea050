import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { getModelForMember } from "../models/service.ts";
import { requireModelOwner } from "../publishing/access.ts";
import { isoOf, membersOf, publishedByModel } from "../publishing/onchain.ts";
import * as queries from "./queries.ts";
import type { SplitMember } from "./schema.ts";
import { readSplit, toSplit } from "./split.ts";

export interface SplitView {
  splitId: string;
  members: SplitMember[];
}

/**
 * Sets the split that a model is published with. Of a published one it changes nothing by itself: the answer holds
 * the `setSplit` call that the model's owner signs, and later revenue goes to the new split from then on.
 * @throws AppError `not_found`, `not_an_owner`, and the broken rule of the split (400)
 */
export async function setSplit(
  deps: Deps,
  userId: string,
  modelId: string,
  input: { address: string; bps: number }[],
): Promise<{ split: SplitView; onchain: Call | null }> {
  await requireModelOwner(deps, userId, modelId);
  const split = readSplit(input, deps.chains.all);
  await queries.saveDraft(deps.db, { modelId, ...split });
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  if (!published || published.splitId === split.splitId) return { split, onchain: null };
  const chain = deps.chains.get(published.chain);
  const onchain = aiforgeCall(chain, "setSplit", [
    published.onchainId as `0x${string}`,
    toSplit(split.members),
  ]);
  return { split, onchain };
}

/**
 * The split of a model as its group set it, as the chain has it, and all that the chain had.
 * @throws AppError `not_found` for who is no member of the model's group
 */
export async function getSplit(deps: Deps, userId: string, modelId: string) {
  await getModelForMember(deps, userId, modelId);
  const draft = await queries.draftOf(deps.db, modelId);
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  const history = published ? await queries.splitHistory(deps.db, published.chain, published.onchainId) : [];
  return {
    draft: draft ? { splitId: draft.splitId, members: draft.members } : null,
    current: published ? { splitId: published.splitId, members: membersOf(published) } : null,
    history: history.map((row, at) => ({
      splitId: row.splitId,
      until: at === 0 ? null : isoOf(history[at - 1]!.blockTimestamp),
      earned: usdt(row.earned),
      members: membersOf(row),
      since: {
        block: Number(row.blockNumber),
        time: isoOf(row.blockTimestamp),
        txHash: row.txHash,
      },
    })),
  };
}

/** The split to publish with: the one that was set, else all of it to the publisher's wallet. */
export async function splitToPublish(
  deps: Deps,
  modelId: string,
  wallet: `0x${string}`,
): Promise<SplitView & { isDefault: boolean }> {
  const draft = await queries.draftOf(deps.db, modelId);
  if (draft) return { splitId: draft.splitId, members: draft.members, isDefault: false };
  return { ...readSplit([{ address: wallet, bps: 10_000 }], deps.chains.all), isDefault: true };
}

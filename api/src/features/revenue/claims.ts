import { claimOf, type Distribution, distribute, parseInputs } from "@aiforge/contracts";
import type { Hex } from "viem";
import type { Deps } from "../../deps.ts";
import { distributionByRoot, rootsNow } from "./queries-distribution.ts";

export interface PoolClaim {
  /** CAIP-2. */
  chain: string;
  splitId: string;
  /** What the split would get now, in micro-USDT. */
  amount: bigint;
  /** What it is owed in its life. */
  cumulative: bigint;
  proof: Hex[];
  /** When the root pays, in unix seconds. */
  activeAt: bigint;
}

/** A split and what it claimed of the pool until now. */
interface Claimant {
  chain: string;
  splitId: string;
  claimed: bigint;
}

// A root names its tree for ever, and at most two a chain are in use.
const KEPT = 8;
const trees = new Map<string, Distribution>();

/** What splits can claim of the pool now, by the root that pays; those that claimed all are left out. */
export async function claimableOf(deps: Deps, splits: readonly Claimant[]): Promise<PoolClaim[]> {
  return (await claimsOf(deps, splits)).now;
}

/**
 * What splits can claim now, and what they will be able to claim when the root that waits is not vetoed.
 * A root of which the platform has no inputs, because somebody else posted it, is claimed from elsewhere.
 */
export async function claimsOf(
  deps: Deps,
  splits: readonly Claimant[],
): Promise<{ now: PoolClaim[]; later: PoolClaim[] }> {
  const found = { now: [] as PoolClaim[], later: [] as PoolClaim[] };
  for (const { chain, aiforge } of deps.chains.all) {
    const here = splits.filter((split) => split.chain === chain);
    if (here.length === 0) continue;
    const pool = { chain, aiforge: aiforge.toLowerCase() };
    const { paying, waiting } = await rootsNow(deps.db, chain);
    const [nowTree, laterTree] = [
      paying && (await treeOf(deps, pool, paying.root)),
      waiting && (await treeOf(deps, pool, waiting.root)),
    ];
    for (const { splitId, claimed } of here) {
      const now = nowTree && claimOf(nowTree, splitId as Hex);
      const owed = now && now.amount > claimed ? now.amount : claimed;
      if (now && now.amount > claimed) {
        const { amount: cumulative, proof } = now;
        found.now.push({
          chain,
          splitId,
          amount: cumulative - claimed,
          cumulative,
          proof,
          activeAt: paying!.activeAt,
        });
      }
      const later = laterTree && claimOf(laterTree, splitId as Hex);
      if (later && later.amount > owed) {
        const { amount: cumulative, proof } = later;
        found.later.push({
          chain,
          splitId,
          amount: cumulative - owed,
          cumulative,
          proof,
          activeAt: waiting!.activeAt,
        });
      }
    }
  }
  return found;
}

async function treeOf(deps: Deps, pool: { chain: string; aiforge: string }, root: string) {
  const kept = trees.get(root);
  if (kept) return kept;
  const row = await distributionByRoot(deps.db, pool, root);
  if (!row) return undefined;
  const tree = distribute(parseInputs(row.inputs));
  trees.set(root, tree);
  if (trees.size > KEPT) trees.delete(trees.keys().next().value as string);
  return tree;
}

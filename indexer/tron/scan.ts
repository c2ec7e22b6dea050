import { setTimeout as sleep } from "node:timers/promises";
import type { FullBlock, TronChain } from "./chain.ts";
import type { TronConfig } from "./config.ts";
import { type Asked, NodeFailure } from "./node.ts";
import type { Progress } from "./progress.ts";
import type { TronStore } from "./store.ts";
import type { TronBlock } from "./wire.ts";

type Fetched = FullBlock & Pick<Asked<unknown>, "distrust">;

/** Refusals of a block to follow the one before it, after which the chain itself is taken for another one. */
const BROKEN_LINKS = 5;
/** How often a block is asked for before the head that promised it is asked for again. */
const TRIES = 5;
/** Blocks that a look at the head asks for, the last written one among them: in the usual 6 s two become solid. */
const NEAR = 8;

/** The chain's solidified blocks are not those that were scanned. */
export class ChainReplaced extends Error {
  override name = "ChainReplaced";
}

/**
 * The authority: takes every solidified block once, in order, and writes it. Blocks ahead are fetched a few at a time,
 * but nothing is written before what comes before it.
 * @throws ChainReplaced, the signal's reason when it is aborted, and what Postgres threw
 */
export async function scan(options: {
  chain: TronChain;
  store: TronStore;
  progress: Progress;
  config: Pick<TronConfig, "inFlight" | "pollingMs">;
  signal: AbortSignal;
}): Promise<never> {
  const { chain, store, progress, config, signal } = options;
  const ahead = new Map<number, Promise<Fetched>>();
  let brokenLinks = 0;
  for (;;) {
    const near = await look(chain, store, progress);
    progress.heard();
    while (store.cursor.number < progress.solidHead) {
      const next = store.cursor.number + 1;
      for (let number = next; number < next + config.inFlight && number <= progress.solidHead; number++) {
        if (ahead.has(number)) continue;
        const fetching = chain.fullBlock("solidity", number, TRIES, near.get(number));
        near.delete(number);
        // Whoever awaits it sees the failure; when it is thrown away first, nobody needs to.
        fetching.catch(() => {});
        ahead.set(number, fetching);
      }
      const block = await (ahead.get(next) as Promise<Fetched>).catch((error: unknown) => {
        if (error instanceof NodeFailure) return null;
        throw error;
      });
      ahead.delete(next);
      if (!block) {
        // Nobody answers, or nobody has it and the head was a lie.
        ahead.clear();
        break;
      }
      const { id } = store.cursor;
      if (id !== null && block.parentId !== id) {
        block.distrust();
        ahead.clear();
        near.clear();
        if (++brokenLinks < BROKEN_LINKS) continue;
        await confirmCursor(chain, store);
        brokenLinks = 0;
        continue;
      }
      brokenLinks = 0;
      await store.commit(block);
      progress.moved(block);
    }
    if (store.cursor.number === progress.solidHead) progress.caughtUp = true;
    await sleep(config.pollingMs, undefined, { signal });
  }
}

/**
 * Learns how far the chain is solid. One answer mostly tells that and the new blocks themselves: it begins with the last
 * written block, so that a node that has no more is told from one that is behind. Where it does not, or there are more
 * blocks than it may hold, the head is asked for.
 * @returns the blocks after the cursor that are known by that, by their numbers
 */
async function look(
  chain: TronChain,
  { cursor: { number, id } }: TronStore,
  progress: Progress,
): Promise<Map<number, Asked<TronBlock>>> {
  const near = new Map<number, Asked<TronBlock>>();
  let last = -1;
  if (id !== null) {
    // Once: the head is asked for until somebody answers.
    const told = await chain.blocksFrom("solidity", number, NEAR, 1).catch((error: unknown) => {
      if (error instanceof NodeFailure) return null;
      throw error;
    });
    const blocks = told?.value ?? [];
    if (told && blocks[0]?.id === id) {
      for (const block of blocks.slice(1)) near.set(block.number, { value: block, distrust: told.distrust });
      last = number + near.size;
    }
    if (last >= 0 && blocks.length < NEAR) {
      progress.solidHead = last;
      return near;
    }
  }
  progress.solidHead = Math.max(last, (await chain.head("solidity")).number);
  return near;
}

/**
 * Holds the last scanned block to the chain: one node may be wrong, so it counts as another one only when none of several
 * answers has it.
 * @throws ChainReplaced
 */
export async function confirmCursor(chain: TronChain, { cursor, chainId }: TronStore): Promise<void> {
  const { number, id } = cursor;
  if (id === null) return;
  for (let asked = 0; asked < BROKEN_LINKS; asked++) {
    const { value, distrust } = await chain.block("solidity", number);
    if (value.id === id) return;
    distrust();
  }
  throw new ChainReplaced(`block ${number} of ${chainId} is another one`);
}

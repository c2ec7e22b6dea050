import { setTimeout as sleep } from "node:timers/promises";
import type { FullBlock, TronChain } from "./chain.ts";
import type { TronConfig } from "./config.ts";
import type { Asked } from "./node.ts";
import type { Progress } from "./progress.ts";
import type { TronStore } from "./store.ts";

type Fetched = FullBlock & Pick<Asked<unknown>, "distrust">;

/** Refusals of a block to follow the one before it, after which the chain itself is taken for another one. */
const BROKEN_LINKS = 5;

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
    progress.solidHead = Math.max(progress.solidHead, (await chain.head("solidity")).number);
    progress.heard();
    while (store.cursor.number < progress.solidHead) {
      const next = store.cursor.number + 1;
      for (let number = next; number < next + config.inFlight && number <= progress.solidHead; number++) {
        if (ahead.has(number)) continue;
        const fetching = chain.fullBlock("solidity", number);
        // Whoever awaits it sees the failure; when it is thrown away first, nobody needs to.
        fetching.catch(() => {});
        ahead.set(number, fetching);
      }
      const block = await (ahead.get(next) as Promise<Fetched>);
      ahead.delete(next);
      const { id } = store.cursor;
      if (id !== null && block.parentId !== id) {
        block.distrust();
        ahead.clear();
        if (++brokenLinks < BROKEN_LINKS) continue;
        if ((await chain.block("solidity", store.cursor.number)).value.id !== id) {
          throw new ChainReplaced(`block ${store.cursor.number} of ${store.chainId} is another one`);
        }
        brokenLinks = 0;
        continue;
      }
      brokenLinks = 0;
      await store.commit(block);
      progress.moved(block);
    }
    progress.caughtUp = true;
    await sleep(config.pollingMs, undefined, { signal });
  }
}

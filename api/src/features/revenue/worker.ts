import { setTimeout as sleep } from "node:timers/promises";
import type { Deps } from "../../deps.ts";
import { runDistribution } from "./run.ts";

/**
 * Distributes each month that ended, on every chain, at an interval.
 * @returns stop, which waits for the round that is under way
 */
export function startDistributing(deps: Deps): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const everyMs = deps.config.DISTRIBUTION_SECONDS * 1000;
  const running = (async () => {
    while (everyMs > 0 && !signal.aborted) {
      for (const chain of deps.chains.all) {
        try {
          await runDistribution(deps, chain);
        } catch (error) {
          deps.log.warn(
            { err: error, chain: chain.chain },
            "The pool could not be distributed; trying again.",
          );
        }
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

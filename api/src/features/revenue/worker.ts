import { setTimeout as sleep } from "node:timers/promises";
import type { Deps } from "../../deps.ts";
import { lastDistribution } from "./queries-distribution.ts";
import { poolOf, runDistribution } from "./run.ts";

/** How soon to look again while a root is being posted. */
const SOON_MS = 30_000;

/**
 * Distributes each month that ended, on every chain, at an interval.
 * @returns stop, which waits for the round that is under way
 */
export function startDistributing(deps: Deps): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const everyMs = deps.config.DISTRIBUTION_SECONDS * 1000;
  const soonMs = Math.min(everyMs, SOON_MS);
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
      const soon = await underWay(deps).catch(() => false);
      await sleep(soon ? soonMs : everyMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/** Whether a month is between being computed and being seen on the chain. */
async function underWay(deps: Deps): Promise<boolean> {
  for (const chain of deps.chains.all) {
    const last = await lastDistribution(deps.db, poolOf(chain));
    if (last?.state === "computed" || last?.state === "published") return true;
    if (last?.state === "posted" && !last.activeAt) return true;
  }
  return false;
}

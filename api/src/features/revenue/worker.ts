import { setTimeout as sleep } from "node:timers/promises";
import type { Chain } from "../../chain/chains.ts";
import { untilMirrored } from "../../chain/mirror.ts";
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
  let failing = false;
  const running = (async () => {
    await untilMirrored(deps, signal);
    while (everyMs > 0 && !signal.aborted) {
      const soon = await round(deps).then(
        (underWay) => {
          failing = false;
          return underWay;
        },
        (error: unknown) => {
          // While the mirror, the chain or the database is away every round fails: one line says so.
          if (!failing) deps.log.warn({ err: error }, "The pool could not be distributed; trying again.");
          failing = true;
          return true;
        },
      );
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

/**
 * @returns whether a month is between being computed and being seen on the chain
 * @throws what went wrong on a chain, after all others had their turn
 */
async function round(deps: Deps): Promise<boolean> {
  const chains = await Promise.allSettled(deps.chains.all.map((chain) => roundOf(deps, chain)));
  const failed = chains.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return chains.some((chain) => chain.status === "fulfilled" && chain.value);
}

async function roundOf(deps: Deps, chain: Chain): Promise<boolean> {
  await runDistribution(deps, chain);
  const last = await lastDistribution(deps.db, poolOf(chain));
  if (last?.state === "posted") return last.activeAt === null;
  return last?.state === "computed" || last?.state === "published";
}

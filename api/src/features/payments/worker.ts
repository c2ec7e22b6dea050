import { setTimeout as sleep } from "node:timers/promises";
import { untilMirrored } from "../../chain/mirror.ts";
import type { Deps } from "../../deps.ts";
import { forgetQuotes } from "./cleanup.ts";
import { matchPayments } from "./matching.ts";

const CLEAN_MS = 3_600_000;

/**
 * Matches payments at an interval, so that a quote is settled in the order of the chain even when nobody looks; each hour it
 * forgets old quotes.
 * @returns stop, which waits for the round that is under way
 */
export function startPaymentMatching(deps: Deps, { everyMs = 2_000 } = {}): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failing = false;
  let cleaned = 0;
  const running = (async () => {
    await untilMirrored(deps, signal);
    while (!signal.aborted) {
      try {
        await matchPayments(deps);
        if (Date.now() - cleaned > CLEAN_MS) {
          await forgetQuotes(deps);
          cleaned = Date.now();
        }
        failing = false;
      } catch (error) {
        // While the database or the mirror is away every round fails: one line says so.
        if (!failing) deps.log.warn({ err: error }, "Payments could not be matched; trying again.");
        failing = true;
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

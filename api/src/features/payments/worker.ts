import { setTimeout as sleep } from "node:timers/promises";
import { untilMirrored } from "../../chain/mirror.ts";
import { chainHeads } from "../../chain/schema.ts";
import type { Deps } from "../../deps.ts";
import { forgetQuotes } from "./cleanup.ts";
import { matchPayments } from "./matching.ts";

const CLEAN_MS = 3_600_000;
/** Also when nothing was mined for this long. */
const ANYWAY_MS = 60_000;

/**
 * Matches payments at an interval, so that a quote is settled in the order of the chain even when nobody looks; each hour it
 * forgets old quotes. All that can be matched comes with a block, so while the mirror stands still there is nothing to do.
 * @returns stop, which waits for the round that is under way
 */
export function startPaymentMatching(deps: Deps, { everyMs = 2_000 } = {}): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failing = false;
  let cleaned = 0;
  let matched = 0;
  let seen = "";
  let moved = true;
  const running = (async () => {
    await untilMirrored(deps, signal);
    while (!signal.aborted) {
      try {
        const heads = await headsOf(deps);
        // Once more after each block: its events may come a moment after its height.
        if (heads !== seen || moved || Date.now() - matched > ANYWAY_MS) {
          await matchPayments(deps);
          matched = Date.now();
          moved = heads !== seen;
          seen = heads;
        }
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

/** How far each chain is mirrored, in one text. */
async function headsOf({ db }: Deps): Promise<string> {
  const heads = await db.select().from(chainHeads).orderBy(chainHeads.chainId);
  return heads.map((head) => Object.values(head).join(" ")).join(", ");
}

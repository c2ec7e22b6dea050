import { setTimeout as sleep } from "node:timers/promises";
import { BaseError, TimeoutError } from "viem";
import { AppError } from "../core/errors.ts";
import type { Chain } from "./chains.ts";

/** How long a chain whose node let somebody wait is not asked again, in milliseconds. */
const PAUSE_MS = 10_000;

/** Until when chains that did not answer in time are left alone, by the clock that nobody sets. */
const pauses = new WeakMap<Chain, number>();

/**
 * Asks the chain's node for an answer of the api's. A node that hangs holds nobody up: after `chain.readMs` that is the
 * answer, and for the next seconds it is so at once; then one asks again, and the others do not wait for it.
 * @param options.blame false where the time taken does not tell that the node hangs: it runs code of anybody's, or is asked
 *   several things one after the other. That holds nobody up either, and nobody else has to do without the chain for it
 * @throws AppError `chain_unavailable` (503) when it does not answer, or not in time
 */
export async function readChain<T>(
  chain: Chain,
  ask: () => Promise<T>,
  { blame = true }: { blame?: boolean } = {},
): Promise<T> {
  const until = pauses.get(chain);
  if (until !== undefined) {
    if (performance.now() < until) throw unavailable();
    if (blame) pause(chain);
  }
  const done = new AbortController();
  try {
    const answer = await Promise.race([ask(), tooLong(chain, done.signal)]);
    pauses.delete(chain);
    return answer;
  } catch (error) {
    const slow = error instanceof AppError || isTimeout(error);
    if (!slow) pauses.delete(chain);
    else if (blame) pause(chain);
    throw error instanceof BaseError ? unavailable(error) : error;
  } finally {
    done.abort();
  }
}

const pause = (chain: Chain) => pauses.set(chain, performance.now() + PAUSE_MS);

/** In two halves: while the process itself stands still no answer is read either, and that is not the node's fault. */
async function tooLong({ readMs }: Chain, signal: AbortSignal): Promise<never> {
  for (const half of [readMs / 2, readMs / 2]) {
    await sleep(half, undefined, { signal, ref: false });
  }
  throw unavailable();
}

const isTimeout = (error: unknown) =>
  error instanceof BaseError && error.walk((each) => each instanceof TimeoutError) !== null;

const unavailable = (cause?: unknown) =>
  new AppError("chain_unavailable", 503, "The chain does not answer at the moment.", {
    hint: "Try again in a few seconds.",
    cause,
  });

import { setTimeout as sleep } from "node:timers/promises";

/** A part that was killed is back long before, also on a machine that has other things to do. */
const PATIENCE_MS = 240_000;

/**
 * Asks until the answer is neither null, undefined nor false. What fails meanwhile is asked again: most of what is asked
 * was killed a moment ago.
 * @param left says what is still missing, for the error
 * @throws Error that says what did not happen
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  { ms = PATIENCE_MS, everyMs = 50, left }: { ms?: number; everyMs?: number; left?: () => string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + ms;
  let problem: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false)
        return answer as NonNullable<Exclude<T, false>>;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > deadline) {
      const why = left?.() ?? (problem instanceof Error ? problem.message : "");
      throw new Error(`${what}: not within ${ms / 1000} s. ${why}`, { cause: problem });
    }
    await sleep(everyMs);
  }
}

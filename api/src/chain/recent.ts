import type { Chain } from "./chains.ts";
import { readChain } from "./read.ts";

type Ask<T> = () => Promise<T>;

/** Reads a chain, one question for all who want to know the same within about a block's time; a failure is not remembered. */
export type Recent<T> = (chain: Chain, key: string, ask: Ask<T>, options?: { fresh?: boolean }) => Promise<T>;

/**
 * Keeps answers of chains for as long as a block takes: there is hardly ever a newer one, and questions cost a node's quota.
 * With `fresh` it is asked all the same, and the others are told that answer.
 * @throws AppError `chain_unavailable` (503), from what it gives
 */
export function recentReads<T>(): Recent<T> {
  const chains = new WeakMap<Chain, Map<string, { at: number; answer: Promise<T> }>>();
  return (chain, key, ask, { fresh = false } = {}) => {
    const known = chains.get(chain) ?? new Map();
    chains.set(chain, known);
    const now = performance.now();
    // Kept in the order of their age.
    for (const [old, { at }] of known) {
      if (now - at < chain.paceMs) break;
      known.delete(old);
    }
    const recent = known.get(key);
    if (recent && !fresh) return recent.answer;
    const asked = { at: now, answer: readChain(chain, ask) };
    known.delete(key);
    known.set(key, asked);
    asked.answer.catch(() => {
      if (known.get(key) === asked) known.delete(key);
    });
    return asked.answer;
  };
}

import { type Distribution, distribute } from "../distribution.ts";
import { type DistributionInputs, parseInputs } from "../distributionInputs.ts";
import { InputsError } from "../inputsFields.ts";
import { formatUsdt } from "../usdt.ts";
import type { ChainRecord, PostedRoot } from "./chainRecord.ts";

/** A month of the pool: what it is computed from, and what comes of it. */
export interface Month {
  inputs: DistributionInputs;
  distribution: Distribution;
}

/**
 * Reads and computes a month.
 * @throws {InputsError} when the bytes are not the inputs of a month
 */
export function readMonth(bytes: Uint8Array): Month {
  const inputs = parseInputs(bytes);
  return { inputs, distribution: distribute(inputs) };
}

/** The root of a month that pays, or will when its time comes. */
export const postOf = ({ posts }: Pick<ChainRecord, "posts">, month: number): PostedRoot | undefined =>
  posts.findLast((post) => post.month === month && !post.vetoed);

/**
 * The months before one, the newest first, as far back as they are needed to vouch for what it takes up: to the first
 * whose root the chain has.
 * @param read the published inputs of a month like "2026-11"; null where there are none
 */
export async function readEarlier(
  bytes: Uint8Array,
  record: ChainRecord,
  read: (month: string) => Promise<Uint8Array | null>,
): Promise<Month[]> {
  const earlier: Month[] = [];
  try {
    let before = parseInputs(bytes).previous.month;
    while (before !== null) {
      const published = await read(before);
      if (!published) break;
      const month = readMonth(published);
      // Only what is of another month than it says could lead back here.
      if (month.inputs.month !== before) break;
      earlier.push(month);
      if (postOf(record, month.distribution.month)) break;
      before = month.inputs.previous.month;
    }
  } catch (error) {
    // What is not a month's inputs vouches for nothing; the audit says what is missing.
    if (!(error instanceof InputsError)) throw error;
  }
  return earlier;
}

/** What of the month before a month does not take up as that month left it, in words; nothing when all is so. */
export function takenUpWrongly({ previous }: DistributionInputs, before: Month): string[] {
  const { month } = before.inputs;
  const left = before.distribution;
  const wrong: string[] = [];
  if (previous.root !== left.root)
    wrong.push(`The inputs name ${previous.root} as the root of ${month}; recomputed it is ${left.root}.`);
  if (previous.carry !== left.carry)
    wrong.push(`The inputs carry ${usdt(previous.carry)}; ${month} left ${usdt(left.carry)}.`);
  const named = new Map<string, bigint>(previous.cumulative.map((row) => [row.splitId, row.amount]));
  const owed = new Map<string, bigint>(left.cumulative.map((row) => [row.splitId, row.amount]));
  for (const id of new Set([...named.keys(), ...owed.keys()])) {
    const [here, there] = [named.get(id) ?? 0n, owed.get(id) ?? 0n];
    if (here !== there)
      wrong.push(`Split ${id} stands at ${usdt(here)} in the inputs; ${month} left it at ${usdt(there)}.`);
  }
  return wrong;
}

export const usdt = (micro: bigint): string => `${formatUsdt(micro)} USDT`;

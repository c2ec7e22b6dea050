import type { Mutant } from "./mutants.ts";
import type { Verdict } from "./trial.ts";

export interface Tried {
  mutant: Mutant;
  verdict: { status: Verdict["status"] | "timeout"; by?: string };
  seconds: number;
}

export interface Tally {
  counts: Record<string, number>;
  /** Percent of the mutants that a test could have noticed. */
  score: number;
  secondsPerMutant: number;
  /** What no test noticed and nobody explained. */
  survivors: { id: string; file: string; line: number; operator: string }[];
  verdicts: { id: string; line: number; operator: string; status: string; by?: string; seconds: number }[];
}

/** Counts verdicts; those that survived and are explained are equivalent. */
export function tally(tried: Tried[], known: Set<string>): Tally {
  const verdicts = tried.map(({ mutant: { id, file, line, operator }, verdict, seconds }) => {
    const status = verdict.status === "survived" && known.has(id) ? "explained" : verdict.status;
    return { id, file, line, operator, status, by: verdict.by, seconds };
  });
  const counts: Record<string, number> = {};
  for (const { status } of verdicts) counts[status] = (counts[status] ?? 0) + 1;
  const killed = (counts.killed ?? 0) + (counts.timeout ?? 0);
  const noticeable = killed + (counts.survived ?? 0);
  return {
    counts,
    score: noticeable === 0 ? 100 : (100 * killed) / noticeable,
    secondsPerMutant: tried.reduce((sum, { seconds }) => sum + seconds, 0) / Math.max(1, tried.length),
    survivors: verdicts
      .filter(({ status }) => status === "survived")
      .map(({ id, file, line, operator }) => ({ id, file, line, operator })),
    verdicts,
  };
}

/** The ids in `survivors.md`: one a line, "- `id`: why no test can notice it". */
export function explained(markdown: string): Set<string> {
  return new Set([...markdown.matchAll(/^- `([^`]+)`: \S/gm)].map(([, id = ""]) => id));
}

/** `count` of the items, drawn by the seed, in their order. */
export function sampled<Item>(items: Item[], count: number, seed: number): Item[] {
  const random = mulberry32(seed);
  const drawn = items.map((item, at) => ({ item, at, by: random() })).sort((a, b) => a.by - b.by);
  return drawn
    .slice(0, count)
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** A small generator of numbers in [0, 1) that a seed repeats. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

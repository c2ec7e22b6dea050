import { describe, MinerError } from "../errors.ts";

/** What was found of one thing that a node needs. */
export interface Finding {
  name: string;
  /** A warning does not keep the node from working. */
  state: "ok" | "warning" | "problem";
  detail: string;
  /** What to do about it, in one sentence. */
  fix: string | null;
}

export type Outcome = Omit<Finding, "name">;

export interface Check {
  name: string;
  look: () => Promise<Outcome>;
}

export const fine = (detail: string): Outcome => ({ state: "ok", detail, fix: null });
export const warning = (detail: string, fix: string): Outcome => ({ state: "warning", detail, fix });
export const problem = (detail: string, fix: string): Outcome => ({ state: "problem", detail, fix });

/** A check that turns what it throws into a problem, with the error's own hint or else `fix`. */
export function check(name: string, fix: string, look: () => Promise<Outcome>): Check {
  return {
    name,
    look: () =>
      look().catch((error) =>
        problem(describe(error), error instanceof MinerError && error.hint ? error.hint : fix),
      ),
  };
}

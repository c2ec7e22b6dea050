/** A process that tries mutants one after the other; started by `mutate.ts`, which ends it if one never comes back. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { COMPILER } from "../compiler.ts";
import { applied, type Mutant } from "./mutants.ts";
import { bytecodeOf, sourcesOf, Workshop } from "./workshop.ts";

/** What a trial is started with, as one JSON argument. */
export interface TrialOptions {
  root: string;
  folder: string;
  /** Runs of each fuzz test. */
  runs: number;
  /** Whether what survives is tried against the invariants too. */
  invariants: boolean;
}

export interface Verdict {
  /** Killed: a test failed. Invalid: it does not compile. Equivalent: it is released as the same bytecode. */
  status: "killed" | "survived" | "invalid" | "equivalent";
  /** The first test that failed. */
  by?: string;
}

export type Message = { ready: { passed: number; failed: string[]; viaIR: boolean } } | { verdict: Verdict };

const INVARIANTS = "Invariants.t.sol";
/** Says how much the invariants reach: it needs more gas than a mutant may take, and notices nothing that they do not. */
const REACH = "InvariantsReach.t.sol";
/** Measures; fails for nothing but gas. */
const GAS = "Gas.t.sol";

const options: TrialOptions = JSON.parse(process.argv[2] ?? "{}");
const { root, folder, runs, invariants } = options;
const sources = sourcesOf(root);
const workshop = await Workshop.open(root, folder, runs);
const tests = readdirSync(join(root, "contracts/test")).filter((file) => file.endsWith(".t.sol"));
const units = tests.filter((file) => ![INVARIANTS, REACH, GAS].includes(file));
let released: string | undefined;

/** The tests named after the mutated file come first: most mutants end there. */
function roundsFor(file: string): string[][] {
  const isOwn = (unit: string) => unit.startsWith(file.replace(/\.sol$/, ""));
  return [units.filter(isOwn), units.filter((unit) => !isOwn(unit)), invariants ? [INVARIANTS] : []];
}

async function attempt(mutant: Mutant): Promise<Verdict> {
  const changed = { [mutant.file]: applied(mutant, sources[mutant.file]?.content ?? "") };
  const bytecode = bytecodeOf(root, workshop.settings, changed);
  if (bytecode === undefined) return { status: "invalid" };
  workshop.install(bytecode);
  for (const round of roundsFor(mutant.file)) {
    const [by] = (await workshop.test(round)).failed;
    if (by !== undefined) return { status: "killed", by };
  }
  released ??= bytecodeOf(root, COMPILER.settings);
  const same = bytecodeOf(root, COMPILER.settings, changed) === released;
  return { status: same ? "equivalent" : "survived" };
}

function say(message: Message): void {
  process.send?.(message);
}

const { passed, failed } = await workshop.test(invariants ? [...units, INVARIANTS] : units);
say({ ready: { passed, failed, viaIR: workshop.settings.viaIR } });
process.on("message", (mutant: Mutant) => {
  attempt(mutant).then(
    (verdict) => say({ verdict }),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});

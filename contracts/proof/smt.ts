/**
 * `npm run prove -w contracts`: proves the claims of `SplitArithmetic.sol` about the library that is deployed,
 * with the compiler's SMTChecker. The solver (Z3) is inside the `solc` package.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import solc from "solc";
import { COMPILER } from "../compiler.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const CLAIMS = "proof/SplitArithmetic.sol";
/** "The BMC engine is deprecated": said once per contract, about no claim. */
const DEPRECATED = "3993";
const SAFE = /check is safe!/;

interface Diagnostic {
  severity: "error" | "warning" | "info";
  errorCode?: string;
  formattedMessage: string;
  sourceLocation?: { file: string; start: number };
}

export interface Proof {
  /** Names of the claims (functions) of which every check was proved. */
  proved: string[];
  /** What was refuted or not proved, in the compiler's words, a counterexample included. Empty: all is proved. */
  failures: string[];
}

/** Reads a source under `contracts`, of the name that imports resolve to. */
const read = (path: string) => readFileSync(ROOT + path, "utf8");

function check(sources: Record<string, string>): Diagnostic[] {
  const input = {
    language: "Solidity",
    sources: { [CLAIMS]: { content: sources[CLAIMS] ?? read(CLAIMS) } },
    settings: {
      evmVersion: COMPILER.settings.evmVersion,
      modelChecker: {
        // Bounded checking is complete here: the claims have no loop and no state. The other engine (CHC) does not get
        // through products of two unknowns.
        engine: "bmc",
        solvers: ["z3"],
        targets: ["assert", "overflow", "underflow", "divByZero"],
        contracts: { [CLAIMS]: ["SplitArithmetic"] },
        showProvedSafe: true,
        showUnproved: true,
        showUnsupported: true,
      },
    },
  };
  const found = (path: string) => ({ contents: sources[path] ?? read(path) });
  const output: { errors?: Diagnostic[] } = JSON.parse(solc.compile(JSON.stringify(input), { import: found }));
  return (output.errors ?? []).filter(({ errorCode }) => errorCode !== DEPRECATED);
}

/** The functions of the claims that are called from outside, with where each begins and its assertions. */
function claimsOf(source: string) {
  const starts = [...source.matchAll(/function (\w+)\([^)]*\) external pure/g)];
  return starts.map((match, i) => {
    const [start, end] = [match.index, starts[i + 1]?.index ?? source.length];
    const asserts = [...source.slice(start, end).matchAll(/\bassert\(/g)].map(({ index }) => start + index);
    return { name: match[1] ?? "", asserts };
  });
}

/**
 * Proves every claim, and that none is true only because nothing satisfies what it requires.
 * @param sources contents to take instead of files, by path under `contracts`.
 */
export function prove(sources: Record<string, string> = {}): Proof {
  const source = sources[CLAIMS] ?? read(CLAIMS);
  const claims = claimsOf(source);
  const diagnostics = check(sources);
  const failures = diagnostics
    .filter(({ formattedMessage }) => !SAFE.test(formattedMessage))
    .map(({ formattedMessage }) => formattedMessage.trim());

  // A claim whose requirements contradict each other would let `assert(false)` pass.
  const impossible = check({ ...sources, [CLAIMS]: source.replace(/\bassert\(/g, "assert(false && ") });
  const startsOf = (found: Diagnostic[], safe: boolean) =>
    found
      .filter(({ formattedMessage }) => SAFE.test(formattedMessage) === safe)
      .map(({ sourceLocation }) => sourceLocation)
      .filter((location) => location?.file === CLAIMS)
      .map((location) => location?.start);
  const [safe, reached] = [startsOf(diagnostics, true), claimsReached(impossible)];

  const proved: string[] = [];
  for (const { name, asserts } of claims) {
    if (asserts.length !== 1) failures.push(`${name}: a claim is one assertion, not ${asserts.length}`);
    else if (!reached.has(name)) failures.push(`${name}: no values satisfy what it requires`);
    else if (!safe.includes(asserts[0])) failures.push(`${name}: not proved`);
    else proved.push(name);
  }
  return { proved, failures };
}

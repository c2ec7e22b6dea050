import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import solc from "solc";
import { COMPILER } from "../compiler.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Where the claims are, by path under `contracts`. */
export const CLAIMS = "proof/SplitArithmetic.sol";

/** "The BMC engine is deprecated": said once per contract, about no claim. The compiler is pinned exactly. */
const DEPRECATED = "3993";

interface Diagnostic {
  errorCode?: string;
  formattedMessage: string;
  sourceLocation?: { file: string; start: number };
}

export interface Proof {
  /** Names of the claims (functions) that hold for every value. */
  proved: string[];
  /** What was refuted or not proved, in the compiler's words, with a counterexample. Empty: all is proved. */
  failures: string[];
}

/**
 * Proves the claims about the library that is deployed, with the compiler's SMTChecker and the solver (Z3) inside the
 * `solc` package; and that no claim is true only because nothing satisfies what it requires.
 * @param changed contents to take instead of files, by path under `contracts`.
 */
export function prove(changed: Record<string, string> = {}): Proof {
  const read = (path: string) => changed[path] ?? readFileSync(ROOT + path, "utf8");
  const source = read(CLAIMS);
  const found = check(source, read);
  const failures = found.filter((one) => !isSafe(one)).map((one) => one.formattedMessage.trim());
  const safe = startsOf(found.filter(isSafe));

  // Were the requirements of a claim contradictory, even this would be proved.
  const denied = source.replaceAll("assert(", "assert(false && ");
  const refuted = startsOf(check(denied, read).filter((one) => !isSafe(one)));

  const proved: string[] = [];
  const deniedClaims = claimsOf(denied);
  for (const [i, { name, asserts }] of claimsOf(source).entries()) {
    const [assertion, ...others] = asserts;
    if (assertion === undefined || others.length > 0) failures.push(`${name}: a claim is one assertion`);
    else if (!safe.has(assertion)) failures.push(`${name}: not proved`);
    else if (!refuted.has(deniedClaims[i]?.asserts[0] ?? -1)) failures.push(`${name}: nothing satisfies it`);
    else proved.push(name);
  }
  return { proved, failures };
}

function check(source: string, read: (path: string) => string): Diagnostic[] {
  const input = {
    language: "Solidity",
    sources: { [CLAIMS]: { content: source } },
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
  const imports = { import: (path: string) => ({ contents: read(path) }) };
  const output: { errors?: Diagnostic[] } = JSON.parse(solc.compile(JSON.stringify(input), imports));
  return (output.errors ?? []).filter(({ errorCode }) => errorCode !== DEPRECATED);
}

function isSafe({ formattedMessage }: Diagnostic): boolean {
  return formattedMessage.includes("check is safe!");
}

function startsOf(diagnostics: Diagnostic[]): Set<number> {
  const places = diagnostics.map(({ sourceLocation }) => sourceLocation);
  return new Set(places.flatMap((place) => (place?.file === CLAIMS ? [place.start] : [])));
}

/** The claims in a source: its functions called from outside, and where their assertions begin. */
function claimsOf(source: string): { name: string; asserts: number[] }[] {
  const functions = [...source.matchAll(/function (\w+)\([^)]*\) external pure/g)];
  return functions.map(({ 1: name = "", index: start }, i) => {
    const body = source.slice(start, functions[i + 1]?.index);
    return { name, asserts: [...body.matchAll(/\bassert\(/g)].map(({ index }) => start + index) };
  });
}

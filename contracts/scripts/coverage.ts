import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BRANCHES_FILE, BRANCHES_SOURCE, type Branch, countBranches, tagOf } from "./branches.ts";

/**
 * `npm run coverage -w contracts`: how much of `contracts/solidity` (without `dev`) the tests with trees reach. Lines are
 * Hardhat's: one counts when every statement on it ran. A branch is one outcome of one condition, see `branches.ts`.
 * Measured on a copy, so that nobody finds instrumented artifacts.
 */
const LEAST = { lines: 100, branches: 98 };
/** Gas, random numbers and calls reach no more, and take their time. */
const LEFT_OUT = /^(Gas|Fuzz|Invariants)/;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COPY = join(ROOT, ".cache/coverage");

const branches: Branch[] = [];
const sources = readdirSync(join(ROOT, "contracts/solidity")).filter((name) => name.endsWith(".sol"));
copy();
const hardhat = createRequire(import.meta.url)
  .resolve("hardhat/package.json")
  .replace("package.json", "dist/src/cli.js");
const run = spawnSync(process.execPath, [hardhat, "test", "solidity", "--coverage"], {
  cwd: COPY,
  encoding: "utf8",
  maxBuffer: 2 ** 26,
});
if (run.status !== 0) {
  console.error(run.stdout.slice(-8000), run.stderr.slice(-8000));
  process.exit(1);
}
process.exitCode = report() ? 0 : 1;

/** The project as it is, with every condition counted, and the tests that are measured with all that they import. */
function copy(): void {
  rmSync(COPY, { recursive: true, force: true });
  mkdirSync(join(COPY, "contracts/test"), { recursive: true });
  for (const file of [
    "package.json",
    "hardhat.config.ts",
    "contracts/compiler.ts",
    "contracts/src/permit2Bytecode.ts",
    "contracts/solidity",
  ]) {
    cpSync(join(ROOT, file), join(COPY, file), { recursive: true });
  }
  const solidity = join(COPY, "contracts/solidity");
  for (const file of sources) {
    writeFileSync(
      join(solidity, file),
      countBranches(file, readFileSync(join(solidity, file), "utf8"), branches),
    );
  }
  writeFileSync(join(solidity, BRANCHES_FILE), BRANCHES_SOURCE);

  const tests = readdirSync(join(ROOT, "contracts/test"));
  const waiting = tests.filter((name) => name.endsWith(".t.sol") && !LEFT_OUT.test(name));
  const copied = new Set<string>();
  for (let file = waiting.pop(); file; file = waiting.pop()) {
    if (copied.has(file)) continue;
    copied.add(file);
    const source = readFileSync(join(ROOT, "contracts/test", file), "utf8");
    writeFileSync(join(COPY, "contracts/test", file), source);
    for (const [, imported] of source.matchAll(/from "\.\/(\w+\.sol)"/g))
      if (imported) waiting.push(imported);
  }
}

/** Prints the table and says whether it is enough. */
function report(): boolean {
  const lines = linesByFile();
  const hits = tagsHit();
  const total = { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 };
  const missing: string[] = [];
  const percent = (part: number, whole: number) => (whole === 0 ? 100 : (100 * part) / whole);
  const cell = (part: number, whole: number) =>
    `${percent(part, whole).toFixed(1)} % (${part}/${whole})`.padStart(18);
  console.log(`${"file".padEnd(18)}${"lines".padStart(18)}${"branches".padStart(18)}`);
  for (const file of sources) {
    const own = lines.get(file) ?? new Map<number, boolean>();
    const outcomes = branches.flatMap((branch, number) =>
      branch.file === file
        ? [true, false].map((taken) => ({ branch, taken, hit: hits.has(tagOf(number, taken)) }))
        : [],
    );
    if (own.size + outcomes.length === 0) continue;
    const linesHit = [...own.values()].filter(Boolean).length;
    const branchesHit = outcomes.filter(({ hit }) => hit).length;
    console.log(`${file.padEnd(18)}${cell(linesHit, own.size)}${cell(branchesHit, outcomes.length)}`);
    for (const [line, hit] of own) if (!hit) missing.push(`${file}:${line} did not run`);
    for (const { branch, taken, hit } of outcomes) {
      if (!hit) missing.push(`${file}:${branch.line} ${branch.text} was never ${taken}`);
    }
    total.lines += own.size;
    total.linesHit += linesHit;
    total.branches += outcomes.length;
    total.branchesHit += branchesHit;
  }
  console.log(
    `${"all".padEnd(18)}${cell(total.linesHit, total.lines)}${cell(total.branchesHit, total.branches)}\n${missing.join("\n")}`,
  );
  const enough =
    total.lines > 0 &&
    total.branches > 0 &&
    percent(total.linesHit, total.lines) >= LEAST.lines &&
    percent(total.branchesHit, total.branches) >= LEAST.branches;
  if (!enough)
    console.log(`At least ${LEAST.lines} % of lines and ${LEAST.branches} % of branches must be reached.`);
  return enough;
}

/** Which lines with code ran, from Hardhat's lcov report. */
function linesByFile(): Map<string, Map<number, boolean>> {
  const files = new Map<string, Map<number, boolean>>();
  for (const record of readFileSync(join(COPY, "coverage/lcov.info"), "utf8").split("end_of_record")) {
    const file = /^SF:contracts\/solidity\/(\w+\.sol)$/m.exec(record)?.[1];
    if (!file) continue;
    const lines = [...record.matchAll(/^DA:(\d+),(\d+)$/gm)];
    files.set(file, new Map(lines.map(([, line, count]) => [Number(line), Number(count) > 0])));
  }
  return files;
}

/** Everything that was hit, by Hardhat's tags. */
function tagsHit(): Set<string> {
  const folder = join(COPY, "coverage/data/solidity");
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  return new Set(files.flatMap((text) => Object.keys(JSON.parse(text))));
}

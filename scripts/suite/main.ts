import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { findBrowser } from "../journey/browser.ts";
import { ROOT } from "../supervisor/config.ts";
import { runChecks } from "./checks.ts";
import {
  add,
  type Counts,
  countVitest,
  type Failure,
  failuresOf,
  NOTHING,
  secondTries,
  type VitestReport,
  withExitCode,
  withSecondTry,
} from "./counts.ts";
import { runShown } from "./run.ts";

const REPORTS = join(ROOT, ".cache/reports");
const CRASHED: Counts = { passed: 0, failed: 1, skipped: 0 };

const PARTS: Record<string, { title: string; run: () => Promise<Counts> }> = {
  checks: { title: "Types, lint and format", run: runChecks },
  solidity: { title: "Solidity tests", run: runSolidity },
  vitest: { title: "Unit and integration tests", run: () => runVitest("vitest", []) },
  faults: {
    title: "Kills in the middle of jobs",
    run: () => runVitest("faults", ["--config", "scripts/faults/vitest.config.ts"]),
  },
  journey: { title: "Journey in the browser", run: runJourney },
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in PARTS));
if (unknown) {
  console.error(`There is no part "${unknown}"; there are ${Object.keys(PARTS).join(", ")}.`);
  process.exit(1);
}
await mkdir(REPORTS, { recursive: true });
let total = NOTHING;
const failures: Failure[] = [];
/** What failed, and passed when it was run again. */
const unsteady: Failure[] = [];
for (const [name, { title, run }] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n── ${title}`);
  const started = Date.now();
  const counts = await run();
  total = add(total, counts);
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(
    `── ${title}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`,
  );
}
for (const { test, why } of unsteady) console.log(`↻ passed only when run again: ${test}: ${why}`);
for (const { test, why } of failures) console.log(`✖ ${test}: ${why}`);
if (total.skipped > 0) console.log(`\n${total.skipped} skipped (see above)`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

async function runSolidity(): Promise<Counts> {
  const report = join(REPORTS, "solidity.json");
  await rm(report, { force: true });
  const code = await runShown({ command: process.execPath, args: ["scripts/suite/solidity.ts", report] });
  return withExitCode((await readReport<Counts>(report)) ?? CRASHED, code);
}

/**
 * Runs vitest. A few files that fail are run once more, alone: on a busy machine a test may wait too short. That is
 * said at the end, with the reason of the first failure, and counts as passed only when all of the file passes then.
 */
async function runVitest(name: string, args: string[], env?: NodeJS.ProcessEnv): Promise<Counts> {
  const first = await vitest(name, args, env);
  if (!first.report) return CRASHED;
  const again = secondTries(first.report);
  if (again.length === 0) {
    failures.push(...failuresOf(first.report, ROOT));
    return withExitCode(countVitest(first.report), first.code);
  }
  console.log(`\n── Once more: ${again.length} of the files, alone`);
  const second = await vitest(`${name}-again`, [...args, ...again], env);
  if (!second.report) return CRASHED;
  const report = withSecondTry(first.report, second.report);
  const failed = failuresOf(report, ROOT);
  failures.push(...failed);
  const still = new Set(failed.map(({ test }) => test));
  unsteady.push(...failuresOf(first.report, ROOT).filter(({ test }) => !still.has(test)));
  return withExitCode(countVitest(report), second.code);
}

async function vitest(
  name: string,
  args: string[],
  env?: NodeJS.ProcessEnv,
): Promise<{ report: VitestReport | null; code: number }> {
  const file = join(REPORTS, `${name}.json`);
  await rm(file, { force: true });
  const code = await runShown({
    command: process.execPath,
    args: [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      ...args,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ],
    env: { ...process.env, ...env },
  });
  return { report: await readReport<VitestReport>(file), code };
}

async function runJourney(): Promise<Counts> {
  const browser = await findBrowser((line) => console.log(line));
  if (browser.path === null) {
    if (process.env.CI === "true") {
      console.log(`✖ ${browser.reason}`);
      return CRASHED;
    }
    console.log(`SKIPPED: ${browser.reason}`);
    return { ...NOTHING, skipped: 1 };
  }
  console.log(`Browser: ${browser.path}`);
  return runVitest("journey", ["--config", "scripts/journey/vitest.config.ts"], {
    BROWSER_PATH: browser.path,
  });
}

/** @returns null when there is none: the runner crashed */
async function readReport<T>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    console.log("✖ The runner left no report: it crashed.");
    return null;
  }
}

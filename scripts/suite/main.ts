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
import { beside, type Write } from "./lanes.ts";
import { runShown } from "./run.ts";
import { UNHANDLED_FILE } from "./unhandled.ts";

const REPORTS = join(ROOT, ".cache/reports");
const CRASHED: Counts = { passed: 0, failed: 1, skipped: 0 };

interface Outcome {
  counts: Counts;
  /** Runs once more, alone, what failed; present when that is worth it. @returns the counts of both runs together */
  again?: () => Promise<Counts>;
}

interface Part {
  /** What it is asked for by: `npm test -- vitest`. */
  name: string;
  title: string;
  /** Is given where to write when it must not write to the terminal itself. */
  run: (write?: Write) => Promise<Outcome>;
}

/** These keep every core busy, so each has them to itself. */
const ALONE: Part[] = [
  { name: "checks", title: "Types, lint and format", run: async () => ({ counts: await runChecks() }) },
  { name: "solidity", title: "Solidity tests", run: async () => ({ counts: await runSolidity() }) },
];
/** These mostly wait (for a block, a poll, a page), so one of each lane runs at a time. The lanes take about as long. */
const LANES: Part[][] = [
  [
    {
      name: "vitest",
      title: "Unit and integration tests: the API",
      run: (write) => runVitest("vitest-api", ["--project=api"], write),
    },
  ],
  [
    {
      name: "vitest",
      title: "Unit and integration tests: all others",
      run: (write) => runVitest("vitest-others", ["--project=!api"], write),
    },
    {
      name: "faults",
      title: "Kills in the middle of jobs",
      run: (write) => runVitest("faults", ["--config", "scripts/faults/vitest.config.ts"], write),
    },
    { name: "journey", title: "Journey in the browser", run: runJourney },
  ],
];

const asked = process.argv.slice(2);
const names = [...new Set([...ALONE, ...LANES.flat()].map(({ name }) => name))];
const unknown = asked.find((name) => !names.includes(name));
if (unknown) {
  console.error(`There is no part "${unknown}"; there are ${names.join(", ")}.`);
  process.exit(1);
}
await mkdir(REPORTS, { recursive: true });
const failures: Failure[] = [];
/** What failed, and passed when it was run again. */
const unsteady: Failure[] = [];
const outcomes: Outcome[] = [];

const wanted = (parts: Part[]) => parts.filter(({ name }) => asked.length === 0 || asked.includes(name));
for (const part of wanted(ALONE)) await runPart(part);
const lanes = LANES.map(wanted).filter((parts) => parts.length > 0);
if (lanes.length > 1)
  console.log("\nWhat follows runs side by side; all but the first is shown when it has ended.");
await Promise.all(
  lanes.map(async (parts, lane) => {
    for (const part of parts) await (lanes.length === 1 ? runPart(part) : runBeside(part, lane > 0));
  }),
);
let total = NOTHING;
for (const { counts, again } of outcomes) total = add(total, again ? await again() : counts);
for (const { test, why } of unsteady) console.log(`↻ passed only when run again: ${test}: ${why}`);
for (const { test, why } of failures) console.log(`✖ ${test}: ${why}`);
if (total.skipped > 0) console.log(`\n${total.skipped} skipped (see above)`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

async function runPart({ title, run }: Part, write?: Write): Promise<void> {
  const say = write ?? toTerminal;
  say(`\n── ${title}\n`);
  const started = Date.now();
  const outcome = await run(write).catch((error: unknown): Outcome => {
    say(`✖ ${title} could not be run: ${error instanceof Error ? error.message : error}\n`);
    return { counts: CRASHED };
  });
  outcomes.push(outcome);
  const { passed, failed, skipped } = outcome.counts;
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  say(`── ${title}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)\n`);
}

/** Runs a part while others run. @param held shows its output when it has ended, whole; else line by line */
function runBeside(part: Part, held: boolean): Promise<void> {
  return beside(part.title, toTerminal, held, (write) => runPart(part, write));
}

function toTerminal(text: string): void {
  process.stdout.write(text);
}

async function runSolidity(): Promise<Counts> {
  const report = join(REPORTS, "solidity.json");
  await rm(report, { force: true });
  const code = await runShown({ command: process.execPath, args: ["scripts/suite/solidity.ts", report] });
  return withExitCode((await readReport<Counts>(report)) ?? CRASHED, code);
}

/**
 * Runs vitest. A few files that fail are worth a second run, alone: on a busy machine a test may wait too short. That is
 * said at the end, with the reason of the first failure, and counts as passed only when all of the file passes then.
 */
async function runVitest(
  name: string,
  args: string[],
  write?: Write,
  env?: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const { report, code } = await vitest(name, args, write, env);
  if (!report) return { counts: CRASHED };
  const counts = withExitCode(countVitest(report), code);
  const files = secondTries(report);
  if (files.length > 0) return { counts, again: () => runAgain(name, args, env, report, files) };
  failures.push(...failuresOf(report, ROOT));
  return { counts };
}

async function runAgain(
  name: string,
  args: string[],
  env: NodeJS.ProcessEnv | undefined,
  first: VitestReport,
  files: string[],
): Promise<Counts> {
  console.log(`\n── Once more: ${files.length} of the files of ${name}, alone`);
  const second = await vitest(`${name}-again`, [...args, ...files], undefined, env);
  if (!second.report) {
    failures.push(...failuresOf(first, ROOT));
    return CRASHED;
  }
  const report = withSecondTry(first, second.report);
  const failed = failuresOf(report, ROOT);
  failures.push(...failed);
  const still = new Set(failed.map(({ test }) => test));
  unsteady.push(...failuresOf(first, ROOT).filter(({ test }) => !still.has(test)));
  return withExitCode(countVitest(report), second.code);
}

async function vitest(
  name: string,
  args: string[],
  write: Write | undefined,
  env?: NodeJS.ProcessEnv,
): Promise<{ report: VitestReport | null; code: number }> {
  const file = join(REPORTS, `${name}.json`);
  const unhandledFile = join(REPORTS, `${name}.unhandled.json`);
  await Promise.all([file, unhandledFile].map((each) => rm(each, { force: true })));
  const command = {
    command: process.execPath,
    args: [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      ...args,
      "--reporter=default",
      "--reporter=json",
      `--reporter=${join(ROOT, "scripts/suite/unhandled.ts")}`,
      `--outputFile.json=${file}`,
    ],
    env: { ...process.env, ...env, [UNHANDLED_FILE]: unhandledFile },
  };
  const code = await runShown(command, write);
  const report = await readReport<VitestReport>(file, write);
  const unhandled = report && (await readReport<string[]>(unhandledFile, write));
  return { report: unhandled && { ...report, unhandled }, code };
}

async function runJourney(write?: Write): Promise<Outcome> {
  const say = write ?? toTerminal;
  const browser = await findBrowser((line) => say(`${line}\n`));
  if (browser.path === null) {
    if (process.env.CI === "true") {
      say(`✖ ${browser.reason}\n`);
      return { counts: CRASHED };
    }
    say(`SKIPPED: ${browser.reason}\n`);
    return { counts: { ...NOTHING, skipped: 1 } };
  }
  say(`Browser: ${browser.path}\n`);
  return runVitest("journey", ["--config", "scripts/journey/vitest.config.ts"], write, {
    BROWSER_PATH: browser.path,
  });
}

/** @returns null when there is none: the runner crashed */
async function readReport<T>(file: string, write: Write = toTerminal): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    write("✖ The runner left no report: it crashed.\n");
    return null;
  }
}

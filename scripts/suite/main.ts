import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { findBrowser } from "../journey/browser.ts";
import { ROOT } from "../supervisor/config.ts";
import { runChecks } from "./checks.ts";
import { add, type Counts, countVitest, failuresOf, NOTHING, withExitCode } from "./counts.ts";
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
const failures: string[] = [];
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
for (const failure of failures) console.log(`✖ ${failure}`);
if (total.skipped > 0) console.log(`\n${total.skipped} skipped (see above)`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

async function runSolidity(): Promise<Counts> {
  const report = join(REPORTS, "solidity.json");
  await rm(report, { force: true });
  const code = await runShown({ command: process.execPath, args: ["scripts/suite/solidity.ts", report] });
  return withExitCode(await readReport(report, (counts: Counts) => counts), code);
}

async function runVitest(name: string, args: string[], env?: NodeJS.ProcessEnv): Promise<Counts> {
  const report = join(REPORTS, `${name}.json`);
  await rm(report, { force: true });
  const code = await runShown({
    command: process.execPath,
    args: [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      ...args,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    env: { ...process.env, ...env },
  });
  const read = (found: Parameters<typeof countVitest>[0]) => {
    failures.push(...failuresOf(found, ROOT));
    return countVitest(found);
  };
  return withExitCode(await readReport(report, read), code);
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

/** A runner that left no report crashed. */
async function readReport<T>(file: string, count: (report: T) => Counts): Promise<Counts> {
  try {
    return count(JSON.parse(await readFile(file, "utf8")));
  } catch {
    console.log("✖ The runner left no report: it crashed.");
    return CRASHED;
  }
}

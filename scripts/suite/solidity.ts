import { writeFile } from "node:fs/promises";
import hre from "hardhat";

/** Runs the Solidity tests by Hardhat's own interface, which gives the numbers that its text only shows. */
const report = process.argv[2];
if (!report) throw new Error("Usage: node scripts/suite/solidity.ts <report.json>");

interface Outcome {
  suiteResults: { testResults: { status: "Success" | "Failure" | "Skipped" }[] }[];
}
const result: { success: boolean; value?: Outcome; error?: Outcome } = await hre.tasks
  .getTask(["test", "solidity"])
  .run({});
const suites = (result.success ? result.value : result.error)?.suiteResults ?? [];
const tests = suites.flatMap(({ testResults }) => testResults);
const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
await writeFile(
  report,
  JSON.stringify({ passed: count("Success"), failed: count("Failure"), skipped: count("Skipped") }),
);
process.exit(result.success ? 0 : 1);

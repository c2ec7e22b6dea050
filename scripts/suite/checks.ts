import { join } from "node:path";
import { ROOT } from "../supervisor/config.ts";
import { type Counts, NOTHING } from "./counts.ts";
import { type Command, runQuiet } from "./run.ts";

const bin = (name: string) => join(ROOT, "node_modules/.bin", name);
const web = join(ROOT, "web");

/** Each static check counts as one test. */
const CHECKS: [title: string, command: Command][] = [
  ...["contracts", "indexer", "api", "miner"].map((workspace): [string, Command] => [
    `types of ${workspace}`,
    { command: bin("tsc"), args: ["--noEmit", "-p", workspace] },
  ]),
  ["types of scripts", { command: bin("tsc"), args: ["--noEmit", "-p", "tsconfig.json"] }],
  ["types of web", { command: "npm", args: ["run", "--silent", "check", "-w", "web"] }],
  ["lint and format of TypeScript", { command: bin("biome"), args: ["ci", "."] }],
  ["format of Svelte", { command: "npm", args: ["run", "--silent", "format:check"], cwd: web }],
  ["lint and format of Solidity", { command: "npm", args: ["run", "--silent", "lint", "-w", "contracts"] }],
  ["gas of each operation", { command: "npm", args: ["run", "--silent", "gas:check", "-w", "contracts"] }],
];

const AT_A_TIME = 2;

/** Runs the type-checks and linters, showing the output of those that fail. */
export async function runChecks(): Promise<Counts> {
  const counts = { ...NOTHING };
  const waiting = [...CHECKS];
  const worker = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      const [title, command] = check;
      const started = Date.now();
      const { code, output } = await runQuiet(command);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? "✔" : "✖"} ${title} (${seconds} s)`);
      if (code === 0) counts.passed++;
      else {
        counts.failed++;
        console.log(output.trimEnd());
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return counts;
}

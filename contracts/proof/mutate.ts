/**
 * `npm run mutate -w contracts -- [options] [File.sol ...]`: makes small mistakes in the contract, one at a time, and
 * counts those that the tests notice. Fails if they notice fewer than 90 %, or if the tests fail without a mistake.
 *
 *   --sample N        of all mutants, as many, drawn by --seed
 *   --seed S          of the draw; 1
 *   --shard I/N       the I-th of N equal parts
 *   --jobs N          processes; 1
 *   --runs N          of each fuzz test; 64
 *   --only TEXT       mutants whose id contains it
 *   --invariants      try what survives against the invariants as well (minutes each)
 *   --report FILE     all verdicts as JSON; contracts/cache/mutants.json
 *   --root FOLDER     another checkout to take contracts and tests from
 *   --list            only say which mutants there are
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { explained, sampled, type Tried, tally } from "./tally.ts";
import { tryAll } from "./tryAll.ts";
import { sourcesOf } from "./workshop.ts";

/** Every file that moves money. */
const MONEY = [
  "Ledger.sol",
  "Splits.sol",
  "Shares.sol",
  "Models.sol",
  "Services.sol",
  "Sales.sol",
  "Plans.sol",
  "CreatorPool.sol",
  "Usage.sol",
  "Jobs.sol",
  "Checkout.sol",
  "Roles.sol",
];
const AT_LEAST = 90;

const HERE = fileURLToPath(new URL("../../", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    shard: { type: "string", default: "1/1" },
    jobs: { type: "string", default: "1" },
    runs: { type: "string", default: "64" },
    only: { type: "string", default: "" },
    invariants: { type: "boolean", default: false },
    report: { type: "string", default: join(HERE, "contracts/cache/mutants.json") },
    root: { type: "string", default: HERE },
    list: { type: "boolean", default: false },
  },
});

function select(all: Mutant[]): Mutant[] {
  const [part = 1, parts = 1] = values.shard.split("/").map(Number);
  const wanted = all.filter(({ id }) => id.includes(values.only));
  const drawn = values.sample ? sampled(wanted, Number(values.sample), Number(values.seed)) : wanted;
  return drawn.filter((_, i) => i % parts === part - 1);
}

function print({ mutant, verdict, seconds }: Tried, done: number, of: number): void {
  const by = verdict.by ? ` by ${verdict.by}` : "";
  console.log(`${done}/${of} ${verdict.status.padEnd(10)} ${seconds.toFixed(1)}s  ${mutant.id}${by}`);
}

const root = resolve(values.root);
const sources = sourcesOf(root);
const files = positionals.length > 0 ? positionals : MONEY.filter((file) => sources[file]);
const all = mutantsOf(sources, files);
const mutants = select(all);
console.log(`${mutants.length} of ${all.length} mutants of ${files.join(", ")}`);

if (values.list) {
  for (const { id, line, operator } of mutants) console.log(`${line}\t${operator}\t${id}`);
} else {
  const reasons = join(HERE, "contracts/proof/survivors.md");
  const known = explained(existsSync(reasons) ? readFileSync(reasons, "utf8") : "");
  const tried = await tryAll(
    mutants,
    { root, runs: Number(values.runs), invariants: values.invariants, jobs: Number(values.jobs) },
    print,
  );
  const result = tally(tried, known);
  mkdirSync(dirname(resolve(values.report)), { recursive: true });
  writeFileSync(values.report, `${JSON.stringify(result, null, 2)}\n`);
  for (const { id, line } of result.survivors) console.log(`survived  ${line}\t${id}`);
  const { counts, score, secondsPerMutant } = result;
  console.log(
    `${JSON.stringify(counts)} ${score.toFixed(1)} % killed, ${secondsPerMutant.toFixed(1)} s each`,
  );
  if (score < AT_LEAST) process.exitCode = 1;
}

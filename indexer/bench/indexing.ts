import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { deployLocal } from "@aiforge/contracts";
import { startChain } from "../../scripts/testing/chain.ts";
import { createDatabase, startPostgres } from "../../scripts/testing/postgres.ts";
import { EVM_ROOT } from "../src/build.ts";
import { startPonder } from "../src/ponder.ts";
import { makeTraffic } from "./traffic.ts";

const HELP = `Events a second of the mirror's handlers, beside a Ponder app with empty handlers on the same chain.

  node indexer/bench/indexing.ts [--rounds 1000] [--runs 3] [--json]

Both apps index the whole chain in turn, each time into an empty database; the figures are medians of Ponder's
own duration of the backfill, which includes fetching. --json prints one JSON object as the last line.`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    json: { type: "boolean" },
    rounds: { type: "string", default: "1000" },
    runs: { type: "string", default: "3" },
  },
});

/** Highest resident memory of a process so far, in MiB (on systems without /proc: its memory now). */
function peakMemory(pid: number): number {
  const status = `/proc/${pid}/status`;
  const kib = existsSync(status)
    ? /VmHWM:\s+(\d+)/.exec(readFileSync(status, "utf8"))?.[1]
    : execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" });
  return Number(kib) / 1024;
}

/** Indexes the chain once with one app. */
async function index(root: string, serverUrl: string): Promise<{ seconds: number; rss: number }> {
  const database = await createDatabase(serverUrl);
  process.env.DATABASE_URL = database.url;
  let report: (seconds: number) => void = () => {};
  const reported = new Promise<number>((resolve) => {
    report = resolve;
  });
  const ponder = startPonder({
    schema: "deploy_bench",
    port: randomInt(20_000, 32_000),
    root,
    log: (line) => {
      const duration = /Completed backfill indexing.* duration=([\d.]+)/.exec(line)?.[1];
      if (duration) report(Number(duration) / 1000);
    },
  });
  try {
    const seconds = await Promise.race([
      reported,
      ponder.exited.then((how) => {
        throw new Error(`Ponder ended: ${how}`);
      }),
    ]);
    return { seconds, rss: peakMemory(ponder.pid ?? 0) };
  } finally {
    await ponder.stop();
    await database.drop();
  }
}

const median = (numbers: number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};
const round = (value: number, digits = 0) => Number(value.toFixed(digits));

async function bench(): Promise<void> {
  const postgres = await startPostgres();
  const chain = await startChain();
  try {
    await deployLocal(chain);
    const events = await makeTraffic(chain.rpcUrl, Number(values.rounds));
    process.env.RPC_URL_31337 = chain.rpcUrl;
    process.env.PONDER_LOG_LEVEL = "info";
    const ours: { seconds: number; rss: number }[] = [];
    const empty: { seconds: number; rss: number }[] = [];
    for (let run = 0; run < Number(values.runs); run++) {
      ours.push(await index(EVM_ROOT, postgres.url));
      empty.push(await index(fileURLToPath(new URL("./empty", import.meta.url)), postgres.url));
    }
    const perSecond = events / median(ours.map(({ seconds }) => seconds));
    const emptyPerSecond = events / median(empty.map(({ seconds }) => seconds));
    const result = {
      events,
      runs: ours.length,
      events_per_second: round(perSecond),
      empty_events_per_second: round(emptyPerSecond),
      ratio: round(perSecond / emptyPerSecond, 3),
      rss_mb: round(Math.max(...ours.map(({ rss }) => rss))),
    };
    console.log(`Indexing ${events} events, median of ${ours.length} runs each:`);
    console.log(`  the mirror      ${result.events_per_second} events/s`);
    console.log(
      `  empty handlers  ${result.empty_events_per_second} events/s (the mirror is at ${result.ratio})`,
    );
    console.log(`  memory          ${result.rss_mb} MB at most`);
    if (values.json) console.log(JSON.stringify(result));
  } finally {
    await chain.stop();
    await postgres.stop();
  }
}

if (values.help) console.log(HELP);
else await bench();

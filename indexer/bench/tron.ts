import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { createDatabase, startPostgres } from "../../scripts/testing/postgres.ts";
import { type Made, makeBlocks, startNode, transferLog } from "../test/tron/node.ts";
import { AIFORGE, CASHIER, SENDER, USDT } from "../test/tron/support.ts";
import { HEAP_FLAGS } from "../tron/heap.ts";

const HELP = `Blocks a second that the Tron watcher catches up with, and whether its memory stays flat.

  node indexer/bench/tron.ts [--blocks 6000] [--json]

Each block has ten transactions, of which two pay. The watcher is a process of its own on a Postgres whose commits
wait for the disk. --json prints one JSON object as the last line.`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    json: { type: "boolean" },
    blocks: { type: "string", default: "6000" },
  },
});

const MAIN = fileURLToPath(new URL("../tron/main.ts", import.meta.url));

/** Resident memory of a process in MiB. */
const memory = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

function busyBlocks(count: number) {
  return makeBlocks(
    Array.from({ length: count }, (_, block) =>
      Array.from({ length: 10 }, (_, n): Made => {
        const to = n < 2 ? CASHIER : SENDER;
        return { seed: `${block}-${n}`, logs: [transferLog(USDT, SENDER, to, BigInt(block + n + 1))] };
      }),
    ),
  );
}

async function bench(): Promise<void> {
  const blocks = Number(values.blocks);
  const postgres = await startPostgres({ durable: true });
  const database = await createDatabase(postgres.url);
  const node = await startNode(busyBlocks(blocks));
  const child = spawn(process.execPath, [...HEAP_FLAGS, MAIN], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      TRON_URL: node.url,
      TRON_AIFORGE_ADDRESS: AIFORGE,
      TRON_USDT_ADDRESS: USDT,
      TRON_CASHIER_ADDRESS: CASHIER,
      TRON_RECONCILE_MS: "0",
      TRON_WATCHER_PORT: String(randomInt(20_000, 32_000)),
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const cursor = async () => {
    const { rows } = await client
      .query<{ number: string }>("SELECT number FROM tron.cursor")
      .catch(() => ({ rows: [] }));
    return Number(rows[0]?.number ?? -1);
  };
  const reach = async (block: number) => {
    while ((await cursor()) < block) {
      if (child.exitCode !== null) throw new Error(`The watcher ended with ${child.exitCode}`);
      await sleep(20);
    }
    return { at: performance.now(), rss: memory(child.pid ?? 0) };
  };
  try {
    // The first part warms up: compiled code and full caches are no growth.
    const warm = Math.floor(blocks / 3);
    const from = await reach(warm);
    const to = await reach(blocks - 1);
    const result = {
      blocks: blocks - 1 - warm,
      blocks_per_s: Math.round(((blocks - 1 - warm) / (to.at - from.at)) * 1000),
      rss_mb: Math.round(to.rss),
      rss_growth_mb: Math.round(to.rss - from.rss),
    };
    console.log(`Catching up with ${result.blocks} blocks of ten transactions:`);
    console.log(`  ${result.blocks_per_s} blocks/s`);
    console.log(`  memory ${result.rss_mb} MB, ${result.rss_growth_mb} MB more than after the first third`);
    if (values.json) console.log(JSON.stringify(result));
  } finally {
    child.kill("SIGTERM");
    await client.end();
    await node.close();
    await postgres.stop();
  }
}

if (values.help) console.log(HELP);
else await bench();

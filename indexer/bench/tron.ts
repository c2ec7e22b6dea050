import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { createDatabase, freePort, startPostgres } from "../../scripts/testing/postgres.ts";
import { type Made, makeBlocks, startNode, transferLog } from "../test/tron/node.ts";
import { AIFORGE, CASHIER, SENDER, USDT } from "../test/tron/support.ts";
import { HEAP_FLAGS } from "../tron/heap.ts";
import { startBusyTron } from "./busy-tron.ts";

const HELP = `Blocks a second that the Tron watcher catches up with, and whether its memory stays flat.

  node indexer/bench/tron.ts [--blocks 900] [--made-up 4000] [--json]

First on a local Tron (scripts/tron-devnet) in a process of its own, whose blocks were made before: ten transactions
each, of which two pay the cashier and in every fourth block one buys from the contract. What that process serves to a reader that throws the
blocks away is measured beside it: the watcher cannot be faster. Then on more blocks, made up, ten transfers each of
which two pay, from a server that does nothing else: that shows the watcher itself, and its memory for longer. The
watcher is a process of its own on a Postgres whose commits wait for the disk.

--json prints one JSON object as the last line: blocks_per_s on the local Tron and served_blocks_per_s by it alone; on
the made-up blocks, which are enough to tell whether memory is flat, made_up_blocks_per_s, rss_mb and rss_growth_mb.`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    json: { type: "boolean" },
    blocks: { type: "string", default: "900" },
    "made-up": { type: "string", default: "4000" },
  },
});

const MAIN = fileURLToPath(new URL("../tron/main.ts", import.meta.url));
/** As many blocks as the watcher asks for at the same time. */
const IN_FLIGHT = 8;

/** What is caught up with: full blocks from `first` to `solid`. */
interface Source {
  url: string;
  aiforge: string;
  usdt: string;
  cashier: string;
  first: number;
  solid: number;
}

interface Figures {
  blocks: number;
  perSecond: number;
  rss: number;
  growth: number;
}

/** Resident memory of a process in MiB. */
const memory = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const madeUpBlocks = (count: number) =>
  makeBlocks(
    Array.from({ length: count }, (_, block) =>
      Array.from({ length: 10 }, (_, n): Made => {
        const to = n < 2 ? CASHIER : SENDER;
        return { seed: `${block}-${n}`, logs: [transferLog(USDT, SENDER, to, BigInt(block + n + 1))] };
      }),
    ),
  );

/** Blocks a second that a source gives to a reader that has nothing else to do. */
async function served({ url, first, solid }: Source): Promise<number> {
  const ask = async (path: string, num: number) => {
    const body = JSON.stringify({ num });
    const headers = { "content-type": "application/json" };
    await (await fetch(`${url}/walletsolidity/${path}`, { method: "POST", headers, body })).bytes();
  };
  const begun = performance.now();
  let next = first;
  const read = async () => {
    while (next <= solid) {
      const number = next++;
      await ask("getblockbynum", number);
      await ask("gettransactioninfobyblocknum", number);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, read));
  return (solid - first + 1) / ((performance.now() - begun) / 1000);
}

/** Lets a watcher catch up with a source, in a database of its own. */
async function watched(postgresUrl: string, { first, solid, ...source }: Source): Promise<Figures> {
  const database = await createDatabase(postgresUrl);
  const child = spawn(process.execPath, [...HEAP_FLAGS, MAIN], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      TRON_URL: source.url,
      TRON_AIFORGE_ADDRESS: source.aiforge,
      TRON_USDT_ADDRESS: source.usdt,
      TRON_CASHIER_ADDRESS: source.cashier,
      TRON_IN_FLIGHT: String(IN_FLIGHT),
      TRON_RECONCILE_MS: "0",
      TRON_WATCHER_PORT: String(await freePort()),
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
    let number = await cursor();
    for (; number < block; number = await cursor()) {
      if (child.exitCode !== null) throw new Error(`The watcher ended with ${child.exitCode}`);
      await sleep(20);
    }
    return { number, at: performance.now(), rss: memory(child.pid ?? 0) };
  };
  try {
    // The first part warms up: compiled code and full caches are no growth.
    const from = await reach(first + Math.floor((solid - first) / 3));
    const to = await reach(solid);
    const blocks = to.number - from.number;
    const perSecond = blocks / ((to.at - from.at) / 1000);
    return { blocks, perSecond, rss: to.rss, growth: to.rss - from.rss };
  } finally {
    await client.end();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  }
}

function tell(title: string, { blocks, perSecond, rss, growth }: Figures): void {
  console.log(`Catching up with ${blocks} blocks of ten transactions ${title}:`);
  console.log(`  ${Math.round(perSecond)} blocks/s`);
  console.log(
    `  memory ${Math.round(rss)} MB, ${Math.round(growth)} MB more than after the first third of all`,
  );
}

async function onLocalTron(postgresUrl: string): Promise<{ figures: Figures; alone: number }> {
  const tron = await startBusyTron(Number(values.blocks));
  try {
    // Once to warm up, as the watcher's first third is.
    await served(tron);
    const alone = await served(tron);
    return { alone, figures: await watched(postgresUrl, tron) };
  } finally {
    await tron.stop();
  }
}

async function onMadeUp(postgresUrl: string): Promise<Figures> {
  const solid = Number(values["made-up"]) - 1;
  const node = await startNode(madeUpBlocks(solid + 1));
  try {
    const { url } = node;
    return await watched(postgresUrl, {
      url,
      aiforge: AIFORGE,
      usdt: USDT,
      cashier: CASHIER,
      first: 0,
      solid,
    });
  } finally {
    await node.close();
  }
}

async function bench(): Promise<void> {
  const postgres = await startPostgres({ durable: true });
  try {
    const { figures, alone } = await onLocalTron(postgres.url);
    tell("on a local Tron", figures);
    const share = Math.round((100 * figures.perSecond) / alone);
    console.log(`  ${share} % of the ${Math.round(alone)} blocks/s that it serves to a reader alone`);
    const madeUp = await onMadeUp(postgres.url);
    tell("that are made up", madeUp);
    const result = {
      blocks: figures.blocks,
      blocks_per_s: Math.round(figures.perSecond),
      served_blocks_per_s: Math.round(alone),
      made_up_blocks: madeUp.blocks,
      made_up_blocks_per_s: Math.round(madeUp.perSecond),
      rss_mb: Math.round(madeUp.rss),
      rss_growth_mb: Math.round(madeUp.growth),
      local_rss_growth_mb: Math.round(figures.growth),
    };
    if (values.json) console.log(JSON.stringify(result));
  } finally {
    await postgres.stop();
  }
}

if (values.help) console.log(HELP);
else await bench();

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, type TestContext, test, vi } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { query, until } from "../support.ts";
import {
  depositedLog,
  listed,
  type Made,
  makeBlocks,
  startNode,
  type TestNode,
  transferCall,
  transferLog,
  txOf,
} from "./node.ts";
import { CASHIER, configFor, rowsSchemaIn, SENDER, scanned, tronContent, USDT, watch } from "./support.ts";

// Each kill costs the start of a process.
vi.setConfig({ testTimeout: 900_000 });

const VICTIM = fileURLToPath(new URL("./victim-statement.ts", import.meta.url));
const SOLID = 2;
const TOP = 4;

type Env = Record<string, string>;

const pay = (seed: string, amount: bigint): Made => ({
  seed,
  logs: [transferLog(USDT, SENDER, CASHIER, amount)],
  call: transferCall(USDT, CASHIER, amount),
});
const deposit: Made = { seed: "deposit", logs: [depositedLog(SENDER, 9n)] };
const BLOCKS = makeBlocks([
  [],
  [pay("a", 1n), deposit],
  [pay("b", 2n)],
  [pay("c", 3n), pay("d", 4n)],
  [pay("e", 5n)],
]);

/** Everything that the watcher keeps. */
async function stateOf(url: string) {
  const of = (table: string) =>
    `(SELECT coalesce(json_agg(row ORDER BY row), '[]') FROM (SELECT to_jsonb(t)::text COLLATE "C" AS row FROM ${table} t) AS rows)`;
  const [kept] = await query<{ cursor: string[]; blocks: string[]; seen: string[]; schemas: string[] }>(
    url,
    `SELECT ${of("tron.cursor")} AS cursor, ${of("tron.seen_blocks")} AS blocks, ${of("tron.seen")} AS seen,
       ${of("(SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'tron_rows_'))")} AS schemas`,
  );
  if (!kept) throw new Error("There is nothing");
  return { rows: await tronContent(url), ...kept };
}

/** A database that a watcher wrote block 2 to, and saw blocks 3 and 4. */
async function written({ onTestFinished }: TestContext): Promise<{ url: string; node: TestNode }> {
  const [database, node] = [await createDatabase(), await startNode(BLOCKS)];
  onTestFinished(async () => {
    await node.close();
    await database.drop();
  });
  node.solid = SOLID;
  await watched(database.url, node, {}, async () => {
    await scanned(database.url, SOLID);
    await until("the blocks beyond to be seen", async () => (await stateOf(database.url)).seen.length === 3);
  });
  return { url: database.url, node };
}

/** Runs a watcher for as long as something takes. */
async function watched(url: string, node: TestNode, env: Env, work: () => Promise<void>): Promise<void> {
  const watcher = watch(configFor(url, [node.url], { TRON_WATCHER_PORT: "0", ...env }));
  try {
    await work();
  } finally {
    await watcher.stop();
  }
}

/** What a watcher that nobody kills makes of all blocks. */
async function clean(node: TestNode, env: Env = {}): Promise<Record<string, string[]>> {
  const database = await createDatabase();
  const calm = await startNode(node.blocks);
  try {
    await watched(database.url, calm, env, () => scanned(database.url, TOP));
    return await tronContent(database.url);
  } finally {
    await calm.close();
    await database.drop();
  }
}

/**
 * Lets a watcher be killed before each statement of a transaction, the next watcher each time, and then right after
 * it. Until then nothing that is kept may have changed.
 * @returns how many statements it has
 */
async function killThroughout(writer: string, url: string, node: TestNode, env: Env = {}): Promise<number> {
  const before = await stateOf(url);
  for (let at = 2; ; at++) {
    const child = spawn(process.execPath, [VICTIM, writer, String(at)], {
      env: {
        PATH: process.env.PATH,
        VICTIM_DATABASE: url,
        VICTIM_NODE: node.url,
        VICTIM_ENV: JSON.stringify({ TRON_WATCHER_PORT: "0", ...env }),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [said, lines] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(said, `${writer} ${at}: ${lines}`).toMatch(/^before |^committed$/);
    if (said === "committed") return at - 1;
    expect(await stateOf(url), `killed ${said}`).toEqual(before);
  }
}

/** Lets what was only seen become solid, and a watcher that nobody kills write it. */
async function goOn(url: string, node: TestNode, env: Env = {}): Promise<void> {
  node.solid = TOP;
  await watched(url, node, env, () => scanned(url, TOP));
  expect(await tronContent(url)).toEqual(await clean(node, env));
  expect(await stateOf(url)).toMatchObject({ seen: [], blocks: [] });
}

test.concurrent("killed between any two statements that write a block, it writes the block once", async (context) => {
  const { url, node } = await written(context);
  node.solid = SOLID + 1;
  expect(await killThroughout("commit", url, node)).toBeGreaterThan(5);
  const { rows, seen, cursor } = await stateOf(url);
  expect(cursor).toEqual([expect.stringMatching(/"number": 3\b/)]);
  expect(rows.transfers).toHaveLength(4);
  expect(seen).toEqual([expect.stringContaining(txOf("e"))]);
  await goOn(url, node);
});

test.concurrent("killed between any two statements that put a lost payment back, it loses and doubles nothing", async (context) => {
  const { url, node } = await written(context);
  const whole = await stateOf(url);
  const schema = await rowsSchemaIn(url);
  const lost = `tx_hash = '${txOf("b")}'`;
  await query(url, `DELETE FROM ${schema}.transfers WHERE ${lost}; DELETE FROM tron.logs WHERE ${lost}`);
  node.pages = (asked) => ({
    success: true,
    data: asked.has("min_timestamp") ? [listed("b", 2, 1_700_000_006_000, 2n)] : [],
    meta: {},
  });
  expect(await killThroughout("mend", url, node, { TRON_RECONCILE_MS: "100" })).toBeGreaterThan(10);
  expect(await stateOf(url)).toEqual(whole);
  await goOn(url, node);
});

test.concurrent("killed between any two statements that make the rows anew, it goes on showing the old ones", async (context) => {
  const { url, node } = await written(context);
  const { rows } = await stateOf(url);
  const schema = await rowsSchemaIn(url);
  // As if other code had made the rows.
  await query(
    url,
    `ALTER SCHEMA ${schema} RENAME TO tron_rows_older; UPDATE tron.cursor SET rows_schema = 'tron_rows_older'`,
  );
  expect(await killThroughout("prepare", url, node)).toBeGreaterThan(8);
  expect(await rowsSchemaIn(url)).toBe(schema);
  expect(await tronContent(url)).toEqual(rows);
  await goOn(url, node);
});

test.concurrent("killed between any two statements of a new beginning, it has either all of the old or nothing", async (context) => {
  const { url, node } = await written(context);
  // Another start block makes what was scanned of no use.
  const env = { TRON_START_BLOCK: "2" };
  expect(await killThroughout("restart", url, node, env)).toBeGreaterThan(10);
  const begun = await stateOf(url);
  expect(begun).toMatchObject({
    seen: [],
    blocks: [],
    cursor: [expect.stringMatching(/"number": 1\b/)],
  });
  expect(Object.values(begun.rows).flat()).toEqual([]);
  await goOn(url, node, env);
});

test.concurrent("killed between any two statements that show a reorg, it shows one branch or the other", async (context) => {
  const { url, node } = await written(context);
  const others = [[pay("c", 3n)], [pay("f", 6n)]];
  node.blocks = makeBlocks(others, { before: BLOCKS.slice(0, SOLID + 1), fork: "other" });
  expect(await killThroughout("show", url, node)).toBeGreaterThan(7);
  const { seen, rows } = await stateOf(url);
  expect(seen.map((row) => /"tx_hash": "(\w+)"/.exec(row)?.[1]).sort()).toEqual(
    [txOf("c"), txOf("f")].sort(),
  );
  expect(rows.transfers).toHaveLength(2);
  await goOn(url, node);
});

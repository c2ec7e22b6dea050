import { deployLocal, deployments } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChain, type TestChain } from "../../../scripts/testing/chain.ts";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { economy } from "../economy.ts";
import { type Actors, actors, journey } from "../journey.ts";
import { caughtUp, mirrorContent, query, startMirror, type TestMirror, until } from "../support.ts";
import { recordEvm, type Served, startNode, type TestNode } from "./node.ts";
import { configFor, rowsSchemaIn, scanned, type TestWatcher, tronContent, watch } from "./support.ts";

const { aiforge, usdt } = deployments[31337]!;

let chain: TestChain;
let people: Actors;
let database: Awaited<ReturnType<typeof createDatabase>>;
let mirror: TestMirror;
let blocks: Served[];
let node: TestNode;
let watcher: TestWatcher;

const start = () =>
  watch(
    configFor(database.url, [node.url], {
      TRON_AIFORGE_ADDRESS: aiforge,
      TRON_USDT_ADDRESS: usdt,
      TRON_CASHIER_ADDRESS: people.who.cashier,
    }),
  );

beforeAll(async () => {
  chain = await startChain();
  await deployLocal(chain);
  people = await actors(chain.rpcUrl);
  database = await createDatabase();
  mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
  await journey(people);
  for (const step of (await economy(people, { vary: 0n })).steps) await step();
  blocks = await recordEvm(chain.rpcUrl);
  node = await startNode(blocks);
  watcher = start();
  await mirror.ready();
  await caughtUp(database.url, people.client);
  await scanned(database.url, blocks.length - 1);
});

afterAll(async () => {
  await watcher?.stop();
  await node?.close();
  await mirror?.stop();
  await chain?.stop();
  await database?.drop();
});

test("every event of the contract gives the rows on Tron that it gives on an EVM chain", async () => {
  const both = () => query<{ chain_id: string }>(database.url, "SELECT chain_id FROM chain.heads ORDER BY 1");
  await until("both chains to be shown", async () => (await both()).length === 2);
  const tron = (await both())[1]?.chain_id ?? "";
  expect(tron).toMatch(/^tron:0x[0-9a-f]{8}$/);
  const { rows } = await mirrorContent(database.url);
  const of = (name: string, of: string) =>
    (rows[name] ?? [])
      .filter((row) => row.includes(of))
      .map((row) => row.replaceAll(of, "chain"))
      .sort();
  expect(Object.keys(rows).length).toBe(29);
  for (const name of Object.keys(rows)) {
    expect(of(name, tron).length, name).toBeGreaterThan(0);
    expect(of(name, tron), name).toEqual(of(name, "eip155:31337"));
  }
});

test("a wiped mirror, and rows made anew from the kept logs, come out the same", async () => {
  const before = await tronContent(database.url);
  const requests = () => node.requests.get("walletsolidity/gettransactioninfobyblocknum") ?? 0;
  await watcher.stop();
  const schema = await rowsSchemaIn(database.url);
  // As if older code had made the rows.
  await query(
    database.url,
    `ALTER SCHEMA ${schema} RENAME TO tron_rows_older; UPDATE tron.cursor SET rows_schema = 'tron_rows_older'`,
  );
  const shown = "SELECT obj_description('chain'::regnamespace, 'pg_namespace') AS of";
  await until("the older rows to be shown", async () =>
    (await query<{ of: string }>(database.url, shown))[0]?.of.endsWith(" tron_rows_older"),
  );
  const asked = requests();
  watcher = start();
  await until("the rows to be made anew", async () => (await rowsSchemaIn(database.url)) === schema);
  expect(await tronContent(database.url)).toEqual(before);
  expect(requests()).toBe(asked);
  await until(
    "the older rows to be dropped",
    async () =>
      (await query(database.url, "SELECT 1 FROM pg_namespace WHERE nspname = 'tron_rows_older'")).length ===
      0,
  );

  await watcher.stop();
  await query(database.url, "DELETE FROM tron.cursor");
  watcher = start();
  await until("the scan to begin", async () => watcher.lines.length > 0);
  await scanned(database.url, blocks.length - 1, watcher.lines);
  expect(await tronContent(database.url)).toEqual(before);
});

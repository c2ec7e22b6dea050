import { type Hex, pad } from "viem";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { query, until } from "../support.ts";
import {
  depositedLog,
  type Made,
  makeBlocks,
  moves,
  type Served,
  startNode,
  type TestNode,
  transferCall,
  transferLog,
  txOf,
} from "./node.ts";
import {
  AIFORGE,
  CASHIER,
  configFor,
  rowsSchemaIn,
  SENDER,
  scanned,
  type TestWatcher,
  transfersIn,
  USDT,
  watch,
} from "./support.ts";

const FAKE = "0x000000000000000000000000000000000000fa4e";

let database: Awaited<ReturnType<typeof createDatabase>>;
let node: TestNode;
let watcher: TestWatcher | null = null;

beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await watcher?.stop();
  watcher = null;
  await node?.close();
  await database.drop();
});

/** Lets a watcher read these blocks. */
async function read(blocks: Served[], env: Record<string, string> = {}) {
  node = await startNode(blocks);
  watcher = watch(configFor(database.url, [node.url], env));
  await scanned(database.url, node.solid, watcher.lines);
  return watcher;
}

const pay = (seed: string, amount: bigint, more: Partial<Made> = {}): Made => ({
  seed,
  logs: [transferLog(USDT, SENDER, CASHIER, amount)],
  ...more,
});

test("R1: a token that calls itself USDT is not USDT; only the address counts", async () => {
  const fake = { seed: "fake", logs: [transferLog(FAKE, SENDER, CASHIER, 9_000_000n)] };
  await read(makeBlocks([[], [fake], [pay("real", 5n)]]));
  expect(await transfersIn(database.url)).toEqual([{ tx_hash: txOf("real"), amount: "5" }]);
});

test("R2: TRX that is sent to the cashier is not counted, nor is a token without a contract", async () => {
  const trx = moves("TransferContract", CASHIER, { amount: 9_000_000 });
  const named = moves("TransferAssetContract", CASHIER, { amount: 9_000_000, asset_name: "55534454" });
  await read(makeBlocks([[], [{ seed: "trx", ...trx }, { seed: "trc10", ...named }, pay("usdt", 5n)]]));
  expect(await transfersIn(database.url)).toEqual([{ tx_hash: txOf("usdt"), amount: "5" }]);
});

test.each(["REVERT", "OUT_OF_ENERGY"])("R3: a transfer that ended with %s is not counted", async (result) => {
  await read(makeBlocks([[], [pay("failed", 7n, { result }), pay("good", 8n)]]));
  expect(await transfersIn(database.url)).toMatchObject([{ amount: "8" }]);
});

test("R3: logs without a receipt that says SUCCESS are not counted", async () => {
  await read(makeBlocks([[], [pay("silent", 7n, { result: null }), pay("good", 8n)]]));
  expect(await transfersIn(database.url)).toMatchObject([{ amount: "8" }]);
});

test("R4: a transferFrom of nothing, which poisons address books, leaves no row", async () => {
  await read(makeBlocks([[], [pay("poison", 0n), pay("dust", 1n)]]));
  expect(await transfersIn(database.url)).toMatchObject([{ amount: "1" }]);
});

test("R11: a log is used once, and a block that was written is refused", async () => {
  const running = await read(makeBlocks([[], [pay("once", 5n)], []]));
  await running.stop();
  watcher = null;
  // As if the cursor had not been written with the rows.
  await query(database.url, "UPDATE tron.cursor SET number = 0, id = NULL");
  watcher = watch(running.config);
  const lines = watcher.lines;
  await until("the second use to be refused", async () => lines.join().includes("duplicate key"));
  expect(await transfersIn(database.url)).toHaveLength(1);
});

test("R17: blocks between two looks at the head are not skipped", async () => {
  const blocks = makeBlocks(Array.from({ length: 60 }, (_, n) => [pay(`p${n}`, BigInt(n + 1))]));
  node = await startNode(blocks);
  node.head = node.solid = 2;
  watcher = watch(configFor(database.url, [node.url]));
  await scanned(database.url, 2);
  node.head = node.solid = 59;
  await scanned(database.url, 59);
  expect((await transfersIn(database.url)).map(({ amount }) => Number(amount))).toEqual(
    Array.from({ length: 60 }, (_, n) => n + 1),
  );
});

test("R19: hostile input leaves no row and does not stop the scan", async () => {
  const [topic] = depositedLog(SENDER, 1n).topics as [Hex];
  const logs: Made["logs"] = [
    { address: AIFORGE, topics: [] },
    { address: AIFORGE, topics: [topic] },
    { address: AIFORGE, topics: [topic, "0x12", "0x"], data: "0x1234" },
    { address: AIFORGE, topics: [pad("0xdead")], data: `0x${"ff".repeat(50_000)}` },
    { address: USDT, topics: transferLog(USDT, SENDER, CASHIER, 1n).topics },
    { address: USDT, topics: [...transferLog(USDT, SENDER, CASHIER, 1n).topics, pad("0x1")], data: "0x01" },
    transferLog(USDT, SENDER, CASHIER, 2n ** 256n - 1n),
    depositedLog(SENDER, 2n ** 256n - 1n),
  ];
  const running = await read(makeBlocks([[], [{ seed: "hostile", logs }], [pay("after", 3n)]]));
  expect(await transfersIn(database.url)).toEqual([
    { tx_hash: txOf("hostile"), amount: String(2n ** 256n - 1n) },
    { tx_hash: txOf("after"), amount: "3" },
  ]);
  const credits = await query(database.url, `SELECT amount FROM ${await rowsSchemaIn(database.url)}.credits`);
  expect(credits).toEqual([{ amount: String(2n ** 256n - 1n) }]);
  expect((await running.get("/metrics")).body).toMatch(/^tron_unknown_logs\{[^}]*\} 6$/m);
});

test("R19: hostile calls hold up neither the scan nor what is only seen", async () => {
  const called = (value: unknown) => ({ contract: [{ parameter: { value } }] });
  const hostile = [
    null,
    [],
    {},
    { contract: "none" },
    { contract: [null, 7, {}, { parameter: null }] },
    called({ contract_address: `41${USDT.slice(2)}` }),
    called({ contract_address: `41${USDT.slice(2)}`, data: "" }),
    called({ contract_address: `41${USDT.slice(2)}`, data: 7 }),
    called({ contract_address: `41${USDT.slice(2)}`, data: `a9059cbb${CASHIER.slice(2)}f` }),
    called({ contract_address: `41${AIFORGE.slice(2)}`, data: "ff".repeat(50_000) }),
    called({ contract_address: "41", data: "a9059cbb" }),
    called({ contract_address: 41 }),
  ].map((raw, n): Made => ({ seed: `hostile ${n}`, raw, result: n % 2 ? "REVERT" : "SUCCESS" }));
  const after = pay("after", 3n, { call: transferCall(USDT, CASHIER, 3n) });
  node = await startNode(makeBlocks([[], hostile, [after]]));
  node.solid = 0;
  watcher = watch(configFor(database.url, [node.url]));
  await until(
    "the payment to be seen",
    async () => (await query(database.url, "SELECT 1 FROM tron.seen")).length === 1,
  );
  node.solid = 2;
  await scanned(database.url, 2, watcher.lines);
  expect(await transfersIn(database.url)).toEqual([{ tx_hash: txOf("after"), amount: "3" }]);
});

test("R20: USDT that another contract moved counts by its logs, each of several in a transaction", async () => {
  const noise = transferLog(FAKE, SENDER, CASHIER, 1n);
  const router: Made = {
    seed: "router",
    logs: [
      noise,
      transferLog(USDT, SENDER, CASHIER, 4n),
      transferLog(USDT, SENDER, FAKE, 9n),
      transferLog(USDT, FAKE, CASHIER, 6n),
    ],
  };
  await read(makeBlocks([[], [{ seed: "before", logs: [noise, noise] }, router]]));
  const rows = await query<{ id: string; log_index: number; amount: string }>(
    database.url,
    `SELECT id, log_index, amount FROM ${await rowsSchemaIn(database.url)}.transfers ORDER BY log_index`,
  );
  // The place is that among all logs of the block, as on an EVM chain.
  expect(rows).toMatchObject([
    { log_index: 3, amount: "4" },
    { log_index: 5, amount: "6" },
  ]);
  expect(rows[0]?.id).toMatch(new RegExp(`^tron:0x[0-9a-f]{8}-${txOf("router")}-3$`));
});

test("R21: the contract and the cashier may be named in any form", async () => {
  await read(makeBlocks([[], [pay("any", 5n)]]), {
    TRON_USDT_ADDRESS: `41${USDT.slice(2)}`,
    TRON_CASHIER_ADDRESS: CASHIER.slice(2).toUpperCase(),
  });
  expect(await transfersIn(database.url)).toMatchObject([{ amount: "5" }]);
});

test("a block's rows and the cursor come together, and the next watcher goes on from there", async () => {
  const blocks = makeBlocks([[], [pay("a", 1n)], [], [pay("b", 2n)], [pay("c", 3n)]]);
  node = await startNode(blocks);
  node.head = node.solid = 2;
  watcher = watch(configFor(database.url, [node.url]));
  await scanned(database.url, 2);
  await watcher.stop();
  node.head = node.solid = 4;
  node.requests.clear();
  watcher = watch(watcher.config);
  await scanned(database.url, 4);
  expect((await transfersIn(database.url)).map(({ amount }) => amount)).toEqual(["1", "2", "3"]);
  expect(node.requests.get("walletsolidity/gettransactioninfobyblocknum")).toBe(2);
});

import { aiforgeAbi, aiforgeBytecode, tetherTronBytecode, tronAddress, usdtAbi } from "@aiforge/contracts";
import type { TronDevnet } from "@aiforge/tron-devnet";
import { zeroAddress } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import {
  addressOf,
  client,
  deploy,
  KEYS,
  startTestDevnet,
  TRX,
} from "../../../scripts/tron-devnet/test/client.ts";
import { query, until } from "../support.ts";
import {
  configFor,
  rowsSchemaIn,
  scanned,
  type TestWatcher,
  transfersIn,
  tronContent,
  watch,
} from "./support.ts";

const USDT = 1_000_000n;
const ACCOUNT = `0x${"5a".repeat(32)}`;
const SOLID = 20;
const alice = addressOf(KEYS.alice);
const bob = addressOf(KEYS.bob);
const cashier = addressOf("d4".repeat(32));

let devnet: TronDevnet;
let usdt: string;
let aiforge: string;
let database: Awaited<ReturnType<typeof createDatabase>>;
let watcher: TestWatcher;

const start = (urls: string[], url = database.url, env: Record<string, string> = {}) =>
  watch(
    configFor(url, urls, {
      TRON_AIFORGE_ADDRESS: aiforge,
      TRON_USDT_ADDRESS: usdt,
      TRON_CASHIER_ADDRESS: cashier,
      ...env,
    }),
  );

beforeAll(async () => {
  devnet = await startTestDevnet();
  const tron = client(devnet.url);
  usdt = await deploy(devnet, tron, {
    abi: usdtAbi,
    bytecode: tetherTronBytecode,
    parameters: [1000n * USDT],
  });
  aiforge = await deploy(devnet, tron, {
    abi: aiforgeAbi,
    bytecode: aiforgeBytecode,
    parameters: [usdt, zeroAddress, alice, bob, alice, 86_400],
  });
  await send(KEYS.alice, usdt, "transfer(address,uint256)", transfer(bob, 500n * USDT));
  await devnet.mine(SOLID);
  database = await createDatabase();
  watcher = start([devnet.url]);
  await scanned(database.url, devnet.solid(), watcher.lines);
});

afterAll(async () => {
  await watcher?.stop();
  await devnet?.close();
  await database?.drop();
});

const transfer = (to: string, value: bigint) => [
  { type: "address", value: to },
  { type: "uint256", value: String(value) },
];

type Call = [key: string, contract: string, selector: string, parameters: object[]];

/** Signs with tronweb, upon the newest block. */
async function signed(...[key, contract, selector, parameters]: Call) {
  const sender = client(devnet.url, key);
  const { transaction } = await sender.transactionBuilder.triggerSmartContract(
    contract,
    selector,
    { txLocal: true, feeLimit: 100 * TRX },
    parameters as never,
  );
  return sender.trx.sign(transaction);
}

/** Sends what was signed. */
async function submit(transaction: Awaited<ReturnType<typeof signed>>): Promise<string> {
  const sent = await client(devnet.url).trx.sendRawTransaction(transaction);
  expect(sent.result).toBe(true);
  return sent.txid;
}

const broadcast = async (...call: Call) => submit(await signed(...call));

/** The same, and makes the block that it is in. */
async function send(...call: Call): Promise<string> {
  const id = await broadcast(...call);
  await devnet.mine();
  return id;
}

const payment = (amount: bigint): Call => [
  KEYS.bob,
  usdt,
  "transfer(address,uint256)",
  transfer(cashier, amount),
];
const pay = (amount: bigint) => send(...payment(amount));

const seen = async (id: string): Promise<{ block: number; table: string }[]> =>
  query(
    database.url,
    `SELECT number::int AS block, "table" FROM tron.seen JOIN tron.seen_blocks ON id = block_id
     WHERE row->>'tx_hash' = '0x${id}'`,
  );
const written = async (id: string) =>
  (await transfersIn(database.url)).filter(({ tx_hash }) => tx_hash === `0x${id}`);

const places = (id: string): Promise<{ block: number }[]> =>
  query(database.url, `SELECT block_number::int AS block FROM tron.logs WHERE tx_hash = '0x${id}'`);

async function solidified() {
  await devnet.mine(SOLID);
  await scanned(database.url, devnet.solid(), watcher.lines);
}

test("R12: a payment is seen at once and counted only when its block is solid", async () => {
  const id = await pay(11n);
  const [first] = await until("the payment to be seen", async () => {
    const rows = await seen(id);
    return rows.length > 0 ? rows : null;
  });
  expect(first).toEqual({ block: devnet.head(), table: "transfers" });
  expect(await written(id)).toEqual([]);
  expect(JSON.parse((await watcher.get(`/transactions/${id}`)).body)).toMatchObject({
    state: "seen",
    confirmations: 1,
  });
  await solidified();
  expect(await written(id)).toMatchObject([{ amount: "11" }]);
  expect(await seen(id)).toEqual([]);
  expect(JSON.parse((await watcher.get(`/transactions/${id}`)).body)).toMatchObject({ state: "confirmed" });
  expect(JSON.parse((await watcher.get(`/transactions/${"ab".repeat(32)}`)).body)).toEqual({
    state: "unknown",
  });
});

test("R12: a payment that a reorg drops is gone, and one that it moves counts where it lands", async () => {
  // All of one block: what refers to a block that is replaced would not be valid on the new branch.
  const dropped = await broadcast(...payment(21n));
  const moved = await broadcast(...payment(22n));
  const kept = await broadcast(...payment(23n));
  await devnet.mine();
  await until("the payments to be seen", async () => (await seen(kept)).length === 1);
  const [before] = await seen(moved);
  await devnet.reorg({ depth: 1, drop: [dropped], move: { [moved]: 2 }, longer: 3 });
  await until("what was dropped to be gone", async () => (await seen(dropped)).length === 0);
  await until(
    "what was moved to be seen there",
    async () => (await seen(moved))[0]?.block === (before?.block ?? 0) + 2,
  );
  await solidified();
  expect(await written(dropped)).toEqual([]);
  expect(await written(moved)).toMatchObject([{ amount: "22" }]);
  expect(await written(kept)).toMatchObject([{ amount: "23" }]);
  expect(await places(moved)).toEqual([{ block: (before?.block ?? 0) + 2 }]);
});

test("R12: a payment that a reorg moves to an earlier block is seen there, and counts there once", async () => {
  const from = devnet.head();
  // Upon a block that stays, so that they are valid on the new branch.
  const [early, late] = [await signed(...payment(31n)), await signed(...payment(32n))];
  await devnet.mine(2);
  const [moved, kept] = [await submit(early), await submit(late)];
  await devnet.mine();
  await until("the payments to be seen", async () => (await seen(kept)).length === 1);
  expect(await seen(moved)).toEqual([{ block: from + 3, table: "transfers" }]);
  expect(await devnet.reorg({ depth: 3, move: { [moved]: -2 } })).toEqual([]);
  await until("what was moved to be seen there", async () => (await seen(moved))[0]?.block === from + 1);
  expect(await seen(moved)).toHaveLength(1);
  await until("the other to be seen again", async () => (await seen(kept))[0]?.block === from + 3);
  await solidified();
  expect(await written(moved)).toMatchObject([{ amount: "31" }]);
  expect(await written(kept)).toMatchObject([{ amount: "32" }]);
  expect(await places(moved)).toEqual([{ block: from + 1 }]);
  expect(await seen(moved)).toEqual([]);
});

test("R12: a payment that a reorg puts off beyond the new head is gone until its block is made", async () => {
  const id = await pay(33n);
  const block = devnet.head();
  const state = async () => JSON.parse((await watcher.get(`/transactions/${id}`)).body) as object;
  await until("the payment to be seen", async () => (await seen(id)).length === 1);
  expect(await devnet.reorg({ depth: 1, move: { [id]: 8 } })).toEqual([]);
  await until("the payment to be gone", async () => (await seen(id)).length === 0);
  expect(await state()).toEqual({ state: "unknown" });
  await devnet.mine(5);
  const newest = `SELECT 1 FROM tron.seen_blocks WHERE number = ${devnet.head()}`;
  await until("the new branch to be seen", async () => (await query(database.url, newest)).length === 1);
  expect(await seen(id)).toEqual([]);
  await devnet.mine(2);
  expect(devnet.head()).toBe(block + 8);
  await until("the payment to be back", async () => (await seen(id)).length === 1);
  expect(await seen(id)).toEqual([{ block: block + 8, table: "transfers" }]);
  expect(await state()).toMatchObject({ state: "seen", confirmations: 1 });
  expect(await written(id)).toEqual([]);
  await solidified();
  expect(await written(id)).toMatchObject([{ amount: "33" }]);
  expect(await places(id)).toEqual([{ block: block + 8 }]);
});

test("a plan that is bought with tronweb has the rows of one that is bought on an EVM chain", async () => {
  await send(KEYS.bob, usdt, "approve(address,uint256)", [
    { type: "address", value: aiforge },
    { type: "uint256", value: String(10n * USDT) },
  ]);
  const id = await send(KEYS.bob, aiforge, "buyPlan(uint8,uint256,uint256,bytes32,uint8)", [
    { type: "uint8", value: 1 },
    { type: "uint256", value: 1 },
    { type: "uint256", value: String(10n * USDT) },
    { type: "bytes32", value: ACCOUNT },
    { type: "uint8", value: 0 },
  ]);
  await until("the purchase to be seen", async () => (await seen(id))[0]?.table === "plan_purchases");
  await solidified();
  const schema = await rowsSchemaIn(database.url);
  expect(await query(database.url, `SELECT * FROM ${schema}.plan_purchases`)).toMatchObject([
    {
      chain_id: `tron:0x${devnet.chainId.toString(16)}`,
      tx_hash: `0x${id}`,
      plan: 1,
      account: ACCOUNT,
      payer: tronAddress(bob),
      months: "1",
      price: "10000000",
      fee: "3000000",
    },
  ]);
});

test.each([
  { what: "an event", table: "plan_purchases", of: () => aiforge },
  { what: "a payment to the cashier", table: "transfers", of: () => usdt },
])("the reconciliation finds $what that is missing, and puts it back", async ({ table, of }) => {
  const content = await tronContent(database.url);
  await watcher.stop();
  const schema = await rowsSchemaIn(database.url);
  const address = tronAddress(of());
  const [lost] = await query<{ tx: string }>(
    database.url,
    `SELECT tx_hash AS tx FROM tron.logs WHERE address = '${address}' ORDER BY block_number DESC LIMIT 1`,
  );
  await query(
    database.url,
    `DELETE FROM ${schema}.${table} WHERE tx_hash = '${lost?.tx}';
     DELETE FROM tron.logs WHERE address = '${address}' AND tx_hash = '${lost?.tx}'`,
  );
  expect(await tronContent(database.url)).not.toEqual(content);
  watcher = start([devnet.url], database.url, { TRON_RECONCILE_MS: "300" });
  await until("the rows to be missed", async () => watcher.lines.join().includes("read again"));
  await until("the rows to be back", async () => {
    const now = await tronContent(database.url);
    return JSON.stringify(now) === JSON.stringify(content);
  });
});

test("a backend that lags 50 blocks, and 5 % faults at all of them, change nothing of the rows", async () => {
  for (let n = 0; n < 12; n++) {
    await pay(BigInt(100 + n));
    await devnet.mine(4);
  }
  await solidified();
  const content = await tronContent(database.url);
  const lagging = await devnet.addBackend();
  lagging.view.lag = 50;
  const faulty = await devnet.addBackend();
  for (const kind of [429, 403, 503, "empty"] as const) faulty.faults.add({ kind, rate: 0.05 });
  const other = await createDatabase();
  const second = start([lagging.url, faulty.url], other.url);
  await scanned(other.url, devnet.solid(), second.lines);
  expect(await tronContent(other.url)).toEqual(content);
  await second.stop();
  await other.drop();
});

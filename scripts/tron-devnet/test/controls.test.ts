import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ControlError, type FaultKind, type TronDevnet } from "../src/index.ts";
import { addressOf, client, KEYS, signedTransfer, startTestDevnet, statusOf } from "./client.ts";

let devnet: TronDevnet;
beforeEach(async () => {
  devnet = await startTestDevnet();
  await devnet.mine(30);
});
afterEach(() => devnet.close());

const bob = addressOf(KEYS.bob);
const backend = () => devnet.backends[0] as TronDevnet["backends"][0];
const tron = () => client(devnet.url);
const heightOf = async (id: string) =>
  (await tron().trx.getUnconfirmedTransactionInfo(id)).blockNumber as number | undefined;

function post(path: string, body: object, headers: Record<string, string> = {}) {
  return fetch(`${devnet.url}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Sends TRX and makes the block that it is in. */
async function transferred(sun: number): Promise<string> {
  const { txid } = await tron().trx.sendTransaction(bob, sun);
  await devnet.mine();
  return txid;
}

describe("the solid block", () => {
  test("is 18 behind, further after missed slots, and never goes back", async () => {
    expect(devnet.solid()).toBe(devnet.head() - 18);
    const before = devnet.solid();
    await devnet.missSlots(9);
    expect(devnet.solid()).toBeGreaterThanOrEqual(before);
    await devnet.mine(4);
    expect(devnet.head() - devnet.solid()).toBeGreaterThan(18);
    await devnet.mine(40);
    expect(devnet.head() - devnet.solid()).toBe(18);
  });
});

describe("a reorg", () => {
  test("drops a transaction: as if it had never been, and it can be sent again", async () => {
    const before = await tron().trx.getUnconfirmedBalance(bob);
    const signed = await signedTransfer(tron(), bob, 1);
    await tron().trx.sendRawTransaction(signed);
    await devnet.mine();
    const [head, id] = [devnet.head(), (await tron().trx.getCurrentBlock()).blockID];
    expect(await devnet.reorg({ depth: 1, drop: [signed.txID] })).toEqual([]);
    expect(devnet.head()).toBe(head + 1);
    expect((await tron().trx.getBlockByNumber(head)).blockID).not.toBe(id);
    expect(await tron().fullNode.request("wallet/getblockbyid", { value: id }, "post")).toEqual({});
    expect(await tron().trx.getUnconfirmedTransactionInfo(signed.txID)).toEqual({});
    expect(await tron().trx.getUnconfirmedBalance(bob)).toBe(before);
    expect((await tron().trx.sendRawTransaction(signed)).result).toBe(true);
  });

  test("moves a transaction to another block, and keeps others where they were", async () => {
    // Built before the blocks that are replaced, or their references would be lost with them.
    const [first, second] = [await signedTransfer(tron(), bob, 2), await signedTransfer(tron(), bob, 3)];
    await tron().trx.sendRawTransaction(first);
    await devnet.mine();
    await tron().trx.sendRawTransaction(second);
    await devnet.mine();
    const head = devnet.head();
    expect(await devnet.reorg({ depth: 2, move: { [first.txID]: 1 } })).toEqual([]);
    expect(await heightOf(first.txID)).toBe(head);
    expect(await heightOf(second.txID)).toBe(head);
  });

  test("delays a transaction beyond the new head, where it comes when that height is made", async () => {
    const id = await transferred(4);
    const height = (await heightOf(id)) as number;
    await devnet.reorg({ depth: 1, move: { [id]: 5 } });
    expect(await heightOf(id)).toBeUndefined();
    await devnet.mine(3);
    expect(await heightOf(id)).toBeUndefined();
    await devnet.mine();
    expect(await heightOf(id)).toBe(height + 5);
  });

  test("loses what refers to a block that is gone, and says so", async () => {
    await transferred(5);
    const id = await transferred(6);
    expect(await devnet.reorg({ depth: 2 })).toEqual([
      { id, code: "TAPOS_ERROR", message: "Tapos check error." },
    ]);
  });

  test("never replaces a solid block", async () => {
    await expect(devnet.reorg({ depth: 19 })).rejects.toThrow("can be replaced");
    await devnet.reorg({ depth: 18 });
  });
});

describe("a backend", () => {
  test("that lags knows neither the newest blocks nor what is in them", async () => {
    const slow = await devnet.addBackend();
    await devnet.mine(40);
    const id = await transferred(7);
    slow.lag = 50;
    const late = client(slow.url);
    expect((await late.trx.getCurrentBlock()).block_header.raw_data.number).toBe(devnet.head() - 50);
    expect((await late.trx.getConfirmedCurrentBlock()).block_header.raw_data.number).toBe(devnet.head() - 68);
    expect(await late.trx.getUnconfirmedTransactionInfo(id)).toEqual({});
    expect(await late.fullNode.request("wallet/getblockbynum", { num: devnet.head() }, "post")).toEqual({});
    expect(await late.trx.getUnconfirmedBalance(bob)).toBe((await tron().trx.getUnconfirmedBalance(bob)) - 7);
    // It has not heard of the block that this refers to.
    const signed = await signedTransfer(tron(), bob, 8);
    expect(await late.trx.sendRawTransaction(signed)).toMatchObject({ code: "TAPOS_ERROR" });
  });

  test.each([429, 403, 503] as const)("fails with %i for as often as it is told", async (kind) => {
    backend().faults.add({ kind, times: 2, path: "wallet/" });
    for (let failed = 0; failed < 2; failed++) {
      await expect(tron().trx.getCurrentBlock()).rejects.toMatchObject({ response: { status: kind } });
    }
    await tron().trx.getCurrentBlock();
  });

  test("answers with nothing in it", async () => {
    backend().faults.add({ kind: "empty" });
    expect(await tron().trx.getCurrentBlock()).toEqual({});
    expect(
      await tron().solidityNode.request("walletsolidity/gettransactioninfobyblocknum", { num: 1 }, "post"),
    ).toEqual([]);
    backend().faults.clear();
    expect(await tron().trx.getCurrentBlock()).toHaveProperty("blockID");
  });

  test("does not answer until one gives up", async () => {
    backend().faults.add({ kind: "timeout", times: 1 });
    await expect(
      fetch(`${devnet.url}/wallet/getnowblock`, { signal: AbortSignal.timeout(200) }),
    ).rejects.toThrow();
    expect((await fetch(`${devnet.url}/wallet/getnowblock`)).status).toBe(200);
  });

  test("fails at random, at the rate that it is told", async () => {
    backend().faults.add({ kind: 503, rate: 0.25 });
    let failed = 0;
    for (let asked = 0; asked < 200; asked++) {
      if ((await fetch(`${devnet.url}/wallet/getnowblock`)).status === 503) failed++;
    }
    expect(failed).toBeGreaterThan(20);
    expect(failed).toBeLessThan(90);
  });

  test("may be used by any page, its controls by none", async () => {
    const preflight = (path: string) =>
      fetch(`${devnet.url}/${path}`, { method: "OPTIONS", headers: { origin: "https://example.com" } });
    expect((await preflight("wallet/getnowblock")).headers.get("access-control-allow-origin")).toBe("*");
    expect((await preflight("devnet/mine")).headers.get("access-control-allow-origin")).toBeNull();
    const head = devnet.head();
    expect((await post("devnet/mine", {}, { "content-type": "text/plain" })).status).toBe(415);
    // By a name of its own that leads here: a page would read the answer as its own server's.
    const options = { path: "/devnet/mine", method: "POST" };
    for (const host of ["example.com", "127.0.0.1.example.com", "localhost:80@example.com"]) {
      const headers = { host, "content-type": "application/json" };
      expect(await statusOf(devnet.url, { ...options, headers })).toBe(403);
    }
    expect(devnet.head()).toBe(head);
    expect((await fetch(`${devnet.url}/wallet/getnowblock`)).status).toBe(200);
  });

  test("know what they are, and refuse the rest", async () => {
    for (const name of ["", "another", "constructor", "mine/1"]) {
      expect((await post(`devnet/${name}`, {})).status).toBe(404);
    }
    const { status } = await fetch(`${devnet.url}/devnet/mine`);
    expect(status).toBe(415);
  });
});

test.each<[string, () => unknown]>([
  ["blocks", () => devnet.mine(-1)],
  ["blocks", () => devnet.mine(0.5)],
  ["missed", () => devnet.missSlots(-1)],
  ["lag", async () => Object.assign(backend(), { lag: Number.NaN })],
  ["times", async () => backend().faults.add({ kind: 429, times: -1 })],
  ["blockTime", () => startTestDevnet({ blockTime: -1 })],
  ["idleBlockTime", () => startTestDevnet({ blockTime: 20, idleBlockTime: 0 })],
  ["slotMs", () => startTestDevnet({ slotMs: 0 })],
  ["chainId", () => startTestDevnet({ chainId: 2 ** 32 })],
  ["sun", () => startTestDevnet({ accounts: { [bob]: -1n } })],
  ["address", () => startTestDevnet({ accounts: { bob: 1n } })],
])("a wrong %s is refused in TypeScript as well", async (name, misuse) => {
  const head = devnet.head();
  await expect(misuse()).rejects.toThrow(ControlError);
  await expect(misuse()).rejects.toThrow(name);
  expect(devnet.head()).toBe(head);
});

test("blocks are made by themselves, or for each transaction", async () => {
  await using timed = await startTestDevnet({ blockTime: 50 });
  await expect.poll(timed.head, { timeout: 60_000 }).toBeGreaterThan(3);
  await using eager = await startTestDevnet({ mineOnBroadcast: true });
  const { txid } = await client(eager.url).trx.sendTransaction(bob, 10);
  expect(await client(eager.url).trx.getUnconfirmedTransactionInfo(txid)).toMatchObject({ blockNumber: 2 });
  expect(Object.values(await client(eager.url).isConnected())).toEqual([true, true, true]);
});

test("blocks come slowly while nobody sends anything, and a transaction wakes the chain", async () => {
  await using idle = await startTestDevnet({ blockTime: 20, idleBlockTime: 3_600_000, idleAfter: 500 });
  const asleep = async () => {
    const head = idle.head();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return idle.head() - head;
  };
  await expect.poll(asleep, { timeout: 60_000 }).toBe(0);
  const { txid } = await client(idle.url).trx.sendTransaction(bob, 10);
  const found = () => client(idle.url).trx.getUnconfirmedTransactionInfo(txid);
  await expect.poll(found, { timeout: 60_000 }).toMatchObject({ id: txid });
});

test("the state is kept for what lags 128 blocks behind the solid one, and no further", async () => {
  await devnet.mine(200);
  backend().lag = 110;
  expect(await tron().trx.getBalance(bob)).toBeGreaterThan(0);
  backend().lag = 200;
  const { Error: message } = await tron().fullNode.request<{ Error: string }>(
    "wallet/getaccount",
    { address: bob },
    "post",
  );
  expect(message).toMatch("not kept any more");
});

describe("the controls over HTTP", () => {
  test("mine, miss slots, fund, reorg, lag and fail", async () => {
    const head = devnet.head();
    expect(await (await post("devnet/mine", { blocks: 2, missed: 1 })).json()).toMatchObject({
      head: head + 2,
    });
    const { txid } = (await (await post("devnet/fund", { address: bob, sun: 9 })).json()) as { txid: string };
    await post("devnet/mine", {});
    expect(await heightOf(txid)).toBe(head + 3);
    expect(await (await post("devnet/reorg", { depth: 1, drop: [txid] })).json()).toMatchObject({
      head: head + 4,
    });
    expect(await heightOf(txid)).toBeUndefined();
    expect(await (await post("devnet/lag", { blocks: 4 })).json()).toMatchObject({ head });
    await post("devnet/lag", { blocks: 0 });
    expect((await post("devnet/fingerprints", { dropped: true })).status).toBe(200);
    expect(backend().dropFingerprints).toBe(true);
    await post("devnet/faults", { kind: 503 });
    await post("devnet/faults", { clear: true });
    expect((await fetch(`${devnet.url}/wallet/getnowblock`)).status).toBe(200);
    await post("devnet/faults", { kind: 429, times: 1 });
    expect((await fetch(`${devnet.url}/wallet/getnowblock`)).status).toBe(429);
  });

  test.each<[string, object]>([
    ["reorg", { depth: 29 }],
    ["reorg", { depth: 1.5 }],
    ["mine", { blocks: 0 }],
    ["reorg", {}],
    ["reorg", { depth: 1, longer: 0 }],
    ["reorg", { depth: 1, drop: ["00".repeat(32)] }],
    ["reorg", { depth: 1, drop: "00" }],
    ["reorg", { depth: 1, move: { ["00".repeat(32)]: 1 } }],
    ["mine", { missed: -1 }],
    ["mine", { blocks: "x" }],
    ["lag", { blocks: -1 }],
    ["lag", { blocks: 1e9 }],
    ["lag", {}],
    ["faults", {}],
    ["faults", { kind: "another" as FaultKind }],
    ["faults", { kind: 429, rate: 2 }],
    ["faults", { kind: 429, times: -1 }],
    ["faults", { kind: 429, times: 1.5 }],
    ["faults", { kind: 429, path: 7 }],
    ["fingerprints", {}],
    ["fund", { address: bob }],
    ["fund", { address: bob, sun: -1 }],
    ["fund", { address: "T", sun: 1 }],
  ])("refuse %s %o with a reason", async (name, body) => {
    const head = devnet.head();
    const response = await post(`devnet/${name}`, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toHaveProperty("Error");
    expect(devnet.head()).toBe(head);
  });
});

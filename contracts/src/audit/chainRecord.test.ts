import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createPublicClient, http } from "viem";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { bytesOf, FIRST, Pool } from "../../../scripts/audit/fixture.ts";
import {
  auditMonth,
  ChainRefusedError,
  monthIndex,
  purchasesOfMonth,
  type ReadProgress,
  readChainRecord,
} from "../index.ts";

const PURCHASES = 520;

let pool: Pool;
beforeAll(async () => {
  pool = await Pool.start();
  await pool.client.mine({ blocks: 500 });
  await pool.goTo((await pool.month()) + 1);
  for (let at = 0; at < PURCHASES; at++) await pool.buyPlan(1n, at.toString(16));
}, 300_000);
afterAll(() => pool?.stop());

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Call {
  method: string;
  params: [{ fromBlock: string; toBlock: string }];
  id: number;
}

/** The chain's node as public ones are: behind a rule of what they refuse. */
async function nodeThat(refuse: (call: Call) => string | undefined, change = (answer: string) => answer) {
  const asked: Call[] = [];
  const server = createServer(async (req, res) => {
    const body = (await req.toArray()).join("");
    const call: Call = JSON.parse(body);
    asked.push(call);
    const message = refuse(call);
    res.setHeader("content-type", "application/json");
    if (message !== undefined) {
      res.end(JSON.stringify({ jsonrpc: "2.0", id: call.id, error: { code: -32602, message } }));
      return;
    }
    const headers = { "content-type": "application/json" };
    res.end(change(await (await fetch(pool.rpcUrl, { method: "POST", headers, body })).text()));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, client: createPublicClient({ transport: http(url, { retryCount: 0 }) }) };
}

const blocksOf = ({ params: [{ fromBlock, toBlock }] }: Call) => Number(toBlock) - Number(fromBlock) + 1;
const isLogs = ({ method }: Call) => method === "eth_getLogs";

it("reads every purchase in ranges as long as the node allows, and says how far it is", async () => {
  const { client, asked } = await nodeThat((call) =>
    isLogs(call) && blocksOf(call) > 70 ? "query exceeds max block range 70" : undefined,
  );
  const progress: ReadProgress[] = [];
  const record = await readChainRecord(
    client,
    { aiforge: pool.deployment.aiforge },
    { onProgress: (at) => progress.push(at) },
  );
  expect(record.purchases).toHaveLength(PURCHASES);
  expect(record.splits).toHaveLength(2);
  expect(record).toEqual(await pool.record());
  expect(asked.filter(isLogs).length).toBeLessThan(80);
  const done = progress.map((each) => each.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(progress.at(-1)).toMatchObject({ of: "blocks", done: progress[0]!.all });

  const month = await pool.month();
  const inputs = await pool.inputs(month, FIRST, []);
  const audit = (purchases: typeof inputs.purchases) =>
    auditMonth(bytesOf({ ...inputs, purchases }), record, { month: monthIndex(inputs.month), earlier: [] });
  expect(audit(purchasesOfMonth(record.purchases, month)).ok).toBe(true);
  expect(audit(inputs.purchases.filter((_, at) => at !== 510)).ok).toBe(false);
}, 60_000);

it("asks for the blocks' times where the node does not give them with the events", async () => {
  const { client } = await nodeThat(
    () => undefined,
    (answer) => answer.replace(/"blockTimestamp":"0x[0-9a-f]+",?/g, ""),
  );
  const progress: ReadProgress[] = [];
  const onProgress = (at: ReadProgress) => progress.push(at);
  const record = await readChainRecord(client, { aiforge: pool.deployment.aiforge }, { onProgress });
  expect(record).toEqual(await pool.record());
  expect(progress.at(-1)).toEqual({ of: "block times", done: PURCHASES + 2, all: PURCHASES + 2 });
}, 60_000);

it("finds where a contract begins, and asks for all blocks where the node has no old code", async () => {
  const { aiforge } = pool.deployment;
  // Known under its own address only: the stand-in's is searched.
  const { usdt } = pool.deployment;
  const open = await nodeThat(() => undefined);
  await readChainRecord(open.client, { aiforge: usdt });
  expect(Number(open.asked.find(isLogs)?.params[0].fromBlock)).toBeGreaterThan(0);
  const pruned = await nodeThat(({ method }) => (method === "eth_getCode" ? "missing trie node" : undefined));
  await readChainRecord(pruned.client, { aiforge: usdt });
  expect(Number(pruned.asked.find(isLogs)?.params[0].fromBlock)).toBe(0);
  const given = await nodeThat(() => undefined);
  await readChainRecord(given.client, { aiforge, from: 200n });
  expect(Number(given.asked.find(isLogs)?.params[0].fromBlock)).toBe(200);
});

it("says in words that the node refuses, and ends when it is told to", async () => {
  const { aiforge } = pool.deployment;
  const { client, asked } = await nodeThat((call) => (isLogs(call) ? "not on the free plan" : undefined));
  const refused = readChainRecord(client, { aiforge });
  await expect(refused).rejects.toThrow(ChainRefusedError);
  await expect(refused).rejects.toThrow(/refuses to give events, even of block 0 alone: not on the free/);
  expect(asked.filter(isLogs).length).toBeLessThan(20);

  const timeless = await nodeThat(
    ({ method }) => (method === "eth_getBlockByNumber" ? "pruned" : undefined),
    (answer) => answer.replace(/"blockTimestamp":"0x[0-9a-f]+",?/g, ""),
  );
  await expect(readChainRecord(timeless.client, { aiforge })).rejects.toThrow(
    /the time of block \d+: pruned/,
  );

  const signal = AbortSignal.abort(new Error("Another month"));
  const open = await nodeThat(() => undefined);
  await expect(readChainRecord(open.client, { aiforge }, { signal })).rejects.toThrow("Another month");
  expect(open.asked.filter(isLogs)).toEqual([]);

  const nowhere = createPublicClient({ transport: http("http://127.0.0.1:1", { retryCount: 0 }) });
  await expect(readChainRecord(nowhere, { aiforge })).rejects.not.toThrow(ChainRefusedError);
});

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { askTron } from "@aiforge/contracts/tron";
import { RpcRequestError, TimeoutError } from "viem";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HangingNode } from "../testing/hanging-node.ts";
import { createTestApi, eventually, type TestApi } from "../testing/harness.ts";
import { CHAIN } from "../testing/market.ts";
import type { Chain } from "./chains.ts";
import { readChain } from "./read.ts";

let node: HangingNode;
let api: TestApi;
let chain: Chain;
/** Milliseconds that have passed besides those that did. */
let skipped = 0;
beforeEach(async () => {
  const now = performance.now.bind(performance);
  skipped = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + skipped);
  node = await HangingNode.open();
  api = await createTestApi({ RPC_URL_31337: node.url, CHAIN_READ_MS: "200" });
  chain = api.deps.chains.get(CHAIN);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await api.close();
  await node.close();
});

const unavailable = { code: "chain_unavailable", status: 503, retryable: true };
const head = () => readChain(chain, () => chain.client.getBlockNumber({ cacheTime: 0 }));

it("gives a node up that takes a question and never answers, before the question itself ends", async () => {
  await expect(head()).rejects.toMatchObject(unavailable);
  expect(node.taken).toBe(1);
  expect(node.givenUp).toBe(0);
});

it("then asks it nothing for a while, after which one asks and the others do not wait", async () => {
  const answers = vi.fn(async () => 1);
  await expect(head()).rejects.toMatchObject(unavailable);
  await expect(readChain(chain, answers)).rejects.toMatchObject(unavailable);
  expect(answers).not.toHaveBeenCalled();

  skipped += 11_000;
  const probe = head();
  await expect(readChain(chain, answers)).rejects.toMatchObject(unavailable);
  expect(answers).not.toHaveBeenCalled();
  await expect(probe).rejects.toMatchObject(unavailable);

  skipped += 11_000;
  expect(await readChain(chain, answers)).toBe(1);
  expect(await readChain(chain, answers)).toBe(1);
});

it("goes on asking a node that refuses at once, and passes on what is no fault of the node's", async () => {
  const refusal = new RpcRequestError({ body: {}, error: { code: -32005, message: "busy" }, url: "" });
  await expect(readChain(chain, () => Promise.reject(refusal))).rejects.toMatchObject(unavailable);
  expect(await readChain(chain, async () => 2)).toBe(2);
  const ours = new TypeError("ours");
  await expect(readChain(chain, () => Promise.reject(ours))).rejects.toBe(ours);
});

it("counts that while by no clock that can be set back", async () => {
  await expect(head()).rejects.toMatchObject(unavailable);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
  skipped += 11_000;
  expect(await readChain(chain, async () => 1)).toBe(1);
});

it("goes on asking after what may take long without the node's fault, which holds nobody up either", async () => {
  const long = () => readChain(chain, () => chain.client.getGasPrice(), { blame: false });
  await expect(long()).rejects.toMatchObject(unavailable);
  expect(node.givenUp).toBe(0);
  expect(await readChain(chain, async () => 1)).toBe(1);

  await expect(head()).rejects.toMatchObject(unavailable);
  const { taken } = node;
  await expect(long()).rejects.toMatchObject(unavailable);
  expect(node.taken).toBe(taken);
});

it("asks for the newest block anew when the question before hangs", async () => {
  const first = chain.head(0);
  const same = chain.head(0);
  await eventually("it is asked", async () => node.taken === 1);
  skipped += 250;
  const next = chain.head(0);
  await eventually("it is asked again", async () => node.taken === 2);
  for (const each of [first, same, next]) each.catch(() => undefined);
});

it("gives work more time at each of several nodes than somebody who waits", async () => {
  const slow = createServer((_, response) => setTimeout(() => response.end('{"slow":true}'), 600));
  await once(slow.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  const tron = "tron:0x2b6653dc";
  const several = await createTestApi({
    CHAIN_IDS: `31337,${tron}`,
    TRON_URL: `${url},${url}`,
    TRON_AIFORGE_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    TRON_USDT_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    CHAIN_READ_MS: "200",
  });
  try {
    const { client, patient } = several.deps.chains.get(tron);
    await expect(askTron(client)("wallet/getnodeinfo")).rejects.toThrow(TimeoutError);
    expect(await askTron(patient)("wallet/getnodeinfo")).toEqual({ slow: true });
  } finally {
    await several.close();
    slow.closeAllConnections();
    slow.close();
  }
});

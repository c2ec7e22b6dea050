import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { usdtAbi } from "@aiforge/contracts";
import { toFunctionSelector } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { get, planQuote } from "../../testing/cashier.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { fundedUser, sign } from "../../testing/market.ts";
import { RefusingNode } from "../../testing/refusing-node.ts";
import { send } from "../../testing/users.ts";

/* What looking at a page costs a node's quota. */

const TRON = "tron:0x2b6653dc";
const ALLOWANCE = toFunctionSelector(
  usdtAbi.find((item) => item.type === "function" && item.name === "allowance")!,
);

let node: RefusingNode;
let api: TestApi;
/** Tron's node: it only knows its newest block. */
let tronAsked = 0;
const tron = createServer((request, response) => {
  if (request.url === "/wallet/getblock") tronAsked++;
  const raw_data = { number: 7_000, timestamp: 1_790_000_000_000, parentHash: "0".repeat(64) };
  const blockID = `${raw_data.number.toString(16).padStart(16, "0")}${"a".repeat(48)}`;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ blockID, block_header: { raw_data } }));
});
/** The clock stands still; only this passes, in milliseconds. */
let passed = 0;

beforeAll(async () => {
  await once(tron.listen(0, "127.0.0.1"), "listening");
  node = await RefusingNode.before(process.env.API_TEST_RPC_URL!);
  api = await createTestApi({
    RPC_URL_31337: node.url,
    CHAIN_IDS: `31337,${TRON}`,
    TRON_URL: `http://127.0.0.1:${(tron.address() as AddressInfo).port}`,
    TRON_AIFORGE_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    TRON_USDT_ADDRESS: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
  });
});
beforeEach(() => {
  const start = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => start + passed);
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await api.close();
  await node.close();
  tron.closeAllConnections();
  tron.close();
});

const allowancesAsked = () =>
  node.asked.filter(({ method, params }) => {
    const [call] = (params ?? []) as [{ data?: string }?];
    return method === "eth_call" && call?.data?.startsWith(ALLOWANCE);
  }).length;

it("a dialog that looks at a payment each second asks for the allowance once a block, and sees a new one then", async () => {
  const buyer = await fundedUser(api);
  const payment = await planQuote(buyer);
  const looks = (times: number) => Promise.all(Array.from({ length: times }, () => get(buyer, payment.id)));
  const quoted = allowancesAsked();
  await looks(5);
  expect(allowancesAsked()).toBe(quoted);

  await sign(api, buyer.wallet, payment.ways!.wallet!.allowance!);
  passed += 1_100;
  const seen = await looks(5);
  // The contract's and Permit2's.
  expect(allowancesAsked()).toBe(quoted + 2);
  expect(seen.map(({ ways }) => ways!.wallet!.allowance)).toEqual(Array(5).fill(null));
});

it("who quotes anew is told what the wallet allows now", async () => {
  const buyer = await fundedUser(api);
  const { allowance } = (await planQuote(buyer)).ways!.wallet!;
  expect(allowance).not.toBeNull();
  await sign(api, buyer.wallet, allowance!);
  const again = await planQuote(buyer);
  expect(again.ways!.wallet!.allowance).toBeNull();
  expect((await get(buyer, again.id)).ways!.wallet!.allowance).toBeNull();
});

it("the newest block is asked for once in three seconds on Tron, and once a second elsewhere, by all who come", async () => {
  const heads = () => node.asked.filter(({ method }) => method === "eth_blockNumber").length;
  const look = () => Promise.all([1, 2, 3, 4].map(() => send(api, "GET", "/api/chains")));
  passed += 10_000;
  await look();
  const [before, tronBefore] = [heads(), tronAsked];
  passed += 900;
  await look();
  expect([heads(), tronAsked]).toEqual([before, tronBefore]);
  passed += 1_900;
  await look();
  expect([heads(), tronAsked]).toEqual([before + 1, tronBefore]);
  passed += 300;
  await look();
  expect([heads(), tronAsked]).toEqual([before + 1, tronBefore + 1]);
});

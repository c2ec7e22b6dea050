import { expect, test } from "vitest";
import type { TronConfig } from "../../tron/config.ts";
import { until } from "../support.ts";
import { makeBlocks, type Served, type TestNode } from "./node.ts";
import { pay, stand } from "./stand.ts";
import { scanned, type TestWatcher, tronContent } from "./support.ts";

const LENGTH = 40;
const TOP = LENGTH - 1;
const MADE = Array.from({ length: LENGTH }, (_, n) => [pay(`a${n}`, BigInt(n + 1)), pay(`b${n}`, 1n)]);
const BLOCKS = makeBlocks(MADE);
const FORK = makeBlocks(MADE, { fork: "another branch" });

const { database, node: nodeOf, run: runOn } = stand({ mayEnd: true });
const node = (blocks = BLOCKS) => nodeOf(blocks);
const run = (url: string, served: TestNode[], more: Partial<TronConfig> = {}) =>
  runOn(
    url,
    served.map((each) => each.url),
    {},
    more,
  );
const stateOf = async (watcher: TestWatcher, path: string) => {
  const { status, body } = await watcher.get(path);
  return { status, ...(JSON.parse(body) as { solidHead: number; reason: string | null }) };
};

/** The rows of the blocks as they are. */
let rows: Promise<Record<string, string[]>> | null = null;
function clean(): Promise<Record<string, string[]>> {
  rows ??= (async () => {
    const url = await database();
    run(url, [await node()]);
    await scanned(url, TOP);
    return tronContent(url);
  })();
  return rows;
}

test("a node that lies about blocks and infos changes nothing of the rows", async () => {
  const liar = await node();
  const lies: ((served: Served, number: number) => unknown)[] = [
    // A block of another branch, one of another height, one with a transaction twice, one that has fewer of them.
    (_served, number) => FORK[number]?.block,
    (_served, number) => BLOCKS[number - 1]?.block,
    ({ block }) => ({ ...block, transactions: [block.transactions, block.transactions].flat() }),
    ({ block }) => ({ ...block, transactions: [block.transactions].flat().slice(1) }),
  ];
  let told = 0;
  liar.lie = (path, { num }, answer) => {
    const number = Number(num);
    const served = BLOCKS[number];
    // The first block is what it is: there is nothing that it could be held to.
    if (!served || number === 0) return answer;
    if (path.endsWith("getblockbynum")) return lies[told++ % lies.length]?.(served, number);
    // In another order, which is no lie; of another block; one of them twice.
    if (!path.endsWith("gettransactioninfobyblocknum")) return answer;
    const others = [
      [...served.infos].reverse(),
      BLOCKS[number - 1]?.infos,
      [served.infos[0], served.infos[0]],
    ];
    return others[told++ % others.length];
  };
  const url = await database();
  const watcher = run(url, [liar, await node()]);
  await scanned(url, TOP, watcher.lines);
  expect(told).toBeGreaterThan(5);
  expect(await tronContent(url)).toEqual(await clean());
});

test("infos in another order than the block's give the same rows", async () => {
  const shuffled = await node();
  shuffled.lie = (path, _asked, answer) =>
    path.endsWith("gettransactioninfobyblocknum") ? [...(answer as unknown[])].reverse() : answer;
  const url = await database();
  run(url, [shuffled]);
  await scanned(url, TOP);
  expect(await tronContent(url)).toEqual(await clean());
});

test("a head that is not there is forgotten, and the watcher is ready at the true one", async () => {
  const liar = await node();
  let lied = false;
  liar.lie = (path, _asked, answer) => {
    if (lied || !path.endsWith("walletsolidity/getnowblock")) return answer;
    lied = true;
    const raw_data = { number: 1_000_000, parentHash: "00".repeat(32), timestamp: 0 };
    return {
      blockID: `${(1_000_000).toString(16).padStart(16, "0")}${"00".repeat(24)}`,
      block_header: { raw_data },
    };
  };
  const url = await database();
  const watcher = run(url, [liar]);
  await scanned(url, TOP);
  await until("the watcher to be ready", async () => (await stateOf(watcher, "/ready")).status === 200);
  expect(lied).toBe(true);
  expect(await stateOf(watcher, "/health")).toMatchObject({ status: 200, solidHead: TOP });
});

test("one wrong answer about the last written block throws nothing away", async () => {
  const served = await node();
  served.solid = 20;
  const url = await database();
  const first = run(url, [served]);
  await scanned(url, 20);
  await first.stop();
  let lied = false;
  served.lie = (path, { num }, answer) => {
    if (lied || !path.endsWith("getblockbynum") || num !== 20) return answer;
    lied = true;
    return FORK[20]?.block;
  };
  served.requests.clear();
  served.solid = TOP;
  const watcher = run(url, [served]);
  await scanned(url, TOP, watcher.lines);
  expect(lied).toBe(true);
  // Those that were written are not asked for again.
  expect(served.requests.get("walletsolidity/gettransactioninfobyblocknum")).toBe(TOP - 20);
  expect(await tronContent(url)).toEqual(await clean());
});

test("R18: on a public chain nodes that tell of no new block raise the alert too", async () => {
  const frozen = await node();
  frozen.solid = frozen.head = 4;
  const url = await database();
  const watcher = run(url, [frozen], { local: false, stuckMs: 1_500 });
  await until("the alert", async () => (await stateOf(watcher, "/health")).status === 503);
  await scanned(url, 4);
  await until("its reason", async () =>
    (await stateOf(watcher, "/health")).reason?.startsWith("No block after 4 has become solid"),
  );
  frozen.solid = frozen.head = TOP;
  await scanned(url, TOP);
  // On this machine a chain may rest.
  const resting = run(await database(), [frozen], { stuckMs: 1_500 });
  await until("the other to be ready", async () => (await stateOf(resting, "/ready")).status === 200);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect((await stateOf(resting, "/health")).reason ?? "").not.toContain("No block after");
});

test("a start block that is not there yet is waited for", async () => {
  const served = await node();
  served.solid = 20;
  const url = await database();
  const watcher = run(url, [served], { startBlock: 30 });
  await until("the head to be known", async () => (await stateOf(watcher, "/health")).solidHead === 20);
  expect(await stateOf(watcher, "/ready")).toMatchObject({ status: 503 });
  served.solid = TOP;
  await scanned(url, TOP, watcher.lines);
  await until("the watcher to be ready", async () => (await stateOf(watcher, "/ready")).status === 200);
  expect((await tronContent(url)).transfers).toHaveLength(2 * (TOP - 29));
});

test("nodes of two chains, and those of another public chain than was mirrored, are refused", async () => {
  const [one, other] = [await node(), await node(FORK)];
  const ended = (watcher: TestWatcher) =>
    until("the watcher to end", async () => watcher.lines.find((line) => line.startsWith("ended: ")));
  const mixed = run(await database(), [one], { solidityNodes: [other.url] });
  expect(await ended(mixed)).toContain("lead to two different chains");
  const url = await database();
  const first = run(url, [one]);
  await scanned(url, TOP);
  await first.stop();
  const before = await tronContent(url);
  expect(await ended(run(url, [other], { local: false }))).toMatch(
    /mirrors tron:0x\w{8} but TRON_URL leads to/,
  );
  expect(await tronContent(url)).toEqual(before);
});

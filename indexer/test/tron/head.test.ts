import { expect, test } from "vitest";
import { makeBlocks, type TestNode } from "./node.ts";
import { pay, stand } from "./stand.ts";
import { scanned, tronContent } from "./support.ts";

const LENGTH = 60;
const TOP = LENGTH - 1;
/** No block is empty, as on a real network: an empty one is cheaper. */
const MADE = Array.from({ length: LENGTH }, (_, n) => [pay(`a${n}`, BigInt(n + 1)), pay(`b${n}`, 1n)]);
const BLOCKS = makeBlocks(MADE);
const FORK = makeBlocks(MADE, { fork: "another branch" });

const { database, node: nodeOf, run: runOn } = stand();
const node = () => nodeOf(BLOCKS);
async function run(served: TestNode[], env: Record<string, string> = {}) {
  const url = await database();
  const urls = served.map((each) => each.url);
  return { url, watcher: runOn(url, urls, env) };
}
const asked = ({ requests }: TestNode) => [...requests.values()].reduce((sum, count) => sum + count, 0);

/** Milliseconds between two blocks; a look waits for two of them, as on a real network. */
const BLOCK_MS = 350;

test("at the head a block costs two requests", async () => {
  const served = await node();
  served.head = 28;
  served.solid = 9;
  const { url } = await run([served], { TRON_POLLING_MS: String(2 * BLOCK_MS) });
  await scanned(url, 9);
  // By the time and not by the looks: one that comes late finds more blocks, which is no dearer.
  const began = performance.now();
  const heights = () => {
    served.solid = Math.min(TOP - 19, 9 + Math.floor((performance.now() - began) / BLOCK_MS));
    served.head = served.solid + 19;
    return null;
  };
  served.fault = heights;
  await scanned(url, 11);
  const [before, from] = [asked(served), served.solid];
  await scanned(url, TOP - 22);
  const blocks = served.solid - from;
  expect(blocks).toBeGreaterThan(10);
  // A look is one of the scan's and one of what is only seen, and the infos are one a block: two blocks, four requests.
  // The first and the last look may be counted without their blocks.
  expect((asked(served) - before) / blocks).toBeLessThan(2.4);
});

test("R15: a node that lies about what follows the last written block changes nothing of the rows", async () => {
  const liar = await node();
  const blocks = (numbers: number[]) => ({ block: numbers.map((number) => BLOCKS[number]?.block) });
  const lies: ((from: number, to: number) => unknown)[] = [
    // Nothing, as a node says that lags; another branch from the last written block on, and from the next one on.
    () => ({}),
    () => ({ block: [] }),
    (from, to) => ({ block: FORK.slice(from, to + 1).map(({ block }) => block) }),
    (from, to) => ({ block: [BLOCKS[from], ...FORK.slice(from + 1, to + 1)].map((each) => each?.block) }),
    // One is left out; one is there twice.
    (from, to) =>
      blocks([from, ...Array.from({ length: Math.max(0, to - from - 1) }, (_, n) => from + 2 + n)]),
    (from) => blocks([from, from + 1, from + 1]),
    // A transaction is left out.
    (from) => ({
      block: [
        BLOCKS[from]?.block,
        { ...BLOCKS[from + 1]?.block, transactions: [BLOCKS[from + 1]?.block.transactions].flat().slice(1) },
      ],
    }),
    // More than was asked for, and none of what was.
    (from) => blocks(Array.from({ length: 12 }, (_, n) => Math.min(TOP, from + n))),
    (from) => blocks([from + 1, from + 2]),
  ];
  let told = 0;
  liar.lie = (path, { startNum }, answer) => {
    const from = Number(startNum);
    if (path !== "walletsolidity/getblockbylimitnext" || from + 2 > liar.solid) return answer;
    return lies[told++ % lies.length]?.(from, liar.solid);
  };
  liar.head = liar.solid = 3;
  const { url, watcher } = await run([liar]);
  await scanned(url, 3);
  for (let solid = 6; solid < TOP + 3; solid += 3) {
    liar.head = liar.solid = Math.min(TOP, solid);
    await scanned(url, liar.solid, watcher.lines);
  }
  expect(told).toBeGreaterThan(lies.length);
  const clean = await run([await node()]);
  await scanned(clean.url, TOP);
  expect(await tronContent(url)).toEqual(await tronContent(clean.url));
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { query, until } from "../support.ts";
import { type Fault, type Made, makeBlocks, type TestNode } from "./node.ts";
import { pay, stand } from "./stand.ts";
import { scanned, transfersIn, tronContent } from "./support.ts";

const VICTIM = fileURLToPath(new URL("./victim.ts", import.meta.url));

const { database, node: nodeOf, run } = stand();

/** Every third block pays; one in seven has two payments. */
const busy = (count: number): Made[][] =>
  Array.from({ length: count }, (_, n) =>
    n % 3 === 0 ? [pay(`b${n}`, BigInt(n + 1)), ...(n % 7 === 0 ? [pay(`c${n}`, 1n)] : [])] : [],
  );

const node = (made: Made[][]) => nodeOf(makeBlocks(made));

/** What a run without faults makes of the same blocks. */
async function clean(served: TestNode): Promise<Record<string, string[]>> {
  const calm = await nodeOf(served.blocks);
  const url = await database();
  run(url, [calm.url]);
  await scanned(url, served.blocks.length - 1, [], 300_000);
  return tronContent(url);
}

test("R13: refusals are waited out with a penalty that grows, and nothing is lost", async () => {
  const served = await node(busy(12));
  const kinds: Fault[] = [429, 403, 503];
  const at: number[] = [];
  served.fault = () => {
    at.push(performance.now());
    return at.length <= 6 ? (kinds[at.length % 3] ?? null) : null;
  };
  const url = await database();
  const watcher = run(url, [served.url]);
  await scanned(url, 11);
  expect(await tronContent(url)).toEqual(await clean(served));
  const { body } = await watcher.get("/metrics");
  for (const status of kinds) expect(body).toMatch(new RegExp(`outcome="${status}"\\} [1-9]`));
  // The watcher begins with one question at a time. The least of the jitter is half, and timers may be a little early.
  for (let n = 0; n < 6; n++) {
    expect((at[n + 1] ?? 0) - (at[n] ?? 0)).toBeGreaterThan(0.5 * 50 * 2 ** n - 5);
  }
});

test("R13: while one node refuses, the others are asked, and it is left alone", async () => {
  const [refusing, good] = [await node(busy(300)), await node(busy(300))];
  refusing.fault = () => 429;
  const url = await database();
  run(url, [refusing.url, good.url]);
  await scanned(url, 299);
  expect(await transfersIn(url)).toHaveLength(115);
  const asked = (each: TestNode) => [...each.requests.values()].reduce((sum, count) => sum + count, 0);
  // By turns each would be asked as often. It is asked again when a penalty is over, by all that ask just then.
  expect(3 * asked(refusing)).toBeLessThan(asked(good));
});

test("R13: a node that hangs is left after the limit for an answer, and nothing is lost", async () => {
  const [hanging, good] = [await node(busy(15)), await node(busy(15))];
  let answered = 0;
  // It answers the first questions, so that some are asked of it while it hangs and some before.
  hanging.fault = () => (answered++ < 8 ? null : "hang");
  const url = await database();
  const watcher = run(url, [hanging.url, good.url], { TRON_ANSWER_MS: "300" });
  await scanned(url, 14);
  expect(answered).toBeGreaterThan(8);
  expect(await tronContent(url)).toEqual(await clean(good));
  await until("it to be left", async () =>
    /outcome="timeout"\} [1-9]/.test((await watcher.get("/metrics")).body),
  );
});

test("R15: a node that lags says {} and []; the block is asked for again, and no payment is missed", async () => {
  const [lagging, good] = [await node(busy(60)), await node(busy(60))];
  lagging.head = lagging.solid = 9;
  const url = await database();
  run(url, [lagging.url, good.url]);
  await scanned(url, 59);
  expect(await tronContent(url)).toEqual(await clean(good));
});

test("R15: fewer infos than transactions are no answer", async () => {
  const served = await node(busy(10));
  const [infos] = served.blocks[6]?.infos.splice(0, 1) ?? [];
  const url = await database();
  const watcher = run(url, [served.url]);
  await scanned(url, 5);
  await until("the block to be refused", async () =>
    /outcome="bad"\} [1-9]/.test((await watcher.get("/metrics")).body),
  );
  const [cursor] = await query<{ number: string }>(url, "SELECT number FROM tron.cursor");
  expect(cursor?.number).toBe("5");
  if (infos) served.blocks[6]?.infos.push(infos);
  await scanned(url, 9);
});

test("R18: a cursor that is stuck raises the alert, in the log, the health and the metrics", async () => {
  const served = await node(busy(10));
  served.fault = (path) => (path.includes("/getblockby") && served.solid > 4 ? 503 : null);
  served.solid = 4;
  const url = await database();
  const watcher = run(url, [served.url], { TRON_STUCK_MS: "1500" });
  await scanned(url, 4);
  expect((await watcher.get("/health")).status).toBe(200);
  served.solid = 9;
  await until("the alert", async () => watcher.lines.some((line) => line.startsWith("ALERT")));
  expect(await watcher.get("/health")).toMatchObject({
    status: 503,
    body: expect.stringContaining("Block 5"),
  });
  expect((await watcher.get("/metrics")).body).toMatch(/^tron_cursor_stuck\{[^}]*\} 1$/m);
  served.fault = () => null;
  await scanned(url, 9);
  await until("the all-clear", async () => watcher.lines.some((line) => line.includes("moves again")));
  expect((await watcher.get("/health")).status).toBe(200);
});

test("a solid block with another parent is not written", async () => {
  const [good, other] = [await node(busy(20)), await node(busy(20))];
  other.blocks = makeBlocks(busy(20).slice(10), { before: good.blocks.slice(0, 10), fork: "other" });
  const [url] = [await database()];
  run(url, [good.url]);
  good.solid = 9;
  await scanned(url, 9);
  good.solid = 19;
  await scanned(url, 19);
  const before = await tronContent(url);
  // The same heights on another branch: whoever asks this node for what follows gets what does not link.
  const forked = [[pay("forked", 5n)], [pay("after", 6n)]];
  good.blocks = [...good.blocks, ...makeBlocks(forked, { before: other.blocks }).slice(20)];
  const asked = () => good.requests.get("walletsolidity/getblockbynum") ?? 0;
  const before20 = asked();
  good.solid = good.head = 21;
  const cursor = () => query<{ at: number }>(url, "SELECT number::int AS at FROM tron.cursor");
  await until(
    "the block to be written, or asked for again and again",
    async () => asked() > before20 + 12 || (await cursor())[0]?.at !== 19,
  );
  expect(await cursor()).toEqual([{ at: 19 }]);
  expect(await tronContent(url)).toEqual(before);
});

/** At one every 3 seconds. */
const AN_HOUR = 1_200;

test("an hour's blocks replayed under 5 % random faults give exactly the rows of a clean run", async () => {
  const served = [await node(busy(AN_HOUR)), await node(busy(AN_HOUR))];
  const kinds: Fault[] = [429, 403, 503, "{}", "[]", "cut", "hang"];
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  for (const each of served) {
    each.fault = () => (random() < 0.05 ? (kinds[Math.floor(random() * kinds.length)] ?? null) : null);
  }
  const url = await database();
  run(
    url,
    served.map((each) => each.url),
    { TRON_ANSWER_MS: "500" },
  );
  await scanned(url, AN_HOUR - 1, [], 300_000);
  const content = await tronContent(url);
  expect(content.transfers?.length).toBeGreaterThan(100);
  expect(content).toEqual(await clean(served[0] as TestNode));
}, 600_000);

test("killed at each step of a commit, it loses and doubles nothing", async () => {
  const served = await node(busy(40));
  const url = await database();
  const steps = ["begun", "cursor", "logs", "rows", "committed"];
  for (const [at, step] of steps.entries()) {
    const block = String(6 * (at + 1));
    const child = spawn(process.execPath, [VICTIM, step, block], {
      env: { PATH: process.env.PATH, VICTIM_DATABASE: url, VICTIM_NODE: served.url },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    const [, signal] = await once(child, "exit");
    expect(signal, lines.join("\n")).toBe("SIGKILL");
    const [cursor] = await query<{ number: string }>(url, "SELECT number FROM tron.cursor");
    expect(Number(cursor?.number)).toBe(step === "committed" ? Number(block) : Number(block) - 1);
  }
  run(url, [served.url]);
  await scanned(url, 39);
  expect(await tronContent(url)).toEqual(await clean(served));
});

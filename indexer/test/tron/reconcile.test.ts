import { showTronAddress } from "@aiforge/contracts";
import { toHex } from "viem";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { keptLists, listedSince, notKept } from "../../tron/lists.ts";
import { TronNode } from "../../tron/node.ts";
import { connect } from "../../tron/store.ts";
import { query, until } from "../support.ts";
import { listed, type Made, makeBlocks, startNode, type TestNode, transferLog, txOf } from "./node.ts";
import {
  CASHIER,
  configFor,
  rowsSchemaIn,
  SENDER,
  scanned,
  type TestWatcher,
  transfersIn,
  tronContent,
  USDT,
  watch,
} from "./support.ts";

const PAGE = 200;
const HOUR = 3_600_000;

const ENTRIES = Array.from({ length: 450 }, (_, n) =>
  // Several share a time, across the ends of pages too.
  listed(`event ${n}`, n, 3000 * Math.floor(n / 3), BigInt(n)),
);
const ALL = ENTRIES.map(({ transaction_id }) => `0x${transaction_id}`);

let node: TestNode;
let watchers: TestWatcher[];
let databases: Awaited<ReturnType<typeof createDatabase>>[];
beforeEach(async () => {
  [watchers, databases] = [[], []];
  node = await startNode(makeBlocks([[]]));
});
afterEach(async () => {
  for (const watcher of watchers) await watcher.stop();
  await node.close();
  for (const database of databases) await database.drop();
});

const sinceOf = (asked: URLSearchParams) =>
  Number(asked.get("min_block_timestamp") ?? asked.get("min_timestamp"));

/**
 * Pages as an event server gives them; `keep` says which may have a fingerprint, `refuse` which is refused, `both`
 * whether the contract's events are listed too.
 */
function serve(
  entries: ReturnType<typeof listed>[],
  {
    keep = () => true,
    refuse = () => false,
    both = false,
  }: { keep?: (page: number) => boolean; refuse?: (from: number) => boolean; both?: boolean } = {},
) {
  const asked: URLSearchParams[] = [];
  let page = 0;
  node.pages = (params) => {
    asked.push(params);
    const fingerprint = params.get("fingerprint");
    if (fingerprint && refuse(Number(fingerprint))) return { success: false, error: "fingerprint" };
    if (params.has("min_block_timestamp") && !both) return { success: true, data: [], meta: {} };
    const since = entries.filter((each) => each.block_timestamp >= sinceOf(params));
    const from = Number(fingerprint ?? 0);
    const data = since.slice(from, from + PAGE);
    const more = from + PAGE < since.length && keep(page++);
    return { success: true, data, meta: more ? { fingerprint: String(from + PAGE) } : {} };
  };
  return asked;
}

const [events, transfers] = keptLists(configFor("postgres://localhost/none", ["http://localhost"]));

/** What comes of a list, once each. */
async function found(list: typeof events): Promise<(string | null)[]> {
  const asking = new TronNode(configFor("postgres://localhost/none", [node.url]));
  const hashes = new Set<string | null>();
  if (!list) throw new Error("There is no such list");
  for await (const page of listedSince(asking, list, 0, new AbortController().signal)) {
    for (const { txHash } of page) hashes.add(txHash);
  }
  return [...hashes].sort();
}

test.each([
  { name: "every page has a fingerprint", keep: () => true, refuse: () => false },
  { name: "no full page has one", keep: () => false, refuse: () => false },
  { name: "the second page lacks it", keep: (page: number) => page !== 1, refuse: () => false },
  { name: "it is refused", keep: () => true, refuse: () => true },
  { name: "the second is refused", keep: () => true, refuse: (from: number) => from === 2 * PAGE },
])("R16: every event and every transfer is found when $name", async (way) => {
  serve(ENTRIES, { ...way, both: true });
  expect(await found(events)).toEqual([...ALL].sort());
  serve(ENTRIES, way);
  expect(await found(transfers)).toEqual([...ALL].sort());
});

test("what a list of transfers has beside USDT to the cashier is none of ours", async () => {
  const asked = serve([
    listed("approval", 1, 1, 1n, { type: "Approval" }),
    listed("away", 2, 2, 1n, { to: showTronAddress(SENDER) }),
    listed("fake", 3, 3, 1n, { token_info: { symbol: "USDT", address: showTronAddress(SENDER) } }),
    listed("nameless", 4, 4, 1n, { token_info: null }),
    listed("ours", 5, 5),
  ]);
  expect(await found(transfers)).toEqual([txOf("ours"), null].sort());
  expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
    only_to: "true",
    only_confirmed: "true",
    contract_address: showTronAddress(USDT),
  });
});

const pay = (seed: string, ...amounts: bigint[]): Made => ({
  seed,
  logs: amounts.map((amount) => transferLog(USDT, SENDER, CASHIER, amount)),
});

const BLOCKS = 30;
const EACH = 20;
const APART = 7_200;

const timeOf = (block: number) => 1000 * (1_700_000_000 + APART * block);
const LAST = timeOf(BLOCKS - 1);

/** Payments that fill three pages, the blocks two hours apart; the first of block 3 moves the same amount twice. */
async function payments() {
  const made = Array.from({ length: BLOCKS }, (_, block) =>
    Array.from({ length: EACH }, (_, n) => {
      const amount = BigInt(block * EACH + n + 1);
      return pay(`p${block}.${n}`, ...(block === 3 && n === 0 ? [amount, amount] : [amount]));
    }),
  );
  node.blocks = makeBlocks(made, { apart: APART });
  node.head = node.solid = BLOCKS - 1;
  const database = await createDatabase();
  databases.push(database);
  const entries = made.flatMap((each, block) =>
    each.flatMap(({ seed, logs = [] }) =>
      logs.map(({ data = "0x0" }) => listed(seed, block, timeOf(block), BigInt(data))),
    ),
  );
  return { url: database.url, entries };
}

function run(url: string, env: Record<string, string> = {}): TestWatcher {
  const watcher = watch(configFor(url, [node.url], { TRON_RECONCILE_MS: "100", ...env }));
  watchers.push(watcher);
  return watcher;
}

const reconciledIn = async (url: string) =>
  Object.fromEntries(
    (await query<{ list: string; timestamp: string }>(url, "SELECT * FROM tron.reconciled")).map(
      ({ list, timestamp }) => [list, Number(timestamp)],
    ),
  );

test("the next watcher goes on from where the last one compared, less an hour", async () => {
  const { url, entries } = await payments();
  let asked = serve(entries);
  const watcher = run(url);
  await until("all to be compared", async () => (await reconciledIn(url)).transfers === LAST);
  expect(await reconciledIn(url)).toEqual({ events: LAST, transfers: LAST });
  // Nothing before the start block is asked for.
  expect(Math.min(...asked.map(sinceOf))).toBe(timeOf(0));
  await watcher.stop();
  asked = serve(entries);
  run(url);
  await until("both lists to be asked for again", async () =>
    asked.some((each) => each.has("min_timestamp")),
  );
  expect([...new Set(asked.map(sinceOf))]).toEqual([LAST - HOUR]);
});

test("a comparison that breaks off goes on from its last page", async () => {
  const { url, entries } = await payments();
  const asked = serve(entries, { keep: () => false });
  const pages = node.pages;
  // A page of transfers comes, then the event server is gone.
  let gone = true;
  node.pages = (params) =>
    gone && sinceOf(params) > timeOf(0) && params.has("min_timestamp") ? null : pages(params);
  const watcher = run(url);
  await until("it to break off", async () => watcher.lines.join().includes("could not be reconciled"));
  const { transfers: reached } = await reconciledIn(url);
  expect(reached).toBe(entries[PAGE - 1]?.block_timestamp);
  asked.length = 0;
  gone = false;
  await until("the rest", async () => (await reconciledIn(url)).transfers === LAST);
  expect(Math.min(...asked.filter((each) => each.has("min_timestamp")).map(sinceOf))).toBe(
    Number(reached) - HOUR,
  );
});

test("payments that were lost are put back, and everything else stays meanwhile", async () => {
  const { url, entries } = await payments();
  const first = run(url, { TRON_RECONCILE_MS: "0" });
  await scanned(url, BLOCKS - 1, first.lines);
  await first.stop();
  const content = await tronContent(url);
  const schema = await rowsSchemaIn(url);
  // Of the amount that was moved twice, one is lost.
  for (const seed of ["p3.0", "p4.5", "p20.0"]) {
    const where = `WHERE tx_hash = '${txOf(seed)}' AND log_index = (SELECT max(log_index) FROM tron.logs WHERE tx_hash = '${txOf(seed)}')`;
    await query(url, `DELETE FROM ${schema}.transfers ${where}; DELETE FROM tron.logs ${where}`);
  }
  serve(entries);
  node.requests.clear();
  const second = run(url);
  const seen: number[] = [];
  await until("the rows to be back", async () => {
    seen.push((await transfersIn(url)).length);
    return seen.at(-1) === entries.length;
  });
  expect(await tronContent(url)).toEqual(content);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(entries.length - 3);
  // A page at a time, and only the blocks that lacked something.
  expect(
    second.lines.filter((line) => line.includes("read again")).map((line) => /: ([\d, ]+)\./.exec(line)?.[1]),
  ).toEqual(["3, 4", "20"]);
  expect(node.requests.get("walletsolidity/gettransactioninfobyblocknum")).toBe(3);
  expect((await second.get("/metrics")).body).toMatch(/^tron_missing_events\{[^}]*\} 3$/m);
});

test("what only the event server knows, and a block that does not link, change nothing", async () => {
  const { url, entries } = await payments();
  const first = run(url, { TRON_RECONCILE_MS: "0" });
  await scanned(url, BLOCKS - 1, first.lines);
  await first.stop();
  const before = await tronContent(url);
  serve([
    ...entries.slice(0, 150),
    listed("p7.0", 7, timeOf(7), 5n),
    listed("made up", 9, timeOf(7), 5n),
    ...entries.slice(150),
  ]);
  const other = makeBlocks([[], [], [], [], [], [], [], [pay("p7.0", 5n)]], { fork: "other" });
  node.lie = (path, asked, answer) => {
    if (asked.num !== 7) return answer;
    return path.endsWith("getblockbynum")
      ? other[7]?.block
      : path.endsWith("byblocknum")
        ? other[7]?.infos
        : answer;
  };
  const second = run(url);
  await until("the block to be refused", async () => second.lines.join().includes("Block 7 is not the one"));
  node.lie = (_path, _asked, answer) => answer;
  await until("the rest", async () => (await reconciledIn(url)).transfers === LAST);
  expect(await tronContent(url)).toEqual(before);
  expect(second.lines.join()).not.toContain("read again");
});

test("a log that another chain has in the same place does not count as kept", async () => {
  const { url, entries } = await payments();
  const watcher = run(url, { TRON_RECONCILE_MS: "0" });
  await scanned(url, BLOCKS - 1, watcher.lines);
  const page = entries.slice(0, 2).map((each) => ({
    txHash: `0x${each.transaction_id}` as const,
    block: 0,
    timestamp: each.block_timestamp,
    data: toHex(BigInt(each.value), { size: 32 }),
  }));
  const client = await connect(url);
  try {
    const unknown = () => notKept(client, transfers as NonNullable<typeof transfers>, page);
    expect(await unknown()).toEqual([]);
    await client.query("UPDATE tron.logs SET chain_id = 'tron:0x1' WHERE tx_hash = $1", [page[1]?.txHash]);
    expect(await unknown()).toEqual([page[1]]);
  } finally {
    await client.end();
  }
});

test("R15: a payment is put back though a node that lags knows no transaction, and one that nobody knows is told", async () => {
  const { url, entries } = await payments();
  const first = run(url, { TRON_RECONCILE_MS: "0" });
  await scanned(url, BLOCKS - 1, first.lines);
  await first.stop();
  const before = await tronContent(url);
  const schema = await rowsSchemaIn(url);
  for (const seed of ["p4.5", "p20.0"]) {
    const where = `WHERE tx_hash = '${txOf(seed)}'`;
    await query(url, `DELETE FROM ${schema}.transfers ${where}; DELETE FROM tron.logs ${where}`);
  }
  // The first names its block, the second none, and the third is in no block at all.
  serve([
    ...entries.map((each) => (each.block_number === 20 ? { ...each, block_number: Number.NaN } : each)),
    listed("made up", 29, LAST),
  ]);
  const asked = new Map<unknown, number>();
  node.lie = (path, { value }, answer) => {
    if (!path.endsWith("gettransactioninfobyid")) return answer;
    asked.set(value, (asked.get(value) ?? 0) + 1);
    return asked.get(value) === 1 ? {} : answer;
  };
  const second = run(url);
  await until("all to be compared", async () => (await reconciledIn(url)).transfers === LAST);
  expect(await tronContent(url)).toEqual(before);
  expect(asked.get(txOf("p4.5").slice(2))).toBeUndefined();
  expect(asked.get(txOf("p20.0").slice(2))).toBe(2);
  expect(second.lines.join()).toContain(
    `No node knows 1 of the listed transactions, they are passed over: ${txOf("made up")}.`,
  );
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { TronNode } from "../../tron/node.ts";
import { eventsSince } from "../../tron/reconcile.ts";
import { makeBlocks, startNode, type TestNode, txOf } from "./node.ts";
import { AIFORGE, configFor } from "./support.ts";

const PAGE = 200;
const EVENTS = Array.from({ length: 450 }, (_, n) => ({
  transaction_id: txOf(`event ${n}`).slice(2),
  block_number: n,
  // Several events share a time, across the ends of pages too.
  block_timestamp: 3000 * Math.floor(n / 3),
  event_index: 0,
}));
const ALL = EVENTS.map(({ transaction_id }) => `0x${transaction_id}`);

let node: TestNode;
beforeEach(async () => {
  node = await startNode(makeBlocks([[]]));
});
afterEach(() => node.close());

/** Pages as the events API gives them; `keep` says which may have a fingerprint, `refuse` which is refused. */
function serve({ keep, refuse }: { keep: (page: number) => boolean; refuse: (from: number) => boolean }) {
  let page = 0;
  node.pages = (query) => {
    const fingerprint = query.get("fingerprint");
    if (fingerprint && refuse(Number(fingerprint))) return { success: false, error: "fingerprint" };
    const since = EVENTS.filter((each) => each.block_timestamp >= Number(query.get("min_block_timestamp")));
    const from = Number(fingerprint ?? 0);
    const data = since.slice(from, from + PAGE);
    const more = from + PAGE < since.length && keep(page++);
    return { success: true, data, meta: more ? { fingerprint: String(from + PAGE) } : {} };
  };
}

async function found(): Promise<string[]> {
  const asking = new TronNode(configFor("postgres://localhost/none", [node.url]));
  const places = await eventsSince(asking, AIFORGE, 0, new AbortController().signal);
  return places.map(({ txHash }) => txHash).sort();
}

test.each([
  { name: "every page has a fingerprint", keep: () => true, refuse: () => false },
  { name: "no full page has one", keep: () => false, refuse: () => false },
  { name: "the second page lacks it", keep: (page: number) => page !== 1, refuse: () => false },
  { name: "it is refused", keep: () => true, refuse: () => true },
  { name: "the second is refused", keep: () => true, refuse: (from: number) => from === 2 * PAGE },
])("R16: every event is found when $name", async ({ keep, refuse }) => {
  serve({ keep, refuse });
  expect(await found()).toEqual([...ALL].sort());
});

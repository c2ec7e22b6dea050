import { afterEach, beforeEach, expect, test } from "vitest";
import { TronChain } from "../../tron/chain.ts";
import { TronNode } from "../../tron/node.ts";
import { verifyTransaction } from "../../tron/verify.ts";
import { makeBlocks, startNode, type TestNode, txOf } from "./node.ts";
import { configFor } from "./support.ts";

const ID = txOf("paid");
const BLOCKS = makeBlocks([
  [],
  [{ seed: "paid" }, { seed: "failed", result: "REVERT" }],
  ...Array.from({ length: 24 }, () => []),
]);

let full: TestNode;
let solid: TestNode;
beforeEach(async () => {
  [full, solid] = [await startNode(BLOCKS), await startNode(BLOCKS)];
});
afterEach(async () => {
  await full.close();
  await solid.close();
});

function stands(id = ID) {
  const config = configFor("postgres://localhost/none", [full.url], { TRON_SOLIDITY_URL: solid.url });
  return verifyTransaction(new TronChain(new TronNode(config), new AbortController().signal), id, 2);
}

/** Lets a node say something else of a transaction. */
const telling = (served: TestNode, change: object | null) => {
  served.lie = (path, _asked, answer) =>
    path.endsWith("gettransactioninfobyid") ? change && { ...(answer as object), ...change } : answer;
};

test("a transaction is confirmed when both reads agree, it is solid and has its confirmations", async () => {
  full.head = 19;
  expect(await stands()).toEqual({ state: "confirmed", block: 1, confirmations: 19, reason: null });
  expect(await stands(txOf("failed"))).toEqual({
    state: "failed",
    block: 1,
    confirmations: 19,
    reason: "no",
  });
  expect(await stands(txOf("unheard of"))).toEqual({ state: "unknown" });
});

test("solid but with too few confirmations it is only seen", async () => {
  full.head = 18;
  expect(await stands()).toMatchObject({ state: "seen", confirmations: 18 });
  expect(await stands(txOf("failed"))).toMatchObject({ state: "seen" });
});

test("with its confirmations but not solid it is only seen", async () => {
  solid.solid = 0;
  expect(await stands()).toMatchObject({ state: "seen", block: 1, confirmations: 18 });
});

test("known to the solidified state only it is only seen", async () => {
  full.lie = (path, _asked, answer) => (path.endsWith("gettransactioninfobyid") ? {} : answer);
  expect(await stands()).toMatchObject({ state: "seen", block: 1 });
});

test("in two different blocks it is only seen", async () => {
  telling(full, { blockNumber: 2 });
  expect(await stands()).toMatchObject({ state: "seen" });
});

test("what is said of another transaction is no answer", async () => {
  telling(solid, { id: txOf("another").slice(2) });
  await expect(stands()).rejects.toThrow("got 0x");
});

import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../../testing/harness.ts";
import { CHAIN } from "../../../testing/market.ts";
import { ordersIn, putOff } from "./orders.ts";
import { cashierOrders } from "./schema.ts";

/** Nobody works on it. */
const NOWHERE = "eip155:987654321";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterEach(async () => {
  await api.deps.db.delete(cashierOrders).where(eq(cashierOrders.chain, NOWHERE));
});
afterAll(() => api.close());

const call = { to: "0x", data: "0x", abi: "aiforge", functionName: "deposit", args: [] } as never;
const order = { chain: NOWHERE, signer: "0x1", amount: 10_000n, call };

it("an allowance comes first, and a purchase before the credit of however many small transfers", async () => {
  const { db, chains } = api.deps;
  for (const kind of [
    ...Array.from({ length: 20 }, () => "credit" as const),
    "purchase",
    "approve",
  ] as const) {
    await db.insert(cashierOrders).values({ ...order, kind });
  }
  const chain = { ...chains.get(CHAIN), chain: NOWHERE };
  const kinds = (await ordersIn(db, chain, "pending", 16)).map(({ kind }) => kind);
  expect(kinds).toEqual(["approve", "purchase", ...Array.from({ length: 14 }, () => "credit")]);
});

it("what had to wait comes after what did not, and the longer ago it was tried the earlier", async () => {
  const { db, chains } = api.deps;
  const chain = { ...chains.get(CHAIN), chain: NOWHERE };
  for (let each = 0; each < 3; each++) await db.insert(cashierOrders).values({ ...order, kind: "purchase" });
  const [first, second, third] = await ordersIn(db, chain, "pending", 3);
  for (const each of [second, first, third]) await putOff(db, each!);
  await db.insert(cashierOrders).values({ ...order, kind: "credit" });
  const [credit, ...waiting] = await ordersIn(db, chain, "pending", 16);
  expect(credit!.kind).toBe("credit");
  expect(waiting.map(({ seq }) => seq)).toEqual([second, first, third].map((each) => each!.seq));
});

import { setTimeout as sleep } from "node:timers/promises";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { quote } from "../../testing/plain-transfers.ts";
import { walletUser } from "../../testing/users.ts";
import { payments } from "./schema.ts";
import { startPaymentMatching } from "./worker.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

it("looks for what was paid with each block, and not while there is none", async () => {
  const { db } = api.deps;
  const client = testClient(api.rpcUrl);
  const { id } = await quote(await walletUser(api), { purpose: "plan", plan: 1 });
  /** As one whose event the chain took back. */
  const orphan = () =>
    db
      .update(payments)
      .set({ txHash: `0x${"ab".repeat(32)}`, logIndex: 1, matchedAt: new Date() })
      .where(eq(payments.id, id));
  const isMatched = async () => {
    const [row] = await db.select().from(payments).where(eq(payments.id, id));
    return row!.logIndex !== null;
  };
  const everyMs = 50;
  const worker = startPaymentMatching(api.deps, { everyMs });
  try {
    await orphan();
    await eventually("it is let go", async () => !(await isMatched()));
    await client.setIntervalMining({ interval: 0 });
    const head = await client.getBlockNumber({ cacheTime: 0 });
    await eventually("the mirror is there", async () => {
      const { rows } = await db.$client.query("SELECT block_number AS at FROM chain.heads");
      return BigInt(rows[0].at) >= head;
    });
    await sleep(20 * everyMs);
    await orphan();
    await sleep(20 * everyMs);
    expect(await isMatched()).toBe(true);
    await client.mine({ blocks: 1 });
    await eventually("it is let go", async () => !(await isMatched()));
  } finally {
    await client.setIntervalMining({ interval: 1 });
    await worker.stop();
  }
});

it("finds both the quotes that wait and those that were matched by an index", async () => {
  const { rows } = await api.deps.db.$client.query<{ name: string }>(
    "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'app' AND tablename = 'payments'",
  );
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(["payments_open", "payments_matched"]));
});

import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { aiforgeAbi, demoAccount, parseUsdt } from "@aiforge/contracts";
import { eq } from "drizzle-orm";
import type { PrivateKeyAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { chainPlanPurchases } from "../../../chain/schema.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../../testing/harness.ts";
import { CHAIN } from "../../../testing/market.ts";
import { quote, sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { walletUser } from "../../../testing/users.ts";
import type { PaymentView } from "../shapes.ts";
import type { Step } from "./round.ts";
import { startCashier } from "./worker.ts";

const CASHIER = demoAccount("cashier").address;

let api: TestApi;
let exchange: PrivateKeyAccount;
let running: ChildProcess | undefined;

beforeAll(async () => {
  api = await createTestApi();
  exchange = await fundedWallet(api.rpcUrl, 1_000_000_000n);
});
afterEach(() => void running?.kill("SIGKILL"));
afterAll(() => api.close());

async function startChild(dieAt?: Step): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../../testing/cashier-child.ts", import.meta.url))],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        DATABASE_URL: api.deps.config.DATABASE_URL,
        RPC_URL_31337: api.rpcUrl,
        AUTH_SECRET: api.deps.config.AUTH_SECRET,
        WEIGHTS_SECRET: api.deps.config.WEIGHTS_SECRET,
        DATA_DIR: api.deps.config.DATA_DIR,
        LOG_LEVEL: "silent",
        ...(dieAt && { DIE_AT: dieAt }),
      },
    },
  );
  running = child;
  await once(child.stdout!, "data");
  return child;
}

async function transferred(): Promise<PaymentView> {
  const buyer = await walletUser(api);
  const payment = await quote(buyer, { purpose: "plan", plan: 1 });
  await sendUsdt(api, exchange, CASHIER, parseUsdt(payment.ways!.transfer!.amount));
  return payment;
}

const purchases = (payment: PaymentView) =>
  api.deps.db.select().from(chainPlanPurchases).where(eq(chainPlanPurchases.account, payment.account));

const creditOf = (payment: PaymentView) => {
  const { client, aiforge } = api.deps.chains.get(CHAIN);
  const args = [payment.wallet as `0x${string}`] as const;
  return client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args });
};

/** Finishes what a killed cashier left, and holds it to: each bought once, each tail credited once, nothing kept. */
async function expectOnce(payments: PaymentView[], before: bigint): Promise<void> {
  const worker = startCashier(api.deps, { everyMs: 100 });
  try {
    for (const payment of payments) {
      const tail = parseUsdt(payment.ways!.transfer!.amount) - 10_000_000n;
      await eventually("the purchase is made and its tail credited", async () => {
        return (await creditOf(payment)) === tail && (await purchases(payment)).length > 0;
      });
    }
    const { client } = api.deps.chains.get(CHAIN);
    const [sent, open] = await Promise.all([
      client.getTransactionCount({ address: CASHIER }),
      api.deps.db.$client.query(
        "SELECT count(*)::int AS n FROM app.cashier_orders WHERE state IN ('pending', 'signed')",
      ),
    ]);
    expect(sent).toBeGreaterThan(0);
    expect(open.rows[0].n).toBeLessThanOrEqual(payments.length);
    // Whatever would still come, comes now.
    const head = await client.getBlockNumber({ cacheTime: 0 });
    await eventually(
      "5 more blocks",
      async () => (await client.getBlockNumber({ cacheTime: 0 })) > head + 5n,
    );
    for (const payment of payments) expect(await purchases(payment)).toHaveLength(1);
    expect(await usdtOf(api, CASHIER)).toBe(before);
  } finally {
    await worker.stop();
  }
}

const STEPS: Step[] = ["started", "decided", "tried", "signed", "sent", "mined", "settled", "finished"];

it("a cashier that is killed after each of its steps buys each once", async () => {
  const before = await usdtOf(api, CASHIER);
  const payments: PaymentView[] = [];
  for (const step of STEPS) {
    payments.push(await transferred());
    const child = await startChild(step);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect([step, child.signalCode]).toEqual([step, "SIGKILL"]);
  }
  await expectOnce(payments, before);
}, 600_000);

it("a cashier that is killed again and again, at any moment, buys each once", async () => {
  const before = await usdtOf(api, CASHIER);
  const payments: PaymentView[] = [];
  for (let kills = 0; kills < 5; kills++) {
    if (kills % 2 === 0) payments.push(await transferred());
    const child = await startChild();
    await sleep(randomInt(20, 1_500));
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await expectOnce(payments, before);
}, 120_000);

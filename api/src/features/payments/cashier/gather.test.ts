import { eq, inArray } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { revertTo, testClient } from "../../../../../scripts/testing/chain.ts";
import { asked, CASHIER, CashierStand, get, planQuote } from "../../../testing/cashier.ts";
import { eventually } from "../../../testing/harness.ts";
import { fundedUser, paymentIn } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { bodyOf, type TestWalletUser, walletUser } from "../../../testing/users.ts";
import type { Received } from "../shapes.ts";
import { cashierRound, type Step } from "./round.ts";
import { cashierOrders, incomingTransfers } from "./schema.ts";

const PRICE = 10_000_000n;

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open({ CASHIER_LEAST_CREDIT: "1" });
});
beforeEach(() => stand.start());
afterAll(async () => {
  // The other files find nothing that waits.
  await stand.stop();
  const chain = { ...stand.chain(), leastCredit: 0n };
  await eventually("all is credited", async () => {
    await cashierRound(stand.api.deps, chain, stand.account);
    return (await ordersIn("waiting", "pending", "signed")) === 0;
  });
  await stand.close();
});

const db = () => stand.api.deps.db;
const sentByCashier = () => stand.chain().client.getTransactionCount({ address: CASHIER });
const ordersIn = (...states: (typeof cashierOrders.$inferSelect.state)[]) =>
  db().$count(cashierOrders, inArray(cashierOrders.state, states));

const creditOrders = (user: TestWalletUser) =>
  db()
    .select({ state: cashierOrders.state, amount: cashierOrders.amount, txHash: cashierOrders.txHash })
    .from(cashierOrders)
    .innerJoin(incomingTransfers, eq(incomingTransfers.id, cashierOrders.transferId))
    .where(eq(incomingTransfers.payee, user.wallet.address.toLowerCase()))
    .orderBy(cashierOrders.seq);

const transfersOf = async (user: TestWalletUser) =>
  (await bodyOf<{ transfers: Received[] }>(await user.call("GET", "/api/payments/transfers"))).transfers;

const waits = (user: TestWalletUser, count: number) =>
  eventually(`${count} transfers wait`, async () => {
    const waiting = (await transfersOf(user)).filter((each) => each.waiting !== "0.00");
    return waiting.length === count;
  });

it("the tail of a purchase costs no transaction of its own: it waits, is shown, and comes with the next credit", async () => {
  const buyer = await fundedUser(stand.api);
  const payment = await planQuote(buyer);
  const tail = asked(payment) - PRICE;
  // A first purchase may need an allowance.
  const first = await fundedUser(stand.api);
  const other = await planQuote(first);
  await sendUsdt(stand.api, stand.exchange, CASHIER, asked(other));
  await paymentIn(first, other.id, "confirmed");
  const [sent, before] = await Promise.all([sentByCashier(), usdtOf(stand.api, CASHIER)]);

  await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
  await paymentIn(buyer, payment.id, "confirmed");
  await waits(buyer, 1);
  const { received } = await get(buyer, payment.id);
  const shown = payment.ways!.transfer!.amount.replace(/^10\./, "0.");
  expect(received).toMatchObject({ waiting: shown, credited: "0.00", creditTxHash: null, reason: null });
  expect(await sentByCashier()).toBe(sent + 1);
  expect(await stand.creditOf(buyer.wallet.address)).toBe(0n);
  expect((await usdtOf(stand.api, CASHIER)) - before).toBe(tail);

  await sendUsdt(stand.api, buyer.wallet, CASHIER, 2_000_000n);
  await stand.credited(buyer.wallet.address, tail + 2_000_000n);
  const told = await eventually("it is told", async () => {
    const transfers = await transfersOf(buyer);
    return transfers.every(({ creditTxHash }) => creditTxHash) ? transfers : null;
  });
  expect(told.map(({ credited, waiting }) => [credited, waiting])).toEqual([
    ["2.00", "0.00"],
    [shown, "0.00"],
  ]);
  expect(new Set(told.map(({ creditTxHash }) => creditTxHash)).size).toBe(1);
  expect(await sentByCashier()).toBe(sent + 2);
  expect(await usdtOf(stand.api, CASHIER)).toBe(before);
});

it("small transfers become credit in one transaction once they are enough together", async () => {
  const user = await fundedUser(stand.api);
  for (const amount of [300_000n, 400_000n]) await sendUsdt(stand.api, user.wallet, CASHIER, amount);
  await waits(user, 2);
  const [newest] = await transfersOf(user);
  expect(newest!.reason!.message).toContain("The 0.40 USDT are too little for a transaction of their own");
  const sent = await sentByCashier();
  await sendUsdt(stand.api, user.wallet, CASHIER, 300_000n);
  await stand.credited(user.wallet.address, 1_000_000n);
  await eventually("it is settled", async () =>
    (await transfersOf(user)).every(({ creditTxHash }) => creditTxHash),
  );
  expect(await sentByCashier()).toBe(sent + 1);
  const orders = await creditOrders(user);
  expect(orders.map(({ state, amount }) => [state, amount])).toEqual([
    ["done", 300_000n],
    ["done", 400_000n],
    ["done", 300_000n],
  ]);
});

it("is paid once though the cashier dies after each of its steps, and several work at once", async () => {
  await stand.stop();
  const user = await fundedUser(stand.api);
  const before = await usdtOf(stand.api, CASHIER);
  const steps: Step[] = ["decided", "signed", "sent", "settled"];
  for (const step of steps) {
    for (let each = 0; each < 2; each++) await sendUsdt(stand.api, user.wallet, CASHIER, 600_000n);
    await eventually(`a round ends at ${step}`, async () => {
      const at = (now: Step) => {
        if (now === step) throw new Error("ends here");
      };
      return stand.round({ at }).then(
        () => false,
        () => true,
      );
    });
    await Promise.allSettled([stand.round(), stand.round()]);
  }
  await eventually("all is credited", async () => {
    await stand.round();
    return (
      (await creditOrders(user)).length === 2 * steps.length && (await ordersIn("pending", "signed")) === 0
    );
  });
  const orders = await creditOrders(user);
  const done = orders.filter(({ state }) => state === "done");
  expect(done.length).toBeGreaterThan(1);
  expect(await stand.creditOf(user.wallet.address)).toBe(BigInt(done.length) * 600_000n);
  expect(new Set(done.map(({ txHash }) => txHash)).size).toBeLessThan(done.length);
  const waiting = BigInt(orders.length - done.length) * 600_000n;
  expect((await usdtOf(stand.api, CASHIER)) - before).toBe(waiting);
});

it("what the chain takes back is sent again, with all that it carried, and paid once", async () => {
  await stand.stop();
  const client = testClient(stand.api.rpcUrl);
  const user = await walletUser(stand.api, (await fundedUser(stand.api)).wallet);
  for (let each = 0; each < 2; each++) await sendUsdt(stand.api, user.wallet, CASHIER, 700_000n);
  const decided = {
    at: (step: Step) => (step === "decided" ? Promise.reject(new Error("not further")) : undefined),
  };
  await eventually("both are decided", async () => {
    await stand.round(decided).catch(() => undefined);
    return (await creditOrders(user)).length === 2;
  });
  await client.setIntervalMining({ interval: 0 });
  try {
    const before = await usdtOf(stand.api, CASHIER);
    const snapshot = await client.snapshot();
    const start = await client.getBlockNumber({ cacheTime: 0 });
    const settled = async () => {
      await stand.round();
      await client.mine({ blocks: 1 });
      const orders = await creditOrders(user);
      return orders.every(({ state }) => state === "done") ? orders : null;
    };
    const orders = await eventually("both are credited", settled);
    expect(await stand.creditOf(user.wallet.address)).toBe(1_400_000n);
    const depth = (await client.getBlockNumber({ cacheTime: 0 })) - start;
    await revertTo(client, snapshot);
    await client.mine({ blocks: Number(depth) + 2 });
    expect(await stand.creditOf(user.wallet.address)).toBe(0n);
    await stand.round();
    expect((await creditOrders(user)).map(({ state }) => state)).toEqual(["signed", "waiting"]);
    expect(await eventually("both are credited again", settled)).toEqual(orders);
    expect(await stand.creditOf(user.wallet.address)).toBe(1_400_000n);
    expect(await usdtOf(stand.api, CASHIER)).toBe(before - 1_400_000n);
  } finally {
    await client.setIntervalMining({ interval: 1 });
  }
});

it("what the contract does not credit is held with all that it carried", async () => {
  await stand.stop();
  const user = await fundedUser(stand.api);
  for (let each = 0; each < 2; each++) await sendUsdt(stand.api, user.wallet, CASHIER, 700_000n);
  await eventually("both are held", async () => {
    await stand.round({
      at: async (step) => {
        if (step !== "decided") return;
        // A payee that no wallet can be: the contract refuses it for good.
        const payee = `0x${"0".repeat(40)}`;
        const own = eq(incomingTransfers.sender, user.wallet.address.toLowerCase());
        await db().update(incomingTransfers).set({ payee }).where(own);
      },
    });
    const rows = await db()
      .select()
      .from(incomingTransfers)
      .where(eq(incomingTransfers.sender, user.wallet.address.toLowerCase()));
    return (
      rows.length === 2 && rows.every(({ outcome, code }) => outcome === "held" && code === "not_payable")
    );
  });
  expect(await stand.creditOf(user.wallet.address)).toBe(0n);
});

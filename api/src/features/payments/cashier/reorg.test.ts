import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revertTo, testClient } from "../../../../../scripts/testing/chain.ts";
import { asked, CASHIER, CashierStand, planQuote } from "../../../testing/cashier.ts";
import { eventually } from "../../../testing/harness.ts";
import { paymentIn } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { walletUser } from "../../../testing/users.ts";

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open();
  // The contract has its allowance before anything is taken back.
  const buyer = await walletUser(stand.api);
  const payment = await planQuote(buyer);
  await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
  await stand.credited(buyer.wallet.address, asked(payment) - 10_000_000n);
  await stand.stop();
});
afterAll(() => stand.close());

/** The orders for a payment, with the transactions that were signed for each. */
async function ordersFor(paymentId: string) {
  const { rows } = await stand.api.deps.db.$client.query<{
    kind: string;
    state: string;
    nonce: number;
    sent: string[];
    raw: `0x${string}`[];
  }>(
    `SELECT o.kind, o.state, o.nonce, array_agg(t.hash) AS sent, array_agg(t.raw) AS raw
     FROM app.cashier_orders o JOIN app.incoming_transfers i ON i.id = o.transfer_id
     LEFT JOIN app.cashier_transactions t ON t.order_seq = o.seq
     WHERE i.payment_id = $1 GROUP BY o.seq ORDER BY o.seq`,
    [paymentId],
  );
  return rows;
}

/** Has a purchase made and settled in blocks that the chain then takes back, all of them. */
async function boughtAndTakenBack() {
  const { api } = stand;
  const client = testClient(api.rpcUrl);
  const before = await usdtOf(api, CASHIER);
  const buyer = await walletUser(api);
  const payment = await planQuote(buyer);
  const tail = asked(payment) - 10_000_000n;
  await sendUsdt(api, stand.exchange, CASHIER, asked(payment));
  await stand.decided(buyer, payment.id);

  await client.setIntervalMining({ interval: 0 });
  const snapshot = await client.snapshot();
  const start = await client.getBlockNumber({ cacheTime: 0 });
  const settled = async () => {
    await stand.round();
    await client.mine({ blocks: 1 });
    const orders = await ordersFor(payment.id);
    return orders.length === 2 && orders.every(({ state }) => state === "done") ? orders : null;
  };
  const orders = await eventually("the purchase and its tail are settled", settled);
  expect(await stand.creditOf(buyer.wallet.address)).toBe(tail);
  await eventually("the mirror has it", async () => (await stand.plansFor(payment.account)).length === 1);
  const depth = (await client.getBlockNumber({ cacheTime: 0 })) - start;
  expect(depth).toBeGreaterThan(BigInt(stand.chain().confirmations));
  await revertTo(client, snapshot);
  await client.mine({ blocks: Number(depth) + 2 });
  expect(await stand.creditOf(buyer.wallet.address)).toBe(0n);
  expect(await client.getTransactionCount({ address: CASHIER })).toBe(orders[0]!.nonce);
  await eventually("the mirror has let go", async () => (await stand.plansFor(payment.account)).length === 0);
  return { client, buyer, payment, tail, before, orders, settled };
}

describe("a settled purchase that a deep reorg takes back", () => {
  it("is sent again, the same transaction, and what comes after it is not held up", async () => {
    const { api } = stand;
    const { client, buyer, payment, tail, before, orders, settled } = await boughtAndTakenBack();
    try {
      await eventually("it is settled again", settled);
      expect(await ordersFor(payment.id)).toEqual(orders);
      const [purchase, ...others] = await eventually("the mirror has it again", async () => {
        const found = await stand.plansFor(payment.account);
        return found.length > 0 ? found : null;
      });
      expect(others).toEqual([]);
      expect(orders[0]!.sent).toEqual([purchase!.txHash]);
      expect(await stand.creditOf(buyer.wallet.address)).toBe(tail);
    } finally {
      await client.setIntervalMining({ interval: 1 });
    }
    await paymentIn(buyer, payment.id, "confirmed");
    const next = await walletUser(api);
    const after = await planQuote(next);
    await sendUsdt(api, stand.exchange, CASHIER, asked(after));
    await eventually("the next one buys", async () => {
      await stand.round();
      return (await stand.creditOf(next.wallet.address)) === asked(after) - 10_000_000n;
    });
    expect(await stand.plansFor(after.account)).toHaveLength(1);
    expect(await usdtOf(api, CASHIER)).toBe(before);
  });

  it("is paid once when it comes back by itself, while dearer ones are sent in its place", async () => {
    const { client, buyer, payment, tail, before, orders, settled } = await boughtAndTakenBack();
    try {
      // Twice at once, each in place of the one before; and the first ones return.
      for (let times = 0; times < 2; times++) await stand.round({ patienceMs: 0 });
      for (const serializedTransaction of orders.flatMap(({ raw }) => raw)) {
        await client.sendRawTransaction({ serializedTransaction }).catch(() => undefined);
      }
      await eventually("it is settled again", settled);
      const again = await ordersFor(payment.id);
      expect(again.map(({ kind, nonce }) => [kind, nonce])).toEqual(
        orders.map(({ kind, nonce }) => [kind, nonce]),
      );
      expect(again[0]!.sent.length).toBeGreaterThan(1);
      await client.mine({ blocks: 40 });
      for (let times = 0; times < 3; times++) await settled();
      await eventually("the mirror has it", async () => (await stand.plansFor(payment.account)).length > 0);
      expect(await stand.plansFor(payment.account)).toHaveLength(1);
      expect(await stand.creditOf(buyer.wallet.address)).toBe(tail);
      expect(await usdtOf(stand.api, CASHIER)).toBe(before);
    } finally {
      await client.setIntervalMining({ interval: 1 });
    }
  });
});

import { eq } from "drizzle-orm";
import { TransactionReceiptNotFoundError } from "viem";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { testClient } from "../../../../../scripts/testing/chain.ts";
import { evmSender } from "../../../chain/sender/evm.ts";
import { asked, CASHIER, CashierStand, get, planQuote } from "../../../testing/cashier.ts";
import { createTestApi, eventually, type TestApi } from "../../../testing/harness.ts";
import { CHAIN, paymentIn } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { RefusingNode } from "../../../testing/refusing-node.ts";
import { bodyOf, send, walletUser } from "../../../testing/users.ts";
import type { Health } from "../../health/service.ts";
import type { PaymentView } from "../shapes.ts";
import { cashierRound } from "./round.ts";
import { transferReservations } from "./schema.ts";
import { cashierState } from "./wallet.ts";

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open();
});
afterAll(() => stand.close());

/** The order that buys for a payment, with the transactions that were signed for it. */
async function purchaseOf(paymentId: string) {
  const { rows } = await stand.api.deps.db.$client.query<{ state: string; hashes: string[] }>(
    `SELECT o.state, array_agg(t.hash) AS hashes FROM app.cashier_orders o
     JOIN app.incoming_transfers i ON i.id = o.transfer_id
     JOIN app.cashier_transactions t ON t.order_seq = o.seq
     WHERE i.payment_id = $1 AND o.kind = 'purchase' GROUP BY o.seq`,
    [paymentId],
  );
  return rows[0];
}

describe("a cashier", () => {
  it("without gas offers no transfers, and health says so", async () => {
    const client = testClient(stand.api.rpcUrl);
    const balance = await client.getBalance({ address: CASHIER });
    const dry = await createTestApi();
    await client.setBalance({ address: CASHIER, value: 10n ** 12n });
    try {
      const buyer = await walletUser(dry);
      expect((await planQuote(buyer)).ways!.transfer).toBeNull();
      const health = await bodyOf<Health>(await send(dry, "GET", "/api/health"));
      expect(health.dependencies.cashier.state).toBe("degraded");
      expect(health.dependencies.cashier.detail).toContain("no plain transfers are offered");
    } finally {
      await client.setBalance({ address: CASHIER, value: balance });
      await dry.close();
    }
  });

  it("offers no transfer for what costs too little to be worth its gas, sets no amount aside, and says why", async () => {
    const choosy = await createTestApi({ CASHIER_LEAST_TRANSFER: "30" });
    try {
      const buyer = await walletUser(choosy);
      const small = await planQuote(buyer);
      expect(small.ways!.transfer).toBeNull();
      expect(small.ways!.noTransfer).toMatchObject({
        code: "too_little",
        message: expect.stringContaining("30.00 USDT or more"),
      });
      const kept = await stand.api.deps.db
        .select()
        .from(transferReservations)
        .where(eq(transferReservations.paymentId, small.id));
      expect(kept).toEqual([]);
      expect((await planQuote(buyer, 2)).ways).toMatchObject({ transfer: { to: CASHIER }, noTransfer: null });
    } finally {
      await choosy.close();
    }
  });

  it("is there, then and later, for a quote that is made while the node does not tell its gas", async () => {
    const node = await RefusingNode.before(stand.api.rpcUrl);
    const api = await createTestApi({ RPC_URL_31337: node.url });
    try {
      const buyer = await walletUser(api);
      node.refused.add("eth_gasPrice");
      const payment = await planQuote(buyer);
      expect(payment.ways!.transfer).toMatchObject({ to: CASHIER });
      node.refused.clear();
      expect((await get(buyer, payment.id)).ways!.transfer).toEqual(payment.ways!.transfer);
    } finally {
      await api.close();
      await node.close();
    }
  });

  it("is asked for its gas again by a clock that nobody sets", async () => {
    const client = testClient(stand.api.rpcUrl);
    const balance = await client.getBalance({ address: CASHIER });
    const chain = { ...stand.chain() };
    let skipped = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + skipped);
    try {
      expect((await cashierState(chain))?.able).toBe(true);
      await client.setBalance({ address: CASHIER, value: 10n ** 12n });
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
      skipped += 6_000;
      expect((await cashierState(chain))?.able).toBe(false);
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
      await client.setBalance({ address: CASHIER, value: balance });
    }
  });

  it("never buys twice, even if several should work at once without a lock", async () => {
    await stand.stop();
    const others = await Promise.all([1, 2, 3].map(() => createTestApi()));
    const before = await usdtOf(stand.api, CASHIER);
    try {
      const buyers = await Promise.all([1, 2, 3].map(() => walletUser(stand.api)));
      const payments = await Promise.all(buyers.map((buyer) => planQuote(buyer)));
      for (const payment of payments) await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
      const round = ({ deps }: TestApi) => cashierRound(deps, deps.chains.get(CHAIN), stand.account);
      await eventually(
        "all is bought and credited",
        async () => {
          await Promise.allSettled([stand.api, ...others].map(round));
          const credits = await Promise.all(buyers.map(({ wallet }) => stand.creditOf(wallet.address)));
          return credits.every((credit, at) => credit === asked(payments[at]!) - 10_000_000n);
        },
        90_000,
      );
      for (const payment of payments) expect(await stand.plansFor(payment.account)).toHaveLength(1);
      expect(await usdtOf(stand.api, CASHIER)).toBe(before);
    } finally {
      stand.start();
      for (const other of others) await other.close();
    }
  });

  it("goes on with the others while what became of one cannot be told", async () => {
    await stand.stop();
    const { sender } = stand.chain();
    let unknown: number | null = null;
    const look: typeof sender.look = (...asked) => {
      const { at } = sender.look(...asked);
      return {
        at: async (nonce, signed) => {
          unknown ??= nonce;
          if (nonce === unknown) throw new Error("no answer for this one");
          return at(nonce, signed);
        },
      };
    };
    const chain = { ...stand.chain(), sender: { ...sender, look } };
    const round = () => cashierRound(stand.api.deps, chain, stand.account);
    const bought = async ({ account }: PaymentView) => (await stand.plansFor(account)).length > 0;
    try {
      const buyers = await Promise.all([1, 2].map(() => walletUser(stand.api)));
      for (const buyer of buyers) {
        const payment = await planQuote(buyer);
        await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
        await eventually("it is bought", async () => {
          await round();
          return bought(payment);
        });
      }
      expect(unknown).not.toBeNull();
    } finally {
      stand.start();
    }
  });

  it("does not pay again while a node that lags behind has no receipt", async () => {
    await stand.stop();
    const node = testClient(stand.api.rpcUrl);
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer);
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    try {
      await stand.decided(buyer, payment.id);
      await node.setIntervalMining({ interval: 0 });
      const sent = await eventually("the purchase is sent, and mined", async () => {
        await stand.round();
        await node.mine({ blocks: 1 });
        return purchaseOf(payment.id);
      });
      expect(sent.state).toBe("signed");
      await node.mine({ blocks: stand.chain().confirmations });
      const getTransactionReceipt = ({ hash }: { hash: `0x${string}` }) =>
        Promise.reject(new TransactionReceiptNotFoundError({ hash }));
      const client = Object.create(stand.chain().client, {
        getTransactionReceipt: { value: getTransactionReceipt },
      });
      const lagging = { ...stand.chain(), sender: evmSender({ ...stand.chain(), client }) };
      await cashierRound(stand.api.deps, lagging, stand.account, { patienceMs: Number.POSITIVE_INFINITY });
      expect(await purchaseOf(payment.id)).toEqual(sent);
    } finally {
      await node.setIntervalMining({ interval: 1 });
      stand.start();
    }
    await stand.credited(buyer.wallet.address, asked(payment) - 10_000_000n);
    expect(await stand.plansFor(payment.account)).toHaveLength(1);
  });

  it("pays more for a transaction that waits too long, in place of it", async () => {
    await stand.stop();
    const client = testClient(stand.api.rpcUrl);
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer);
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    const round = () => stand.round({ patienceMs: 0 });
    try {
      await stand.decided(buyer, payment.id);
      await client.setIntervalMining({ interval: 0 });
      for (let waits = 0; waits < 3; waits++) await round();
      expect((await purchaseOf(payment.id))?.hashes).toHaveLength(3);
    } finally {
      await client.setIntervalMining({ interval: 1 });
      stand.start();
    }
    await paymentIn(buyer, payment.id, "confirmed");
    await stand.credited(buyer.wallet.address, asked(payment) - 10_000_000n);
    expect(await stand.plansFor(payment.account)).toHaveLength(1);
  });
});

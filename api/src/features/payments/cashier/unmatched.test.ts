import { parseUsdt } from "@aiforge/contracts";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asked, CASHIER, CashierStand, get, planQuote, verify } from "../../../testing/cashier.ts";
import { createTestApi, eventually, fundedWallet } from "../../../testing/harness.ts";
import { chainPast, fundedUser, paymentIn } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { linkWallet, walletUser } from "../../../testing/users.ts";
import { payments } from "../schema.ts";
import type { PaymentView } from "../shapes.ts";
import { incomingTransfers, transferReservations } from "./schema.ts";

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open();
});
afterAll(() => stand.close());

describe("a plain transfer from nobody known", () => {
  it("whose fee an exchange took off is short, and credit", async () => {
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer, 3);
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment) - 1_250_000n);
    await paymentIn(buyer, payment.id, "short");
    await stand.credited(buyer.wallet.address, asked(payment) - 1_250_000n);

    expect((await get(buyer, payment.id)).ways!.transfer).toEqual(payment.ways!.transfer);
    await stand.api.deps.db
      .update(payments)
      .set({ expiresAt: new Date(Date.now() - 1_000) })
      .where(eq(payments.id, payment.id));
    expect((await get(buyer, payment.id)).ways).toMatchObject({ transfer: null });
  });

  it("is the quote's that it is near, however many older ones of other prices end alike", async () => {
    const { db } = stand.api.deps;
    const buyer = await walletUser(stand.api);
    const others = await walletUser(stand.api);
    const dear: PaymentView[] = [];
    for (let months = 2; months <= 22; months++) dear.push(await planQuote(others, 3, months));
    const payment = await planQuote(buyer);
    const tail = asked(payment) % 10_000n;
    for (const { id, amount } of dear) {
      const transferAmount = parseUsdt(amount) + tail;
      await db.update(payments).set({ transferAmount }).where(eq(payments.id, id));
      const own = eq(transferReservations.paymentId, id);
      await db.update(transferReservations).set({ amount: transferAmount }).where(own);
    }
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment) - 1_000_000n);
    await paymentIn(buyer, payment.id, "short");
    await stand.credited(buyer.wallet.address, asked(payment) - 1_000_000n);
  });

  it("is for nobody who opened a quote that ends like another's, be that one over", async () => {
    const { db } = stand.api.deps;
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer, 2);
    await db
      .update(payments)
      .set({ expiresAt: new Date(Date.now() - 60_000) })
      .where(eq(payments.id, payment.id));
    const cut = asked(payment) - 1_250_000n;
    await sendUsdt(stand.api, stand.exchange, CASHIER, cut);
    await paymentIn(buyer, payment.id, "late");
    await stand.credited(buyer.wallet.address, cut);

    const other = await planQuote(buyer, 2, 2);
    await db
      .update(payments)
      .set({ expiresAt: new Date(Date.now() - 60_000) })
      .where(eq(payments.id, other.id));
    const thief = await walletUser(stand.api);
    const bait = await planQuote(thief, 2, 2);
    const near = asked(other) - 5_000_000n;
    await db.update(payments).set({ transferAmount: near }).where(eq(payments.id, bait.id));
    await db
      .update(transferReservations)
      .set({ amount: near })
      .where(eq(transferReservations.paymentId, bait.id));
    const hash = await sendUsdt(stand.api, stand.exchange, CASHIER, near - 2_000_000n);
    const [row] = await eventually("it is decided", async () => {
      const rows = await db.select().from(incomingTransfers).where(eq(incomingTransfers.txHash, hash));
      return rows.length > 0 ? rows : null;
    });
    expect(row).toMatchObject({ outcome: "held", code: "unmatched", payee: null });
    expect(await stand.creditOf(thief.wallet.address)).toBe(0n);
  });

  it("is decided once, also when the chain puts it at another place in its block", async () => {
    const { db } = stand.api.deps;
    const buyer = await fundedUser(stand.api);
    const hash = await sendUsdt(stand.api, buyer.wallet, CASHIER, 3_000_000n);
    await stand.credited(buyer.wallet.address, 3_000_000n);
    const rows = () => db.select().from(incomingTransfers).where(eq(incomingTransfers.txHash, hash));
    const [decided] = await rows();
    await db
      .update(incomingTransfers)
      .set({ logIndex: decided!.logIndex + 50 })
      .where(eq(incomingTransfers.id, decided!.id));
    await eventually("it is found where it is now", async () =>
      (await rows()).some(({ logIndex }) => logIndex === decided!.logIndex),
    );
    expect(await rows()).toEqual([decided]);
    const { rows: orders } = await db.$client.query(
      "SELECT count(*)::int AS n FROM app.cashier_orders WHERE transfer_id = $1",
      [decided!.id],
    );
    expect(orders).toEqual([{ n: 1 }]);
  });

  it("that fits no quote is held until its sender is known", async () => {
    const stranger = await fundedWallet(stand.api.rpcUrl);
    const buyer = await fundedUser(stand.api);
    const payment = await planQuote(buyer);
    const hash = await sendUsdt(stand.api, stranger, CASHIER, 20_000_000n);
    const held = await eventually("it is held", async () => {
      const { reason } = await verify(buyer, payment.id, hash);
      return reason?.code === "held" ? reason : null;
    });
    expect(held.hint).toContain("Link the wallet");
    expect(await stand.creditOf(stranger.address)).toBe(0n);
    await linkWallet(buyer, stranger);
    await stand.credited(stranger.address, 20_000_000n);
    expect((await get(buyer, payment.id)).status).toBe("quoted");
  });

  it("is credit however much later the mirror has it than what came after it", async () => {
    const { db } = stand.api.deps;
    const buyer = await fundedUser(stand.api);
    const hash = await sendUsdt(stand.api, buyer.wallet, CASHIER, 3_000_000n);
    await stand.credited(buyer.wallet.address, 3_000_000n);
    const newest = eq(incomingTransfers.txHash, hash);
    const [decided] = await db.select().from(incomingTransfers).where(newest);
    const receivedAt = new Date(Date.now() + 2 * 86_400_000);
    await db.update(incomingTransfers).set({ receivedAt }).where(newest);
    try {
      await sendUsdt(stand.api, buyer.wallet, CASHIER, 2_000_000n);
      await stand.credited(buyer.wallet.address, 5_000_000n);
    } finally {
      await db.update(incomingTransfers).set({ receivedAt: decided!.receivedAt }).where(newest);
    }
  });

  it("of nothing, or of less than a cent, does nothing", async () => {
    const stranger = await fundedWallet(stand.api.rpcUrl);
    const nothing = await sendUsdt(stand.api, stranger, CASHIER, 0n);
    const dust = await sendUsdt(stand.api, stranger, CASHIER, 9_999n);
    const [row] = await eventually("the dust is decided", async () => {
      const rows = await stand.api.deps.db
        .select()
        .from(incomingTransfers)
        .where(eq(incomingTransfers.txHash, dust));
      return rows.length > 0 ? rows : null;
    });
    expect(row).toMatchObject({ outcome: "held", code: "dust" });
    const rows = await stand.api.deps.db
      .select()
      .from(incomingTransfers)
      .where(eq(incomingTransfers.txHash, nothing));
    expect(rows).toEqual([]);
  });
});

describe("a transfer that comes too late", () => {
  it("is credit of the quote's wallet", async () => {
    const hasty = await createTestApi({ QUOTE_SECONDS: "1" });
    try {
      const buyer = await walletUser(hasty, (await fundedUser(stand.api)).wallet);
      const payment = await planQuote(buyer);
      const amount = asked(payment);
      await paymentIn(buyer, payment.id, "expired");
      await chainPast(stand.api, payment.expiresAt);
      const hash = await sendUsdt(stand.api, stand.exchange, CASHIER, amount);
      const late = await paymentIn(buyer, payment.id, "late");
      expect(late.reason!.message).toContain("came after the quote had expired");
      await stand.credited(buyer.wallet.address, amount);
      expect((await verify(buyer, payment.id, hash)).reason!.code).toBe("late");
      expect(await stand.plansFor(payment.account)).toEqual([]);
    } finally {
      await hasty.close();
    }
  });
});

it("keeps what it holds for others, and nothing else", async () => {
  const accounted = async () => {
    const { rows } = await stand.api.deps.db.$client.query(`
      SELECT (SELECT COALESCE(sum(amount), 0) FROM app.incoming_transfers)
        - (SELECT COALESCE(sum(amount), 0) FROM app.cashier_orders WHERE state = 'done' AND kind <> 'approve') AS left,
        (SELECT COALESCE(sum(amount), 0) FROM app.incoming_transfers WHERE outcome = 'held') AS held`);
    return { left: BigInt(rows[0].left), held: BigInt(rows[0].held) };
  };
  const { left, held } = await eventually("all orders are done", async () => {
    const now = await accounted();
    return now.left === now.held ? now : null;
  });
  expect(await usdtOf(stand.api, CASHIER)).toBe(left);
  expect(held).toBeGreaterThan(0n);
});

import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asked, CASHIER, CashierStand, get, planQuote, verify } from "../../../testing/cashier.ts";
import { eventually } from "../../../testing/harness.ts";
import { fundedUser, pay, paymentIn, publishedModel, quoteSubscribe, sign } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { bodyOf, walletUser } from "../../../testing/users.ts";
import { activeEntitlement } from "../../marketplace/service.ts";
import type { PaymentView, Received } from "../shapes.ts";
import { transferReservations } from "./schema.ts";

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open();
});
afterAll(() => stand.close());

describe("a plain transfer of exactly the amount", () => {
  it("from an exchange becomes the quoted purchase, split and all, and its tail credit", async () => {
    const buyer = await fundedUser(stand.api);
    const before = await usdtOf(stand.api, CASHIER);
    const payment = await planQuote(buyer, 2);
    const { transfer } = payment.ways!;
    expect(transfer).toMatchObject({
      to: CASHIER,
      network: "Local chain",
      token: stand.chain().usdt,
      expiresAt: payment.expiresAt,
    });
    const amount = asked(payment);
    expect(amount - 30_000_000n).toBeGreaterThan(0n);
    expect(amount - 30_000_000n).toBeLessThan(10_000n);
    expect(transfer!.uri).toBe(
      `ethereum:${stand.chain().usdt}@31337/transfer?address=${CASHIER}&uint256=${amount}`,
    );

    const hash = await sendUsdt(stand.api, stand.exchange, CASHIER, amount);
    const seen = await eventually("the transfer is seen", async () => {
      const view = await get(buyer, payment.id);
      return view.status === "quoted" ? null : view;
    });
    expect(seen.received).toMatchObject({ txHash: hash, from: stand.exchange.address.toLowerCase() });
    const confirmed = await paymentIn(buyer, payment.id, "confirmed");
    expect(confirmed).toMatchObject({ amount: "30.00", fee: "9.00", creators: "21.00", reason: null });
    expect(confirmed.received).toMatchObject({ outcome: "purchase", txHash: hash });
    expect(confirmed.txHash).not.toBe(hash);
    expect(await stand.plansFor(payment.account)).toMatchObject([
      { plan: 2, months: 1n, price: 30_000_000n, payer: CASHIER.toLowerCase() },
    ]);
    await stand.credited(buyer.wallet.address, amount - 30_000_000n);
    const settled = await eventually("the credit is told", async () => {
      const { received } = await get(buyer, payment.id);
      return received!.creditTxHash ? received : null;
    });
    expect(settled).toMatchObject({ payee: buyer.wallet.address.toLowerCase(), reason: null });
    expect(await usdtOf(stand.api, CASHIER)).toBe(before);
    expect((await verify(buyer, payment.id, hash)).reason).toBeNull();
  });

  it("buys for the group that was quoted", async () => {
    const owner = await fundedUser(stand.api);
    const model = await publishedModel(stand.api, stand.creator);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    const payment = await quoteSubscribe(owner, model.id, 2, { groupId: group.id });
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    await paymentIn(owner, payment.id, "confirmed");
    const entitlement = await activeEntitlement(stand.api.deps, owner.id, model.id);
    expect(entitlement!.via).toEqual({ kind: "group", id: group.id });
  });

  it("a second time is credit, for a quote is used once", async () => {
    const buyer = await fundedUser(stand.api);
    const payment = await planQuote(buyer);
    const amount = asked(payment);
    await sendUsdt(stand.api, stand.exchange, CASHIER, amount);
    const again = await sendUsdt(stand.api, stand.exchange, CASHIER, amount);
    await paymentIn(buyer, payment.id, "confirmed");
    await stand.credited(buyer.wallet.address, amount + (amount - 10_000_000n));
    expect(await stand.plansFor(payment.account)).toHaveLength(1);
    const told = await eventually("it is told", async () => {
      const { reason } = await verify(buyer, payment.id, again);
      return reason?.message.includes("are credit of") ? reason : null;
    });
    expect(told.code).toBe("already_paid");
  });

  it("after the wallet paid is credit too", async () => {
    const buyer = await fundedUser(stand.api);
    const payment = await planQuote(buyer);
    await pay(stand.api, buyer.wallet, payment);
    await paymentIn(buyer, payment.id, "confirmed");
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    await stand.credited(buyer.wallet.address, asked(payment));
    expect(await stand.plansFor(payment.account)).toHaveLength(1);
  });

  it("is no other quote's, however many wait for the same price", async () => {
    const buyers = await Promise.all([1, 2, 3].map(() => walletUser(stand.api)));
    const payments = await Promise.all(buyers.map((buyer) => planQuote(buyer)));
    expect(new Set(payments.map(asked)).size).toBe(3);
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payments[1]!));
    await paymentIn(buyers[1]!, payments[1]!.id, "confirmed");
    expect((await get(buyers[0]!, payments[0]!.id)).status).toBe("quoted");
    expect((await get(buyers[2]!, payments[2]!.id)).status).toBe("quoted");
    const [row] = await stand.api.deps.db
      .select()
      .from(transferReservations)
      .where(eq(transferReservations.paymentId, payments[0]!.id));
    const taken = { ...row!, paymentId: payments[1]!.id };
    await expect(stand.api.deps.db.insert(transferReservations).values(taken)).rejects.toThrow();
  });
});

describe("a plain transfer from a linked wallet", () => {
  it("of the bare price is for no quote: it is credit, the payment says so, and is paid with it", async () => {
    const buyer = await fundedUser(stand.api);
    const earlier = await sendUsdt(stand.api, buyer.wallet, CASHIER, 1_000_000n);
    await stand.credited(buyer.wallet.address, 1_000_000n);
    const payment = await planQuote(buyer, 2);
    const hash = await sendUsdt(stand.api, buyer.wallet, CASHIER, 30_000_000n);
    await stand.credited(buyer.wallet.address, 31_000_000n);
    const told = await eventually("the payment tells of it", async () => {
      const view = await get(buyer, payment.id);
      return view.unmatched[0]?.creditTxHash && view.ways?.credit ? view : null;
    });
    expect(told).toMatchObject({ status: "quoted", received: null, reason: null });
    expect(told.unmatched).toMatchObject([
      { txHash: hash, amount: "30.00", outcome: "credit", credited: "30.00", reason: { code: "unmatched" } },
    ]);
    const { message, hint } = told.unmatched[0]!.reason!;
    const payee = buyer.wallet.address.toLowerCase();
    expect(message).toContain(
      `not the exact amount of a quote, so it bought nothing. The 30.00 USDT are credit`,
    );
    expect(message).toContain(`credit of ${payee} now`);
    expect(hint).toContain(`exactly ${payment.ways!.transfer!.amount} USDT`);
    expect(hint).toContain("Pay with that credit");
    expect((await verify(buyer, payment.id, hash)).reason).toEqual(told.unmatched[0]!.reason);
    expect((await verify(buyer, payment.id, earlier)).reason!.code).toBe("unmatched");
    expect(await stand.plansFor(payment.account)).toEqual([]);

    await sign(stand.api, buyer.wallet, told.ways!.credit!.call);
    const paid = await paymentIn(buyer, payment.id, "confirmed");
    expect(paid).toMatchObject({ unmatched: [], received: null });
    expect(await stand.creditOf(buyer.wallet.address)).toBe(1_000_000n);
  });

  it("of too much, too little, or nobody's amount is the sender's credit, and nobody else is told", async () => {
    const buyer = await fundedUser(stand.api);
    const group = await bodyOf<{ id: string }>(await buyer.call("POST", "/api/groups", { name: "Lab" }));
    const model = await publishedModel(stand.api, stand.creator);
    const payment = await quoteSubscribe(buyer, model.id, 1, { groupId: group.id });
    await sendUsdt(stand.api, buyer.wallet, CASHIER, 15_500_000n);
    const last = await sendUsdt(stand.api, buyer.wallet, CASHIER, 4_000_000n);
    await stand.credited(buyer.wallet.address, 19_500_000n);
    expect((await get(buyer, payment.id)).unmatched.map(({ amount }) => amount)).toEqual(["15.50", "4.00"]);
    const { transfers } = await bodyOf<{ transfers: Received[] }>(
      await buyer.call("GET", "/api/payments/transfers"),
    );
    expect(transfers[0]).toMatchObject({ txHash: last, outcome: "credit", reason: { code: "unmatched" } });

    const member = await walletUser(stand.api);
    const added = await buyer.call("POST", `/api/groups/${group.id}/members`, {
      wallet: member.wallet.address,
      role: "member",
    });
    expect(added.ok).toBe(true);
    expect((await get(member, payment.id)).unmatched).toEqual([]);
    const other = await planQuote(member);
    expect((await get(member, other.id)).unmatched).toEqual([]);
  });

  it("that is near a quote of its own user is for it, near another's it is not", async () => {
    const owner = await fundedUser(stand.api);
    const payment = await planQuote(owner);
    const thief = await walletUser(stand.api);
    const bait = await planQuote(thief);
    const near = asked(bait) + 3_000_000n;
    const hash = await sendUsdt(stand.api, owner.wallet, CASHIER, near);
    await stand.credited(owner.wallet.address, near);
    expect(await stand.creditOf(thief.wallet.address)).toBe(0n);
    expect(await stand.plansFor(bait.account)).toEqual([]);
    expect((await get(thief, bait.id)).status).toBe("quoted");
    expect((await verify(owner, payment.id, hash)).reason!.code).toBe("unmatched");

    await sendUsdt(stand.api, owner.wallet, CASHIER, asked(payment) + 2_000_000n);
    await paymentIn(owner, payment.id, "confirmed");
    await stand.credited(owner.wallet.address, near + asked(payment) - 8_000_000n);
    const view = await eventually("the surplus is told", async () => {
      const now = await get(owner, payment.id);
      return now.reason?.code === "surplus" ? now : null;
    });
    expect(view.reason!.message).toContain("USDT more than the price");
  });
});

describe("amounts", () => {
  it("of one user run out before everybody's do, and are kept a week longer than the quote", async () => {
    const greedy = await walletUser(stand.api);
    const payments: PaymentView[] = [];
    for (let months = 1; months <= 102; months++) payments.push(await planQuote(greedy, 1, months));
    expect(payments.slice(0, 100).every(({ ways }) => ways!.transfer !== null)).toBe(true);
    expect(payments.slice(100).map(({ ways }) => ways!.transfer)).toEqual([null, null]);
    expect((await planQuote(await walletUser(stand.api))).ways!.transfer).not.toBeNull();
    const [row] = await stand.api.deps.db
      .select()
      .from(transferReservations)
      .where(eq(transferReservations.paymentId, payments[0]!.id));
    expect(row!.until.getTime()).toBe(Date.parse(payments[0]!.expiresAt) + 7 * 86_400_000);
  });
});

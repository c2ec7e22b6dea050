import { eq } from "drizzle-orm";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chainPlanPurchases } from "../../../chain/schema.ts";
import { usdt } from "../../../core/money.ts";
import { eventually } from "../../../testing/harness.ts";
import { asked, TronTill, type TronUser } from "../../../testing/tron-payments.ts";
import { TRON, tronWallet } from "../../../testing/tron-wallet.ts";
import { bodyOf, walletUser } from "../../../testing/users.ts";
import { forgetQuotes } from "../cleanup.ts";
import type { PaymentView, Received } from "../shapes.ts";
import { decideTransfer, undecidedTransfers } from "./decide.ts";
import { incomingTransfers, transferReservations } from "./schema.ts";

/* Plain transfers on Tron; R and a number are the cases of the table in indexer/README.md. */

const USDT = 1_000_000n;

let till: TronTill;
beforeAll(async () => {
  till = await TronTill.open();
});
afterAll(() => till.close());

const db = () => till.stand.api.deps.db;

const plansFor = ({ account }: PaymentView) =>
  db().select().from(chainPlanPurchases).where(eq(chainPlanPurchases.account, account));

const reservationOf = async ({ id }: PaymentView) =>
  (await db().select().from(transferReservations).where(eq(transferReservations.paymentId, id)))[0];

const reaches = (user: TronUser, payment: PaymentView, status: PaymentView["status"]) =>
  till.worked(`the payment is ${status}`, async () => {
    const view = await till.get(user, payment);
    return view.status === status ? view : null;
  });

describe("a plain transfer on Tron", () => {
  it("R22, R6: from an exchange, by the QR code's amount, becomes the quoted purchase; the tail is credit", async () => {
    const buyer = await till.user();
    const payment = await till.quote(buyer, { plan: 2 });
    const { transfer } = payment.ways!;
    const { usdt } = till.stand.contracts;
    expect(transfer).toMatchObject({ network: "Local Tron", token: usdt, expiresAt: payment.expiresAt });
    expect(transfer!.to.toLowerCase()).toBe(till.cashier.address);
    expect(transfer!.uri).toBe(`tron:${till.cashier.shown}?amount=${transfer!.amount}`);
    expect(transfer!.uri).toMatch(/^tron:T[1-9A-HJ-NP-Za-km-z]{33}\?amount=30\.00\d{2,4}$/);
    const amount = asked(payment);

    const hash = await till.sendUsdt(till.exchange, till.cashier.shown, amount);
    const seen = await eventually("the transfer is seen", async () => {
      const view = await till.get(buyer, payment);
      return view.status === "seen" ? view : null;
    });
    expect(seen).toMatchObject({ required: 19, reason: { code: "awaiting_confirmations" } });
    expect(seen.received).toMatchObject({ txHash: hash, from: till.exchange.address, outcome: "arriving" });
    expect(await plansFor(payment)).toEqual([]);

    const confirmed = await reaches(buyer, payment, "confirmed");
    expect(confirmed).toMatchObject({ amount: "30.00", fee: "9.00", creators: "21.00", reason: null });
    expect(confirmed.received).toMatchObject({ outcome: "purchase", txHash: hash });
    expect(confirmed.txHash).not.toBe(hash);
    expect(await plansFor(payment)).toMatchObject([
      { chainId: TRON, plan: 2, months: 1n, price: 30n * USDT, payer: till.cashier.address },
    ]);
    await till.credited(buyer.wallet, amount - 30n * USDT);
    expect((await till.verify(buyer, payment, hash)).reason).toBeNull();
  });

  it("R6: is never matched by its sender: another's linked wallet pays the quote of the amount, not its own", async () => {
    const buyer = await till.user();
    const payment = await till.quote(buyer);
    const friend = await till.user(await till.fund(tronWallet(), 50n * USDT));
    const own = await till.quote(friend);
    await till.sendUsdt(friend.wallet, till.cashier.shown, asked(payment));
    await reaches(buyer, payment, "confirmed");
    expect((await till.get(friend, own)).status).toBe("quoted");
    expect(await plansFor(own)).toEqual([]);
    await till.credited(buyer.wallet, asked(payment) - 10n * USDT);
    expect(await till.stand.creditOf(friend.wallet.address)).toBe(0n);

    // A linked sender with one open quote, and another amount: the sender's credit, though it would be enough.
    const round = await till.sendUsdt(friend.wallet, till.cashier.shown, 10n * USDT);
    await till.credited(friend.wallet, 10n * USDT);
    const told = await till.get(friend, own);
    expect(told).toMatchObject({ status: "quoted", received: null });
    expect(told.unmatched).toMatchObject([{ txHash: round, amount: "10.00", outcome: "credit" }]);
    expect(told.unmatched[0]!.reason!.message).toContain(`credit of ${friend.wallet.shown}`);
    expect((await till.verify(friend, own, round)).reason).toMatchObject({ code: "unmatched" });
    expect(await plansFor(own)).toEqual([]);
  });

  it("R6: from an exchange, less its fee, is the quote's of the same end; from another's linked wallet it is not", async () => {
    const buyer = await till.user();
    const payment = await till.quote(buyer, { plan: 2 });
    const friend = await till.user(await till.fund(tronWallet(), 50n * USDT));
    const near = asked(payment) + 4n * USDT;
    await till.sendUsdt(friend.wallet, till.cashier.shown, near);
    await till.credited(friend.wallet, near);
    expect(await till.get(buyer, payment)).toMatchObject({ status: "quoted", received: null, unmatched: [] });
    expect(await plansFor(payment)).toEqual([]);

    const sent = await till.sendUsdt(till.exchange, till.cashier.shown, asked(payment) - 1n * USDT);
    const short = await reaches(buyer, payment, "short");
    expect(short.received).toMatchObject({ txHash: sent, outcome: "credit" });
    await till.credited(buyer.wallet, asked(payment) - 1n * USDT);

    // The quote is open all the same, and what comes for it now is seen at once.
    expect((await till.get(buyer, payment)).ways!.transfer).toMatchObject({
      amount: short.ways!.transfer!.amount,
    });
    const whole = await till.sendUsdt(till.exchange, till.cashier.shown, asked(payment));
    const seen = await eventually("the second transfer is seen", async () => {
      const view = await till.get(buyer, payment);
      return view.status === "seen" ? view : null;
    });
    expect(seen.received).toMatchObject({ txHash: whole, outcome: "arriving" });
    await reaches(buyer, payment, "confirmed");
    await till.credited(buyer.wallet, 2n * asked(payment) - 31n * USDT);
  });

  it("R5, R6: that is short, over, split or without the exchange's fee ends as it says, to the last unit", async () => {
    const [cut, over, splitter] = await Promise.all([till.user(), till.user(), till.user()]);
    await till.fund(splitter.wallet, 10n * USDT);
    const quotes = await Promise.all([cut, over, splitter].map((user) => till.quote(user)));
    const [cutQuote, overQuote, splitQuote] = quotes as [PaymentView, PaymentView, PaymentView];
    const { shown: to } = till.cashier;
    // An exchange takes its fee off what arrives; somebody rounds up; somebody sends two halves.
    const fee = await till.sendUsdt(till.exchange, to, asked(cutQuote) - 1n * USDT);
    await till.sendUsdt(till.exchange, to, asked(overQuote) + 5n * USDT);
    const first = await till.sendUsdt(splitter.wallet, to, 4n * USDT);
    const second = await till.sendUsdt(splitter.wallet, to, 6n * USDT);

    const short = await reaches(cut, cutQuote, "short");
    expect(short.reason!.message).toContain("less than 10.00 USDT");
    expect(short.reason!.message).toContain(`credit of ${cut.wallet.shown}`);
    await till.credited(cut.wallet, asked(cutQuote) - 1n * USDT);
    expect((await till.verify(cut, cutQuote, fee)).reason!.code).toBe("short");

    const bought = await reaches(over, overQuote, "confirmed");
    await till.credited(over.wallet, asked(overQuote) - 5n * USDT);
    expect(await plansFor(bought)).toMatchObject([{ price: 10n * USDT }]);
    const told = await till.worked("the surplus is told", async () => {
      const view = await till.get(over, overQuote);
      return view.reason?.message.includes("they are credit of") ? view : null;
    });
    expect(told.reason).toMatchObject({ code: "surplus" });
    expect(told.received!.credited).toBe(usdt(asked(overQuote) - 5n * USDT));

    // Neither half pays, and together they are credit with which the quote can be paid.
    await till.credited(splitter.wallet, 10n * USDT);
    const halves = await till.worked("the credit is mirrored", async () => {
      const view = await till.get(splitter, splitQuote);
      return view.ways?.credit ? view : null;
    });
    expect(halves).toMatchObject({ status: "quoted", ways: { credit: { available: "10.00" } } });
    expect(halves.unmatched.map(({ amount }) => amount)).toEqual(["4.00", "6.00"]);
    expect((await till.verify(splitter, splitQuote, first)).reason!.code).toBe("unmatched");
    expect((await till.verify(splitter, splitQuote, second)).reason!.code).toBe("unmatched");
    expect(await plansFor(splitQuote)).toEqual([]);
  });

  it("from the key of a wallet that is linked on the other chain is that key's credit, on the chain it came by", async () => {
    const wallet = await till.fund(tronWallet(), 20n * USDT);
    const user = await walletUser(till.stand.api, privateKeyToAccount(wallet.key));
    const hash = await till.sendUsdt(wallet, till.cashier.shown, 3n * USDT);
    await till.credited(wallet, 3n * USDT);
    const { transfers } = await bodyOf<{ transfers: Received[] }>(
      await user.call("GET", "/api/payments/transfers"),
    );
    expect(transfers).toMatchObject([{ txHash: hash, payee: wallet.address, reason: { code: "unmatched" } }]);
  });

  it("R8: that comes after the quote's end is recorded, never lost: it is credit, and the payment says late", async () => {
    const hasty = await till.another({ QUOTE_SECONDS: "1" });
    try {
      const buyer = await till.user(tronWallet(), hasty);
      const payment = await till.quote(buyer);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect((await till.get(buyer, payment)).status).toBe("expired");
      const hash = await till.sendUsdt(till.exchange, till.cashier.shown, asked(payment));
      const late = await reaches(buyer, payment, "late");
      expect(late.reason!.message).toContain("came after the quote had expired");
      await till.credited(buyer.wallet, asked(payment));
      expect((await till.verify(buyer, payment, hash)).reason!.code).toBe("late");
      expect(await plansFor(payment)).toEqual([]);
    } finally {
      await hasty.close();
    }
  });

  it("R4: of nothing or of dust buys and credits nothing", async () => {
    const victim = await till.user();
    const payment = await till.quote(victim);
    const poison = await till.call(
      till.exchange,
      till.stand.contracts.usdt,
      "transferFrom(address,address,uint256)",
      [
        { type: "address", value: victim.wallet.shown },
        { type: "address", value: till.cashier.shown },
        { type: "uint256", value: "0" },
      ],
    );
    const dust = await till.sendUsdt(till.exchange, till.cashier.shown, 9_999n);
    expect((await till.verify(victim, payment, poison)).reason).toMatchObject({ code: "wrong_amount" });
    const held = await till.worked("the dust is decided", async () => {
      const { reason } = await till.verify(victim, payment, dust);
      return reason?.code === "held" ? reason : null;
    });
    expect(held.message).toContain("less than a cent");
    const { rows } = await db().$client.query("SELECT 1 FROM app.incoming_transfers WHERE tx_hash = $1", [
      poison,
    ]);
    expect(rows).toEqual([]);
    expect((await till.get(victim, payment)).status).toBe("quoted");
    expect(await till.stand.creditOf(victim.wallet.address)).toBe(0n);
  });
});

describe("an amount", () => {
  it("R10: is nobody else's, of however many that are quoted at once; the database sees to it", async () => {
    const users = await Promise.all(Array.from({ length: 12 }, () => till.user()));
    const quotes = await Promise.all(users.map((user) => till.quote(user)));
    expect(new Set(quotes.map(asked)).size).toBe(12);
    const taken = (await reservationOf(quotes[0]!))!;
    const free = await till.quote(users[1]!, { plan: 3 });
    await db().delete(transferReservations).where(eq(transferReservations.paymentId, free.id));
    const twice = db()
      .insert(transferReservations)
      .values({ ...taken, paymentId: free.id });
    await expect(twice).rejects.toMatchObject({ cause: { constraint: expect.stringContaining("_pk") } });
    // Of the EVM chain the same amount is another.
    const other = { ...taken, paymentId: free.id, chain: "eip155:31337" };
    await db().insert(transferReservations).values(other);
    // Asked twice it is one quote, with one amount.
    const both = await Promise.all([till.quote(users[2]!), till.quote(users[2]!)]);
    expect(new Set([quotes[2]!.id, ...both.map(({ id }) => id)]).size).toBe(1);
  });

  it("R11: pays once, however often its log is looked at", async () => {
    const buyer = await till.user();
    const payment = await till.quote(buyer);
    const hash = await till.sendUsdt(till.exchange, till.cashier.shown, asked(payment));
    await till.stand.settle();
    const chain = till.stand.chain();
    const waiting = await undecidedTransfers(db(), chain, till.cashier.address);
    const transfer = waiting.find(({ txHash }) => txHash === hash)!;
    const decide = () => db().transaction((tx) => decideTransfer(tx, chain, transfer));
    await Promise.all([decide(), decide(), decide()]);
    await decide();
    const rows = await db().select().from(incomingTransfers).where(eq(incomingTransfers.txHash, hash));
    expect(rows).toMatchObject([{ outcome: "purchase", paymentId: payment.id }]);
    const again = db()
      .insert(incomingTransfers)
      .values({ ...rows[0]!, id: undefined });
    await expect(again).rejects.toMatchObject({ cause: { constraint: "incoming_transfers_event" } });
    await reaches(buyer, payment, "confirmed");
    expect(await plansFor(payment)).toHaveLength(1);
  });

  // The last: with the days it forgets what the others quoted.
  it("R9: is kept for as long as it can be matched, the week after the quote's end included", async () => {
    const buyer = await till.user();
    const payment = await till.quote(buyer);
    const end = Date.parse(payment.expiresAt);
    const week = 7 * 86_400_000;
    expect((await reservationOf(payment))!.until.getTime()).toBe(end + week);
    await forgetQuotes(till.stand.api.deps, new Date(end + week - 60_000));
    expect((await reservationOf(payment))!.amount).toBe(asked(payment));
    const thief = await till.quote(await till.user());
    expect(asked(thief)).not.toBe(asked(payment));
    await forgetQuotes(till.stand.api.deps, new Date(end + week + 60_000));
    expect(await reservationOf(payment)).toBeUndefined();
  });
});

import { aiforgeAbi, demoAccount, parseUsdt } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import { TransactionReceiptNotFoundError } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../../scripts/testing/chain.ts";
import { aiforgeCall, type Call } from "../../../chain/calls.ts";
import { chainPlanPurchases, chainServicePurchases, chainTransfers } from "../../../chain/schema.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../../testing/harness.ts";
import {
  CHAIN,
  fundedUser,
  pay,
  paymentIn,
  publishedModel,
  quoteSubscribe,
  sign,
} from "../../../testing/market.ts";
import { quote, sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { bodyOf, linkWallet, send, type TestWalletUser, walletUser } from "../../../testing/users.ts";
import type { Health } from "../../health/service.ts";
import { activeEntitlement } from "../../marketplace/service.ts";
import { payments } from "../schema.ts";
import type { PaymentView, Received } from "../shapes.ts";
import { cashierRound } from "./round.ts";
import { incomingTransfers, transferReservations } from "./schema.ts";
import { startCashier } from "./worker.ts";

const CASHIER = demoAccount("cashier").address;

let api: TestApi;
let worker: { stop: () => Promise<void> };
let exchange: PrivateKeyAccount;
let creator: TestWalletUser;

beforeAll(async () => {
  api = await createTestApi();
  exchange = await fundedWallet(api.rpcUrl, 1_000_000_000n);
  creator = await fundedUser(api);
  worker = startCashier(api.deps, { everyMs: 200 });
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

const chain = () => api.deps.chains.get(CHAIN);
const planQuote = (user: TestWalletUser, plan = 1, months = 1) =>
  quote(user, { purpose: "plan", plan, months });

/** What is to be sent for a payment, in micro-USDT. */
const asked = ({ ways }: PaymentView) => parseUsdt(ways!.transfer!.amount);

const creditOf = (address: string) =>
  chain().client.readContract({
    address: chain().aiforge,
    abi: aiforgeAbi,
    functionName: "creditOf",
    args: [address as `0x${string}`],
  });

const plansFor = (account: string) =>
  api.deps.db.select().from(chainPlanPurchases).where(eq(chainPlanPurchases.account, account));

const credited = (address: string, amount: bigint) =>
  eventually(`${amount} are credit of ${address}`, async () => (await creditOf(address)) === amount);

const get = async (user: TestWalletUser, id: string) =>
  bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));

const verify = async (user: TestWalletUser, paymentId: string, txHash: string) =>
  bodyOf<PaymentView>(await user.call("POST", "/api/payments/verify", { paymentId, txHash }));

describe("a plain transfer of exactly the amount", () => {
  it("from an exchange becomes the quoted purchase, split and all, and its tail credit", async () => {
    const buyer = await fundedUser(api);
    const before = await usdtOf(api, CASHIER);
    const payment = await planQuote(buyer, 2);
    const { transfer } = payment.ways!;
    expect(transfer).toMatchObject({
      to: CASHIER,
      network: "Local chain",
      token: chain().usdt,
      expiresAt: payment.expiresAt,
    });
    const amount = asked(payment);
    expect(amount - 30_000_000n).toBeGreaterThan(0n);
    expect(amount - 30_000_000n).toBeLessThan(10_000n);
    expect(transfer!.uri).toBe(
      `ethereum:${chain().usdt}@31337/transfer?address=${CASHIER}&uint256=${amount}`,
    );

    const hash = await sendUsdt(api, exchange, CASHIER, amount);
    const seen = await eventually("the transfer is seen", async () => {
      const view = await get(buyer, payment.id);
      return view.status === "quoted" ? null : view;
    });
    expect(seen.received).toMatchObject({ txHash: hash, from: exchange.address.toLowerCase() });
    const confirmed = await paymentIn(buyer, payment.id, "confirmed");
    expect(confirmed).toMatchObject({ amount: "30.00", fee: "9.00", creators: "21.00", reason: null });
    expect(confirmed.received).toMatchObject({ outcome: "purchase", txHash: hash });
    expect(confirmed.txHash).not.toBe(hash);
    expect(await plansFor(payment.account)).toMatchObject([
      { plan: 2, months: 1n, price: 30_000_000n, payer: CASHIER.toLowerCase() },
    ]);
    await credited(buyer.wallet.address, amount - 30_000_000n);
    const settled = await eventually("the credit is told", async () => {
      const { received } = await get(buyer, payment.id);
      return received!.creditTxHash ? received : null;
    });
    expect(settled).toMatchObject({ payee: buyer.wallet.address.toLowerCase(), reason: null });
    expect(await usdtOf(api, CASHIER)).toBe(before);
    expect((await verify(buyer, payment.id, hash)).reason).toBeNull();
  });

  it("buys for the group that was quoted", async () => {
    const owner = await fundedUser(api);
    const model = await publishedModel(api, creator);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    const payment = await quoteSubscribe(owner, model.id, 2, { groupId: group.id });
    await sendUsdt(api, exchange, CASHIER, asked(payment));
    await paymentIn(owner, payment.id, "confirmed");
    const entitlement = await activeEntitlement(api.deps, owner.id, model.id);
    expect(entitlement!.via).toEqual({ kind: "group", id: group.id });
  });

  it("a second time is credit, for a quote is used once", async () => {
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    const amount = asked(payment);
    await sendUsdt(api, exchange, CASHIER, amount);
    const again = await sendUsdt(api, exchange, CASHIER, amount);
    await paymentIn(buyer, payment.id, "confirmed");
    await credited(buyer.wallet.address, amount + (amount - 10_000_000n));
    expect(await plansFor(payment.account)).toHaveLength(1);
    const told = await eventually("it is told", async () => {
      const { reason } = await verify(buyer, payment.id, again);
      return reason?.message.includes("are credit of") ? reason : null;
    });
    expect(told.code).toBe("already_paid");
  });

  it("after the wallet paid is credit too", async () => {
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    await pay(api, buyer.wallet, payment);
    await paymentIn(buyer, payment.id, "confirmed");
    await sendUsdt(api, exchange, CASHIER, asked(payment));
    await credited(buyer.wallet.address, asked(payment));
    expect(await plansFor(payment.account)).toHaveLength(1);
  });

  it("is no other quote's, however many wait for the same price", async () => {
    const buyers = await Promise.all([1, 2, 3].map(() => walletUser(api)));
    const payments = await Promise.all(buyers.map((buyer) => planQuote(buyer)));
    expect(new Set(payments.map(asked)).size).toBe(3);
    await sendUsdt(api, exchange, CASHIER, asked(payments[1]!));
    await paymentIn(buyers[1]!, payments[1]!.id, "confirmed");
    expect((await get(buyers[0]!, payments[0]!.id)).status).toBe("quoted");
    expect((await get(buyers[2]!, payments[2]!.id)).status).toBe("quoted");
    const [row] = await api.deps.db
      .select()
      .from(transferReservations)
      .where(eq(transferReservations.paymentId, payments[0]!.id));
    const taken = { ...row!, paymentId: payments[1]!.id };
    await expect(api.deps.db.insert(transferReservations).values(taken)).rejects.toThrow();
  });
});

describe("a plain transfer from a linked wallet", () => {
  it("of the bare price is for the quote of that price", async () => {
    const buyer = await fundedUser(api);
    const wanted = await planQuote(buyer, 2);
    const other = await planQuote(buyer, 1);
    await sendUsdt(api, buyer.wallet, CASHIER, 30_000_000n);
    await paymentIn(buyer, wanted.id, "confirmed");
    expect((await get(buyer, other.id)).status).toBe("quoted");
    expect(await creditOf(buyer.wallet.address)).toBe(0n);
  });

  it("that is too much buys, and the surplus is credit", async () => {
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    await sendUsdt(api, buyer.wallet, CASHIER, 15_500_000n);
    await paymentIn(buyer, payment.id, "confirmed");
    await credited(buyer.wallet.address, 5_500_000n);
    const told = await eventually("the surplus is told", async () => {
      const view = await get(buyer, payment.id);
      return view.received?.credited === "5.50" ? view : null;
    });
    expect(told).toMatchObject({ status: "confirmed", reason: { code: "surplus" } });
    expect(told.reason!.message).toContain("5.50 USDT more than the price");
  });

  it("that is too little is credit, with which the rest can be paid", async () => {
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    const hash = await sendUsdt(api, buyer.wallet, CASHIER, 4_000_000n);
    const short = await paymentIn(buyer, payment.id, "short");
    expect(short.reason).toMatchObject({ code: "short" });
    expect(short.reason!.message).toContain("less than 10.00 USDT");
    await credited(buyer.wallet.address, 4_000_000n);
    expect((await verify(buyer, payment.id, hash)).reason!.code).toBe("short");
    expect(await plansFor(payment.account)).toEqual([]);
    expect((await get(buyer, payment.id)).ways!.wallet.call.functionName).toBe("buyPlan");
  });

  it("that fits no quote, or several, is the sender's credit", async () => {
    const buyer = await fundedUser(api);
    await planQuote(buyer, 1);
    await planQuote(buyer, 2);
    const hash = await sendUsdt(api, buyer.wallet, CASHIER, 7_000_000n);
    await credited(buyer.wallet.address, 7_000_000n);
    const { transfers } = await bodyOf<{ transfers: Received[] }>(
      await buyer.call("GET", "/api/payments/transfers"),
    );
    expect(transfers).toMatchObject([{ txHash: hash, outcome: "credit", reason: { code: "unmatched" } }]);
  });
});

describe("a plain transfer from nobody known", () => {
  it("whose fee an exchange took off is short, and credit", async () => {
    const buyer = await walletUser(api);
    const payment = await planQuote(buyer, 3);
    await sendUsdt(api, exchange, CASHIER, asked(payment) - 1_250_000n);
    await paymentIn(buyer, payment.id, "short");
    await credited(buyer.wallet.address, asked(payment) - 1_250_000n);
  });

  it("is for nobody who opened a quote that ends like another's, be that one over", async () => {
    const { db } = api.deps;
    const buyer = await walletUser(api);
    const payment = await planQuote(buyer, 2);
    await db
      .update(payments)
      .set({ expiresAt: new Date(Date.now() - 60_000) })
      .where(eq(payments.id, payment.id));
    const cut = asked(payment) - 1_250_000n;
    await sendUsdt(api, exchange, CASHIER, cut);
    await paymentIn(buyer, payment.id, "late");
    await credited(buyer.wallet.address, cut);

    const other = await planQuote(buyer, 2, 2);
    await db
      .update(payments)
      .set({ expiresAt: new Date(Date.now() - 60_000) })
      .where(eq(payments.id, other.id));
    const thief = await walletUser(api);
    const bait = await planQuote(thief, 2, 2);
    const near = asked(other) - 5_000_000n;
    await db.update(payments).set({ transferAmount: near }).where(eq(payments.id, bait.id));
    await db
      .update(transferReservations)
      .set({ amount: near })
      .where(eq(transferReservations.paymentId, bait.id));
    const hash = await sendUsdt(api, exchange, CASHIER, near - 2_000_000n);
    const [row] = await eventually("it is decided", async () => {
      const rows = await db.select().from(incomingTransfers).where(eq(incomingTransfers.txHash, hash));
      return rows.length > 0 ? rows : null;
    });
    expect(row).toMatchObject({ outcome: "held", code: "unmatched", payee: null });
    expect(await creditOf(thief.wallet.address)).toBe(0n);
  });

  it("is decided once, also when the chain puts it at another place in its block", async () => {
    const { db } = api.deps;
    const buyer = await fundedUser(api);
    const hash = await sendUsdt(api, buyer.wallet, CASHIER, 3_000_000n);
    await credited(buyer.wallet.address, 3_000_000n);
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
    const stranger = await fundedWallet(api.rpcUrl);
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    const hash = await sendUsdt(api, stranger, CASHIER, 20_000_000n);
    const held = await eventually("it is held", async () => {
      const { reason } = await verify(buyer, payment.id, hash);
      return reason?.code === "held" ? reason : null;
    });
    expect(held.hint).toContain("Link the wallet");
    expect(await creditOf(stranger.address)).toBe(0n);
    await linkWallet(buyer, stranger);
    await credited(stranger.address, 20_000_000n);
    expect((await get(buyer, payment.id)).status).toBe("quoted");
  });

  it("of nothing, or of less than a cent, does nothing", async () => {
    const stranger = await fundedWallet(api.rpcUrl);
    const nothing = await sendUsdt(api, stranger, CASHIER, 0n);
    const dust = await sendUsdt(api, stranger, CASHIER, 9_999n);
    const [row] = await eventually("the dust is decided", async () => {
      const rows = await api.deps.db
        .select()
        .from(incomingTransfers)
        .where(eq(incomingTransfers.txHash, dust));
      return rows.length > 0 ? rows : null;
    });
    expect(row).toMatchObject({ outcome: "held", code: "dust" });
    const rows = await api.deps.db
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
      const buyer = await walletUser(hasty, (await fundedUser(api)).wallet);
      const payment = await planQuote(buyer);
      const amount = asked(payment);
      await paymentIn(buyer, payment.id, "expired");
      const hash = await sendUsdt(api, exchange, CASHIER, amount);
      const late = await paymentIn(buyer, payment.id, "late");
      expect(late.reason!.message).toContain("came after the quote had expired");
      await credited(buyer.wallet.address, amount);
      expect((await verify(buyer, payment.id, hash)).reason!.code).toBe("late");
      expect(await plansFor(payment.account)).toEqual([]);
    } finally {
      await hasty.close();
    }
  });
});

describe("when the price changed before the purchase", () => {
  const setMonth = async (seller: TestWalletUser, modelId: string, month: string) => {
    const body = { modelId, month };
    const answer = await seller.call("POST", "/api/marketplace/create", body);
    await sign(api, seller.wallet, (await bodyOf<{ onchain: Call }>(answer)).onchain);
  };

  it("and is higher, the whole transfer is credit, with the reason", async () => {
    const seller = await fundedUser(api);
    const model = await publishedModel(api, seller);
    const buyer = await fundedUser(api);
    const payment = await quoteSubscribe(buyer, model.id);
    await setMonth(seller, model.id, "11");
    await sendUsdt(api, exchange, CASHIER, asked(payment));
    const failed = await paymentIn(buyer, payment.id, "failed");
    expect(failed.reason).toMatchObject({ code: "refused" });
    expect(failed.reason!.message).toContain("PriceAboveMax");
    await credited(buyer.wallet.address, asked(payment));
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).toBeNull();
  });

  it("and is lower, what it did not cost is credit", async () => {
    const seller = await fundedUser(api);
    const model = await publishedModel(api, seller);
    const buyer = await fundedUser(api);
    const payment = await quoteSubscribe(buyer, model.id);
    await setMonth(seller, model.id, "8");
    await sendUsdt(api, exchange, CASHIER, asked(payment));
    expect((await paymentIn(buyer, payment.id, "confirmed")).amount).toBe("8.00");
    await credited(buyer.wallet.address, asked(payment) - 8_000_000n);
    expect(
      await api.deps.db
        .select()
        .from(chainServicePurchases)
        .where(eq(chainServicePurchases.account, payment.account)),
    ).toHaveLength(1);
  });
});

describe("while payments are paused", () => {
  it("a transfer waits, and buys afterwards", async () => {
    const admin = privateKeyToAccount(demoAccount("deployer").privateKey);
    const buyer = await walletUser(api);
    const payment = await planQuote(buyer);
    await sign(api, admin, aiforgeCall(chain(), "pause", []));
    try {
      await sendUsdt(api, exchange, CASHIER, asked(payment));
      await eventually("the purchase waits", async () => {
        return (await get(buyer, payment.id)).reason?.code === "purchasing";
      });
      const head = await chain().head(0);
      await eventually("3 blocks more", async () => (await chain().head(0)) > head + 3n);
      expect(await plansFor(payment.account)).toEqual([]);
    } finally {
      await sign(api, admin, aiforgeCall(chain(), "unpause", []));
    }
    await paymentIn(buyer, payment.id, "confirmed");
    await credited(buyer.wallet.address, asked(payment) - 10_000_000n);
  });
});

describe("a transfer that a reorg takes away before it is confirmed", () => {
  it("does nothing, and says so", async () => {
    const client = testClient(api.rpcUrl);
    const buyer = await fundedUser(api);
    const payment = await planQuote(buyer);
    await client.setIntervalMining({ interval: 0 });
    let hash: `0x${string}`;
    try {
      const snapshot = await client.snapshot();
      hash = await client.sendTransaction({
        account: exchange,
        to: chain().usdt,
        data: transferData(asked(payment)),
        gas: 200_000n,
      });
      await client.mine({ blocks: 1 });
      const arriving = await paymentIn(buyer, payment.id, "seen");
      expect(arriving).toMatchObject({ confirmations: 1, received: { outcome: "arriving", txHash: hash } });
      expect((await verify(buyer, payment.id, hash)).reason!.message).toBe("1 of 3 confirmations.");
      await client.revert({ id: snapshot });
      await client.mine({ blocks: 4 });
    } finally {
      await client.setIntervalMining({ interval: 1 });
    }
    const back = await paymentIn(buyer, payment.id, "quoted");
    expect(back.received).toBeNull();
    expect((await verify(buyer, payment.id, hash)).reason!.code).toBe("reorged");
    const mine = and(eq(chainTransfers.chainId, CHAIN), eq(chainTransfers.txHash, hash));
    expect(await api.deps.db.select().from(chainTransfers).where(mine)).toEqual([]);
    expect(await plansFor(payment.account)).toEqual([]);
    const decided = await api.deps.db
      .select()
      .from(incomingTransfers)
      .where(eq(incomingTransfers.txHash, hash));
    expect(decided).toEqual([]);
  });
});

describe("a cashier", () => {
  it("without gas offers no transfers, and health says so", async () => {
    const client = testClient(api.rpcUrl);
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

  it("never buys twice, even if several should work at once without a lock", async () => {
    await worker.stop();
    const others = await Promise.all([1, 2, 3].map(() => createTestApi()));
    const account = privateKeyToAccount(demoAccount("cashier").privateKey);
    const before = await usdtOf(api, CASHIER);
    try {
      const buyers = await Promise.all([1, 2, 3].map(() => walletUser(api)));
      const payments = await Promise.all(buyers.map((buyer) => planQuote(buyer)));
      for (const payment of payments) await sendUsdt(api, exchange, CASHIER, asked(payment));
      const round = ({ deps }: TestApi) => cashierRound(deps, deps.chains.get(CHAIN), account);
      await eventually(
        "all is bought and credited",
        async () => {
          await Promise.allSettled([api, ...others].map(round));
          const credits = await Promise.all(buyers.map(({ wallet }) => creditOf(wallet.address)));
          return credits.every((credit, at) => credit === asked(payments[at]!) - 10_000_000n);
        },
        40_000,
      );
      for (const payment of payments) expect(await plansFor(payment.account)).toHaveLength(1);
      expect(await usdtOf(api, CASHIER)).toBe(before);
    } finally {
      worker = startCashier(api.deps, { everyMs: 200 });
      for (const other of others) await other.close();
    }
  });

  it("does not pay again while a node that lags behind has no receipt", async () => {
    await worker.stop();
    const account = privateKeyToAccount(demoAccount("cashier").privateKey);
    const buyer = await walletUser(api);
    const payment = await planQuote(buyer);
    try {
      await sendUsdt(api, exchange, CASHIER, asked(payment));
      const signed = async () => (await get(buyer, payment.id)).txHash !== null;
      await eventually("the purchase is sent, and mined", async () => {
        await cashierRound(api.deps, chain(), account, {
          at: async (step) => {
            if (step === "mined" && (await signed())) throw new Error("not further");
          },
        }).catch(() => undefined);
        return (await plansFor(payment.account)).length > 0;
      });
      const { client } = chain();
      const mined = await client.getBlockNumber({ cacheTime: 0 });
      await eventually(
        "it is settled",
        async () => (await client.getBlockNumber({ cacheTime: 0 })) > mined + 3n,
      );
      const getTransactionReceipt = ({ hash }: { hash: `0x${string}` }) =>
        Promise.reject(new TransactionReceiptNotFoundError({ hash }));
      const lagging = Object.create(client, { getTransactionReceipt: { value: getTransactionReceipt } });
      await cashierRound(api.deps, Object.create(chain(), { client: { value: lagging } }), account);
    } finally {
      worker = startCashier(api.deps, { everyMs: 200 });
    }
    await credited(buyer.wallet.address, asked(payment) - 10_000_000n);
    expect(await plansFor(payment.account)).toHaveLength(1);
  });

  it("pays more for a transaction that waits too long, in place of it", async () => {
    await worker.stop();
    const client = testClient(api.rpcUrl);
    const account = privateKeyToAccount(demoAccount("cashier").privateKey);
    const buyer = await walletUser(api);
    const payment = await planQuote(buyer);
    await sendUsdt(api, exchange, CASHIER, asked(payment));
    const round = () => cashierRound(api.deps, chain(), account, { patienceMs: 0 });
    try {
      await eventually("the transfer is decided", async () => {
        await cashierRound(api.deps, chain(), account, {
          at: (step) => {
            if (step === "decided") throw new Error("not further");
          },
        }).catch(() => undefined);
        return (await get(buyer, payment.id)).received?.outcome === "purchase";
      });
      await client.setIntervalMining({ interval: 0 });
      for (let waits = 0; waits < 3; waits++) await round();
      const hashes = await api.deps.db.$client.query(
        "SELECT t.hash FROM app.cashier_transactions t JOIN app.cashier_orders o ON o.seq = t.order_seq JOIN app.incoming_transfers i ON i.id = o.transfer_id WHERE i.payment_id = $1 AND o.kind = 'purchase'",
        [payment.id],
      );
      expect(hashes.rows).toHaveLength(3);
    } finally {
      await client.setIntervalMining({ interval: 1 });
      worker = startCashier(api.deps, { everyMs: 200 });
    }
    await paymentIn(buyer, payment.id, "confirmed");
    await credited(buyer.wallet.address, asked(payment) - 10_000_000n);
    expect(await plansFor(payment.account)).toHaveLength(1);
  });
});

describe("amounts", () => {
  it("of one user run out before everybody's do, and are kept a week longer than the quote", async () => {
    const greedy = await walletUser(api);
    const payments: PaymentView[] = [];
    for (let months = 1; months <= 102; months++) payments.push(await planQuote(greedy, 1, months));
    expect(payments.slice(0, 100).every(({ ways }) => ways!.transfer !== null)).toBe(true);
    expect(payments.slice(100).map(({ ways }) => ways!.transfer)).toEqual([null, null]);
    expect((await planQuote(await walletUser(api))).ways!.transfer).not.toBeNull();
    const [row] = await api.deps.db
      .select()
      .from(transferReservations)
      .where(eq(transferReservations.paymentId, payments[0]!.id));
    expect(row!.until.getTime()).toBe(Date.parse(payments[0]!.expiresAt) + 7 * 86_400_000);
  });
});

it("keeps what it holds for others, and nothing else", async () => {
  const accounted = async () => {
    const { rows } = await api.deps.db.$client.query(`
      SELECT (SELECT COALESCE(sum(amount), 0) FROM app.incoming_transfers)
        - (SELECT COALESCE(sum(amount), 0) FROM app.cashier_orders WHERE state = 'done' AND kind <> 'approve') AS left,
        (SELECT COALESCE(sum(amount), 0) FROM app.incoming_transfers WHERE outcome = 'held') AS held`);
    return { left: BigInt(rows[0].left), held: BigInt(rows[0].held) };
  };
  const { left, held } = await eventually("all orders are done", async () => {
    const now = await accounted();
    return now.left === now.held ? now : null;
  });
  expect(await usdtOf(api, CASHIER)).toBe(left);
  expect(held).toBeGreaterThan(0n);
});

const transferData = (amount: bigint): `0x${string}` =>
  `0xa9059cbb${CASHIER.slice(2).toLowerCase().padStart(64, "0")}${amount.toString(16).padStart(64, "0")}`;

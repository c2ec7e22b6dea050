import { aiforgeAbi, tetherTronBytecode, usdtAbi } from "@aiforge/contracts";
import { eq } from "drizzle-orm";
import { encodeAbiParameters, encodeEventTopics, type Hex, numberToHex, zeroHash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { chainPlanPurchases, chainTransfers } from "../../chain/schema.ts";
import { emitting } from "../../testing/emitting.ts";
import { HangingNode } from "../../testing/hanging-node.ts";
import { eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { CHAIN } from "../../testing/market.ts";
import { asked, TronTill, type TronUser, transferOf } from "../../testing/tron-payments.ts";
import { tronWallet } from "../../testing/tron-wallet.ts";
import { bodyOf, codeOf, linkWallet, type TestUser } from "../../testing/users.ts";
import type { Health } from "../health/service.ts";
import { incomingTransfers } from "./cashier/schema.ts";
import { cashierOf } from "./cashier/wallet.ts";
import type { PaymentView } from "./shapes.ts";

/* What is said of a transaction on Tron; R and a number are the cases of the table in indexer/README.md. */

const USDT = 1_000_000n;

let till: TronTill;
let buyer: TronUser;
let payment: PaymentView;
beforeAll(async () => {
  till = await TronTill.open();
  buyer = await till.user();
  payment = await till.quote(buyer);
});
afterAll(() => till.close());

const db = () => till.stand.api.deps.db;
const devnet = () => till.stand.devnet;

async function why(txHash: string, user: TestUser = buyer, of = payment) {
  const { reason } = await till.verify(user, of, txHash);
  if (reason) for (const text of [reason.message, reason.hint]) expect(text).toMatch(/\.$/);
  return reason;
}

/** That a transaction, once it is solid, counts for nothing: the payment waits, nothing is bought, credited or held. */
async function countsForNothing(hash: Hex): Promise<void> {
  await till.stand.settle();
  expect(await till.get(buyer, payment)).toMatchObject({ status: "quoted", received: null });
  const ofThis = eq(incomingTransfers.txHash, hash);
  expect(await db().select().from(incomingTransfers).where(ofThis)).toEqual([]);
  expect(await db().select().from(chainTransfers).where(eq(chainTransfers.txHash, hash))).toEqual([]);
  const bought = eq(chainPlanPurchases.account, payment.account);
  expect(await db().select().from(chainPlanPurchases).where(bought)).toEqual([]);
}

/** Sends a call of the api's own by a Tron wallet. */
const sign = (user: TronUser, call: { to: string; data: string }) =>
  till.stand.sign(privateKeyToAccount(user.wallet.key), call);

describe("why a payment is not here, on Tron", () => {
  it("because nobody knows the transaction, whichever way its id is written", async () => {
    const reason = { code: "unknown_transaction", message: "Local Tron does not know this transaction." };
    expect(await why(zeroHash)).toMatchObject(reason);
    expect(await why("AB".repeat(32))).toMatchObject(reason);
  });

  it("because it is on another network, in either direction", async () => {
    const { rpcUrl } = till.stand.stack;
    const evm = await fundedWallet(rpcUrl);
    const there = await testClient(rpcUrl).sendTransaction({ account: evm, to: evm.address, value: 1n });
    await testClient(rpcUrl).waitForTransactionReceipt({ hash: there });
    expect(await why(there)).toMatchObject({
      code: "other_network",
      message: "This transaction is on Local chain; the payment is to be made on Local Tron.",
    });
    await linkWallet(buyer, evm);
    const onEvm = await till.quote(buyer, { chain: CHAIN, wallet: evm.address });
    const here = await till.sendTrx(till.exchange, buyer.wallet.shown, 1_000_000);
    expect(await why(here, buyer, onEvm)).toMatchObject({
      code: "other_network",
      message: "This transaction is on Local Tron; the payment is to be made on Local chain.",
    });
  });

  it("R1: because a token was sent that only calls itself USDT", async () => {
    const fake = await till.create(till.exchange, tetherTronBytecode, {
      abi: usdtAbi,
      parameters: [String(1_000n * USDT)],
    });
    const hash = await till.call(
      till.exchange,
      fake.address,
      ...transferOf(till.cashier.shown, asked(payment)),
    );
    const reason = await why(hash);
    expect(reason).toMatchObject({
      code: "wrong_token",
      message: `This transaction sent a token that calls itself USDT and is not: ${fake.address}.`,
    });
    expect(reason!.hint).toMatch(/^The USDT of Local Tron is T\w{33}\./);
    await countsForNothing(hash);
  });

  it("R2: because TRX was sent", async () => {
    const hash = await till.sendTrx(till.exchange, till.cashier.shown, 10_000_000);
    expect(await why(hash)).toMatchObject({
      code: "wrong_token",
      message: "This transaction sent the coin of Local Tron, not USDT.",
    });
    await countsForNothing(hash);
  });

  it("R3: because the transfer was refused, or ran out of energy", async () => {
    const { usdt } = till.stand.contracts;
    const pauper = await till.fund(tronWallet());
    const reverted = await till.call(pauper, usdt, ...transferOf(till.cashier.shown, asked(payment)));
    expect(await why(reverted)).toMatchObject({
      code: "reverted",
      message: "USDT refused this transfer, so nothing was sent.",
    });
    const starved = await till.call(
      till.exchange,
      usdt,
      ...transferOf(till.cashier.shown, asked(payment)),
      100_000,
    );
    expect(await why(starved)).toMatchObject({
      code: "reverted",
      message: "This transfer ran out of energy, so nothing was sent.",
    });
    await countsForNothing(reverted);
    await countsForNothing(starved);
  });

  it("because USDT went to somebody else", async () => {
    const hash = await till.sendUsdt(till.exchange, buyer.wallet.shown, asked(payment));
    const reason = await why(hash);
    expect(reason).toMatchObject({ code: "wrong_recipient" });
    expect(reason!.message).toContain(buyer.wallet.shown);
    expect(reason!.hint).toBe(`Transfers for this payment go to ${till.cashier.shown}.`);
  });

  it("R12: because it waits for 19 confirmations, and then to be matched", async () => {
    const user = await till.user();
    const own = await till.quote(user);
    const hash = await till.sendUsdt(till.exchange, till.cashier.shown, asked(own));
    for (const blocks of [0, 1, 16]) {
      await devnet().mine(blocks);
      const { blockNumber } = await till.stand.chain().client.getTransactionReceipt({ hash });
      const confirmations = devnet().head() - Number(blockNumber) + 1;
      expect((await why(hash, user, own))!.message).toBe(`${confirmations} of 19 confirmations.`);
    }
    await devnet().mine(1);
    expect(await why(hash, user, own)).toMatchObject({ code: "matching" });
  });

  it("R12: because the chain took it back", async () => {
    const user = await till.user();
    const own = await till.quote(user);
    const transfer = [till.stand.contracts.usdt, ...transferOf(till.cashier.shown, asked(own))] as const;
    const hash = await till.broadcast(till.exchange, ...transfer);
    await devnet().mine();
    expect((await why(hash, user, own))!.message).toBe("1 of 19 confirmations.");
    await devnet().reorg({ depth: 1, drop: [hash.slice(2)], longer: 2 });
    expect(await why(hash, user, own)).toMatchObject({ code: "reorged" });
    await till.stand.settle();
    expect(await till.get(user, own)).toMatchObject({ status: "quoted", received: null });
  });

  it("R12: because a reorg put it off: its confirmations begin again, and it buys once", async () => {
    const user = await till.user();
    const own = await till.quote(user);
    const transfer = [till.stand.contracts.usdt, ...transferOf(till.cashier.shown, asked(own))] as const;
    const hash = await till.broadcast(till.exchange, ...transfer);
    const is = (status: PaymentView["status"], confirmations: number) =>
      eventually(`it is ${status} with ${confirmations} of 19`, async () => {
        const view = await till.get(user, own);
        return view.status === status && view.confirmations === confirmations ? view : null;
      });
    await devnet().mine(4);
    expect((await is("seen", 4)).received).toMatchObject({ outcome: "arriving", txHash: hash });
    expect((await why(hash, user, own))!.message).toBe("4 of 19 confirmations.");
    // Two blocks above the new head: it is in none until they are made.
    expect(await devnet().reorg({ depth: 4, move: { [hash.slice(2)]: 6 } })).toEqual([]);
    expect((await is("quoted", 0)).received).toBeNull();
    expect(await why(hash, user, own)).toMatchObject({ code: "reorged" });
    await devnet().mine(2);
    expect((await is("seen", 1)).received).toMatchObject({ outcome: "arriving", txHash: hash });
    expect((await why(hash, user, own))!.message).toBe("1 of 19 confirmations.");
    const confirmed = await till.worked("the payment is confirmed", async () => {
      const view = await till.get(user, own);
      return view.status === "confirmed" ? view : null;
    });
    expect(confirmed.received).toMatchObject({ outcome: "purchase", txHash: hash });
    const bought = eq(chainPlanPurchases.account, own.account);
    expect(await db().select().from(chainPlanPurchases).where(bought)).toHaveLength(1);
  });
});

describe("R24: a callback that says a payment is made", () => {
  it("has no address to come to", async () => {
    const body = { paymentId: payment.id, status: "confirmed", txHash: zeroHash };
    for (const [method, path] of [
      ["POST", "callback"],
      ["POST", "webhook"],
      ["POST", "confirm"],
      ["POST", payment.id],
      ["PATCH", payment.id],
      ["PUT", payment.id],
      ["POST", `${payment.id}/confirm`],
    ] as const) {
      const response = await buyer.call(method, `/api/payments/${path}`, body);
      expect([path, response.status]).toEqual([path, 404]);
    }
    // What is said beside the hash is not listened to.
    const said = await buyer.call("POST", "/api/payments/verify", { ...body, txHash: zeroHash });
    expect(await bodyOf<PaymentView>(said)).toMatchObject({ status: "quoted" });
    expect((await till.get(buyer, payment)).status).toBe("quoted");
  });

  it("cannot be forged by events of another contract", async () => {
    const { account, wallet } = payment;
    const purchase = encodeEventTopics({
      abi: aiforgeAbi,
      eventName: "PlanPurchased",
      args: { plan: 1, account: account as Hex, payer: wallet as Hex },
    }) as Hex[];
    const words = encodeAbiParameters(
      [
        { type: "uint256" },
        { type: "uint256" },
        { type: "uint256" },
        { type: "uint256" },
        { type: "uint256" },
      ],
      [1n, 10n * USDT, 3n * USDT, 7n * USDT, 7n * USDT],
    );
    const forged = await till.create(till.exchange, emitting(purchase, words));
    expect(await why(forged.hash)).toMatchObject({ code: "other_contract" });
    const transfer = encodeEventTopics({
      abi: usdtAbi,
      eventName: "Transfer",
      args: { from: wallet as Hex, to: till.cashier.address },
    }) as Hex[];
    const sent = await till.create(
      till.exchange,
      emitting(transfer, numberToHex(asked(payment), { size: 32 })),
    );
    expect(await why(sent.hash)).toMatchObject({ code: "wrong_token" });
    await countsForNothing(forged.hash);
    await countsForNothing(sent.hash);
  });

  it("nor by naming a purchase that was for somebody else, or for an earlier quote", async () => {
    const payer = await till.user(await till.fund(tronWallet(), 20n * USDT));
    const paid = await till.quote(payer);
    await sign(payer, paid.ways!.wallet!.allowance!);
    const hash = await sign(payer, paid.call);
    // As soon as the watcher has seen the block.
    await eventually("it has one confirmation", async () => {
      const { reason } = await till.verify(payer, paid, hash);
      return reason?.message === "1 of 19 confirmations.";
    });
    expect(await why(hash)).toMatchObject({ code: "wrong_account" });
    await till.stand.settle();
    const own = await till.verify(payer, paid, hash);
    expect(own).toMatchObject({ status: "confirmed", txHash: hash, reason: null });
    const again = await till.quote(payer);
    expect(again.id).not.toBe(paid.id);
    expect(await why(hash, payer, again)).toMatchObject({ code: "already_used" });
    expect((await till.get(payer, again)).status).toBe("quoted");
    expect((await till.get(buyer, payment)).status).toBe("quoted");
  });
});

describe("R14: a Tron node that throttles", () => {
  let throttled: TestApi;
  let node: Awaited<ReturnType<TronTill["stand"]["devnet"]["addBackend"]>>;
  beforeAll(async () => {
    node = await devnet().addBackend();
    throttled = await till.another({ TRON_URL: node.url });
  });
  afterAll(() => throttled.close());

  it("hides no other way to pay, nor another chain's", async () => {
    const evm = await fundedWallet(till.stand.stack.rpcUrl);
    const user = await till.user(tronWallet(), throttled);
    await linkWallet(user, evm);
    const onEvm = { chain: CHAIN, wallet: evm.address };
    const there = await till.quote(user, onEvm);
    const here = await till.quote(user);
    expect(there.ways).toMatchObject({ wallet: {}, transfer: {} });
    expect(here.ways).toMatchObject({ wallet: {}, transfer: {} });

    node.faults.add({ kind: 429 });
    // An instance that starts now has asked the node nothing before.
    const fresh = await till.another({ TRON_URL: node.url });
    try {
      const asking = till.sameUser(user, fresh);
      const page = await asking.call("GET", "/api/payments/history/all");
      expect(page.status).toBe(200);
      const { payments } = await bodyOf<{ payments: PaymentView[] }>(page);
      expect(payments.find(({ id }) => id === there.id)).toEqual(there);
      const tron = payments.find(({ id }) => id === here.id)!;
      expect(tron.status).toBe("quoted");
      expect(tron.ways).toEqual({ ...here.ways, wallet: null });
      expect(tron.ways!.transfer!.to).toBe(cashierOf(till.stand.chain())!.address);
      expect(await till.get(asking, there)).toEqual(there);

      // The EVM chain goes on quoting and telling; Tron says that it cannot now.
      expect((await till.quote(asking, { ...onEvm, plan: 2 })).ways).toMatchObject({
        wallet: {},
        transfer: {},
      });
      expect((await till.verify(asking, there, zeroHash)).reason).toMatchObject({
        code: "unknown_transaction",
      });
      const plan = { purpose: "plan", plan: 2, wallet: user.wallet.shown, chain: here.chain };
      const refused = await asking.call("POST", "/api/payments/create", plan);
      expect([refused.status, await codeOf(refused)]).toEqual([503, "chain_unavailable"]);
      const body = { paymentId: here.id, txHash: zeroHash };
      expect(await codeOf(await asking.call("POST", "/api/payments/verify", body))).toBe("chain_unavailable");

      // A busy machine may answer later than health waits.
      await eventually("health names the chain that does not answer", async () => {
        const { dependencies } = await bodyOf<Health>(await asking.call("GET", "/api/health"));
        const { chain, cashier } = dependencies;
        const told = /^Local chain: block \d+, Local Tron: no answer$/.test(chain.detail);
        return (
          told && chain.state === "degraded" && cashier.detail.includes("Local Tron: the chain does not")
        );
      });
      node.faults.clear();
      expect((await till.get(asking, here)).ways!.wallet).toEqual(here.ways!.wallet);
    } finally {
      await fresh.close();
    }
  });
});

describe("R14: a Tron node that hangs", () => {
  it("makes no answer slow: the others are as ever, and what only it can tell is left out", async () => {
    const node = await HangingNode.open();
    const evm = await fundedWallet(till.stand.stack.rpcUrl);
    const user = await till.user();
    await linkWallet(user, evm);
    const there = await till.quote(user, { chain: CHAIN, wallet: evm.address });
    const here = await till.quote(user);
    const hung = await till.another({ TRON_URL: node.url, CHAIN_READ_MS: "4000" });
    try {
      const asking = till.sameUser(user, hung);
      const first = await asking.call("GET", "/api/payments/history/all");
      expect(first.status).toBe(200);
      expect(node.taken).toBeGreaterThan(0);
      // The page did not wait until those who asked the node had given it up.
      expect(node.givenUp).toBe(0);
      const { payments } = await bodyOf<{ payments: PaymentView[] }>(first);
      const tron = payments.find(({ id }) => id === here.id)!;
      expect(tron).toMatchObject({ status: "quoted", ways: { ...here.ways, wallet: null } });
      expect(await till.get(asking, there)).toEqual(there);
      expect((await till.verify(asking, there, zeroHash)).reason).toMatchObject({
        code: "unknown_transaction",
      });
      const { chains } = await bodyOf<{ chains: { chain: string; headBlock: number | null }[] }>(
        await asking.call("GET", "/api/chains"),
      );
      expect(chains.find(({ chain }) => chain === here.chain)!.headBlock).toBeNull();
      expect(chains.find(({ chain }) => chain === CHAIN)!.headBlock).toBeGreaterThan(0);
      const plan = { purpose: "plan", plan: 2, wallet: user.wallet.shown, chain: here.chain };
      const refused = await asking.call("POST", "/api/payments/create", plan);
      expect([refused.status, await codeOf(refused)]).toEqual([503, "chain_unavailable"]);
      // Whoever signs in by a wallet is asked nothing of the chain.
      expect((await till.user(tronWallet(), hung)).id).toBeTruthy();
    } finally {
      await hung.close();
      await node.close();
    }
  });

  it("is left for the next one that is named while somebody still waits", async () => {
    const node = await HangingNode.open();
    const both = await till.another({ TRON_URL: `${node.url},${devnet().url}`, CHAIN_READ_MS: "6000" });
    try {
      const user = await till.user(tronWallet(), both);
      expect((await till.quote(user)).ways!.wallet).not.toBeNull();
      expect(node.taken).toBeGreaterThan(0);
    } finally {
      await both.close();
      await node.close();
    }
  });
});

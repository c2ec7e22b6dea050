import { demoAccount, parseUsdt } from "@aiforge/contracts";
import { and, eq, like } from "drizzle-orm";
import { keccak256 } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { settlementCall } from "../../features/jobs/settlement-calls.ts";
import { sweepSettlements } from "../../features/jobs/settlement-sweep.ts";
import { type JobRow, moveJob } from "../../features/jobs/transitions.ts";
import type { Step } from "../../features/payments/cashier/round.ts";
import { cashierOrders } from "../../features/payments/cashier/schema.ts";
import { runCashier } from "../../features/payments/cashier/worker.ts";
import type { PaymentView } from "../../features/payments/shapes.ts";
import { followPost, postRoot } from "../../features/revenue/post.ts";
import { distributions } from "../../features/revenue/schema.ts";
import { escrowOf } from "../../testing/escrows.ts";
import { eventually } from "../../testing/harness.ts";
import { quote } from "../../testing/plain-transfers.ts";
import { TRON_CHAIN, TronStand } from "../../testing/tron.ts";
import { killedAfter, mining, tronJobs } from "../../testing/tron-work.ts";
import { bodyOf, send, type TestWalletUser } from "../../testing/users.ts";
import { usdtCall } from "../calls.ts";
import { OPERATOR_STEPS } from "../operator/round.ts";
import { operatorTransactions } from "../operator/schema.ts";
import { runOperator } from "../operator/worker.ts";
import { chainJobEvents, chainPlanPurchases } from "../schema.ts";

const CASHIER = demoAccount("cashier").address;

let stand: TronStand;
/** Orders jobs. */
let client: TestWalletUser;
/** A wallet that nobody linked. */
let exchange: PrivateKeyAccount;
beforeAll(async () => {
  stand = await TronStand.open();
  client = await customer();
  exchange = await stand.fundedWallet(1_000_000_000n);
});
afterAll(() => stand?.close());

const CASHIER_STEPS: Step[] = [
  ...(["started", "decided", "tried", "signed", "sent", "mined", "settled", "finished"] as const),
];

const chain = () => stand.chain();

/** A signed-in user whose wallet is linked on Tron and has 1,000 USDT there. */
const customer = async (): Promise<TestWalletUser> => stand.walletUser(1_000_000_000n);

const round = () => runOperator(stand.api.deps, chain(), { encode: settlementCall });

/** Rounds, and blocks between them, until `done`. */
const operating = (what: string, done: () => Promise<boolean>) =>
  eventually(
    what,
    async () => {
      await sweepSettlements(stand.api.deps, chain());
      await round();
      await stand.devnet.mine();
      return done();
    },
    120_000,
  );

const verified = (job: JobRow) =>
  stand.api.deps.db.transaction((tx) =>
    moveJob(tx, { id: job.id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
  );

const callOf = async (job: JobRow) => {
  const { key } = operatorTransactions;
  const [row] = await stand.api.deps.db
    .select()
    .from(operatorTransactions)
    .where(like(key, `%${job.id}`));
  return row;
};

it("the operator pays a node when its job is done, and counts it as paid when that is solid", async () => {
  const { job, node } = (await tronJobs(stand, client, 1))[0]!;
  await verified(job);
  await round();
  expect(await callOf(job)).toMatchObject({ state: "sent", blockNumber: null });
  await stand.devnet.mine();
  expect(await stand.creditOf(node.address)).toBe(9_500_000n);
  await stand.devnet.mine(17);
  await round();
  expect(await callOf(job)).toMatchObject({ state: "sent" });
  await stand.devnet.mine(1);
  await round();
  expect(await callOf(job)).toMatchObject({ state: "confirmed", attempts: 0 });
  await stand.mirrored();
  expect(await escrowOf(stand.api, job)).toMatchObject({ status: "paid", paid: 9_500_000n, fee: 500_000n });
});

it("the operator signs anew what expired before any block had it, once no block can have it any more", async () => {
  const { job, node } = (await tronJobs(stand, client, 1))[0]!;
  await verified(job);
  const at = (step: string) => {
    if (step === "kept") throw new Error("killed before it was sent");
  };
  await runOperator(stand.api.deps, chain(), { encode: settlementCall, at }).catch(() => undefined);
  const first = await callOf(job);
  expect(first).toMatchObject({ state: "sent" });
  // It expires, but its time is not solid yet: it might be in a block that this node has not seen.
  await stand.devnet.mine(21);
  await round();
  expect((await callOf(job))?.txHash).toBe(first?.txHash);
  await stand.devnet.mine(19);
  // A solidity node that lags behind says nothing of what it has not seen.
  stand.devnet.backends[0]!.lag = 30;
  await round().catch(() => undefined);
  expect((await callOf(job))?.txHash).toBe(first?.txHash);
  stand.devnet.backends[0]!.lag = 0;
  await operating("it is paid", async () => (await stand.creditOf(node.address)) > 0n);
  const again = await callOf(job);
  expect(again?.txHash).not.toBe(first?.txHash);
  expect(again?.nonce).toBeGreaterThan(first?.nonce ?? 0);
  expect(await stand.creditOf(node.address)).toBe(9_500_000n);
});

it("the operator sends again what a reorg took away, the same transaction", async () => {
  const { job, node } = (await tronJobs(stand, client, 1))[0]!;
  await verified(job);
  await round();
  await stand.devnet.mine();
  const sent = await callOf(job);
  expect(await stand.creditOf(node.address)).toBe(9_500_000n);
  await stand.devnet.reorg({ depth: 1, drop: [sent!.txHash!.slice(2)] });
  expect(await stand.creditOf(node.address)).toBe(0n);
  await operating("it is settled", async () => (await callOf(job))?.state === "confirmed");
  expect((await callOf(job))?.txHash).toBe(sent?.txHash);
  expect(await stand.creditOf(node.address)).toBe(9_500_000n);
});

it("a wallet without TRX for the energy signs nothing, and burns nothing", async () => {
  const poor = stand.newWallet();
  await stand.devnet.fund(poor.address, 1_500_000n);
  await stand.devnet.mine();
  const call = usdtCall(chain(), "approve", [chain().aiforge, 1n]);
  const nonce = await chain().sender.nextNonce(poor.address, "latest");
  await expect(chain().sender.sign(poor, call, nonce)).rejects.toThrow(
    /costs .* TRX, and the wallet has 1.5 TRX/,
  );
});

const asked = (payment: PaymentView) => parseUsdt(payment.ways!.transfer!.amount);

/** A quote of a plan, and the transfer for it from a wallet that nobody linked. */
async function transferred(): Promise<{ buyer: TestWalletUser; payment: PaymentView }> {
  const buyer = await customer();
  const payment = await quote(buyer, { chain: TRON_CHAIN, purpose: "plan", plan: 1, months: 1 });
  await stand.transfer(exchange, CASHIER, asked(payment));
  return { buyer, payment };
}

const purchases = (payment: PaymentView) =>
  stand.api.deps.db
    .select()
    .from(chainPlanPurchases)
    .where(and(eq(chainPlanPurchases.account, payment.account), eq(chainPlanPurchases.chainId, TRON_CHAIN)));

const openOrders = async () => {
  const rows = await stand.api.deps.db
    .select()
    .from(cashierOrders)
    .where(eq(cashierOrders.chain, TRON_CHAIN));
  return rows.filter(({ state }) => state === "pending" || state === "signed");
};

/** Rounds, and blocks between them, until each is bought once, each tail is credited once and nothing is kept. */
async function expectOnce(all: PaymentView[], before: bigint): Promise<void> {
  await eventually(
    "every purchase is made and every tail credited",
    async () => {
      await runCashier(stand.api.deps, chain());
      await stand.devnet.mine();
      for (const payment of all) {
        const tail = asked(payment) - parseUsdt(payment.amount);
        if ((await stand.creditOf(payment.wallet)) !== tail) return false;
      }
      return (await openOrders()).length === 0;
    },
    150_000,
  );
  await stand.settle();
  await runCashier(stand.api.deps, chain());
  await stand.settle();
  for (const payment of all) expect(await purchases(payment)).toHaveLength(1);
  expect(await stand.usdtOf(CASHIER)).toBe(before);
}

it("the cashier buys for a plain transfer, once that is solid", async () => {
  const before = await stand.usdtOf(CASHIER);
  const { buyer, payment } = await transferred();
  const view = async () => bodyOf<PaymentView>(await buyer.call("GET", `/api/payments/${payment.id}`));
  // 18 of 19 confirmations: seen, and nothing is done with it yet.
  await stand.devnet.mine(17);
  await stand.mirrored();
  await eventually("it is seen", async () => (await view()).received !== null);
  await runCashier(stand.api.deps, chain());
  expect(await openOrders()).toEqual([]);
  await stand.devnet.mine(1);
  await stand.mirrored();
  await expectOnce([payment], before);
  expect(await view()).toMatchObject({ status: "confirmed", received: { outcome: "purchase" } });
});

it("operator and cashier pay once, after whichever step they are killed", async () => {
  const before = await stand.usdtOf(CASHIER);
  const work = await tronJobs(stand, client, CASHIER_STEPS.length);
  const bought: PaymentView[] = [];
  for (const [at, step] of CASHIER_STEPS.entries()) {
    const operatorStep = OPERATOR_STEPS[at] ?? "kept";
    bought.push((await transferred()).payment);
    await verified(work[at]!.job);
    await stand.settle();
    const ends = [
      killedAfter(stand, "operator-child.ts", operatorStep),
      killedAfter(stand, "cashier-child.ts", step),
    ];
    expect(await mining(stand, Promise.all(ends))).toEqual([
      [operatorStep, "SIGKILL"],
      [step, "SIGKILL"],
    ]);
  }
  await operating("every node is paid", async () => {
    const calls = await Promise.all(work.map(({ job }) => callOf(job)));
    return calls.every((call) => call?.state === "confirmed");
  });
  await expectOnce(bought, before);
  for (const { job, node } of work) {
    expect(await stand.creditOf(node.address)).toBe(9_500_000n);
    const events = await stand.api.deps.db
      .select()
      .from(chainJobEvents)
      .where(eq(chainJobEvents.jobId, job.onchainId));
    expect(events.filter(({ kind }) => kind === "paid")).toHaveLength(1);
  }
}, 300_000);

it("is listed with its namespace, as far as it is mirrored", async () => {
  await stand.settle();
  const { chains } = await bodyOf<{ chains: object[] }>(await send(stand.api, "GET", "/api/chains"));
  expect(chains).toMatchObject([
    { chain: "eip155:31337", namespace: "eip155" },
    {
      chain: TRON_CHAIN,
      namespace: "tron",
      chainId: 0x74646576,
      ...stand.contracts,
      treasury: demoAccount("treasury").address.toLowerCase(),
      confirmations: 19,
      headBlock: stand.devnet.head(),
      mirroredBlock: stand.devnet.head(),
    },
  ]);
});

// The last, for the chain is days on after it.
it("a month's root is posted, signed anew when it expired, and pays after its window", async () => {
  const { deps } = stand.api;
  const month = 24_000;
  const at = { chain: TRON_CHAIN, aiforge: stand.contracts.aiforge };
  const root = { root: keccak256("0x01"), total: 1_000_000n, pool: 1_000_000n, carry: 0n, cid: "bafkqaaa" };
  const values = { ...at, ...root, month, attempt: 1, state: "published" as const, inputs: "{}" };
  await deps.db.insert(distributions).values(values);
  const row = async () =>
    (await deps.db.select().from(distributions).where(eq(distributions.month, month)))[0]!;
  const post = async (until?: string) =>
    postRoot(deps, chain(), await row(), (step) => {
      if (step === until) throw new Error("killed");
    });
  const follow = async () => followPost(deps, chain(), await row(), () => undefined);

  // Killed before it was sent, and taken up again when no node takes it any more.
  await expect(post("kept")).rejects.toThrow("killed");
  const first = await row();
  await stand.devnet.mine(42);
  await post();
  await follow();
  expect(await row()).toMatchObject({ state: "published", txHash: null });
  await post();
  await follow();
  expect(await row()).toMatchObject({ state: "posted", note: "Sent, not mined yet." });
  expect((await row()).txHash).not.toBe(first.txHash);
  await stand.settle();
  await follow();
  expect((await row()).note).toMatch(/^Pays from/);
  // A day and more in which no witness made a block.
  await stand.devnet.missSlots(4 * 28_800);
  await stand.devnet.mine(20);
  await stand.settle();
  await follow();
  expect(await row()).toMatchObject({ state: "active" });
});

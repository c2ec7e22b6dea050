import { randomUUID } from "node:crypto";
import { accountRef, auditMonth, monthOf, monthStart, parseUsdt, readChainRecord } from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { eventually } from "../../testing/harness.ts";
import { paymentIn, readyModel } from "../../testing/market.ts";
import { fundingBrings, jobDetail, ordered, smallOrder } from "../../testing/orders.ts";
import { type Distribution, monthPath } from "../../testing/pool.ts";
import { TRON_CHAIN, TronStand } from "../../testing/tron.ts";
import { bodyOf, type TestWalletUser } from "../../testing/users.ts";
import { signAssignment } from "../jobs/scheduler/sign.ts";
import { contractJob, unixSeconds } from "../jobs/terms.ts";
import { insertUsage, type UsageRow } from "../keys/queries.ts";
import type { ModelView } from "../models/shapes.ts";
import { runDistribution } from "../revenue/run.ts";
import type { earningsSchema } from "../revenue/shapes.ts";
import type { PaymentView } from "./shapes.ts";

/* Every way that money takes, by the api's own calls, signed by wallets of people on Tron. */

/** From one block of the local Tron to the next. */
const SLOT_SECONDS = 3n;

let stand: TronStand;
let creator: TestWalletUser;
let member: TestWalletUser;
let customer: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  stand = await TronStand.open();
  creator = await stand.walletUser();
  member = await stand.walletUser(0n);
  customer = await stand.walletUser(200_000_000n);
  model = await readyModel(stand.api, creator);
});
afterAll(() => stand?.close());

const wallets = (user: TestWalletUser) => ({ wallet: user.wallet.address, chain: TRON_CHAIN });
const modelNow = async () => bodyOf<ModelView>(await creator.call("GET", `/api/models/${model.id}`));
const earningsOf = async (user: TestWalletUser) =>
  bodyOf<z.infer<typeof earningsSchema>>(await user.call("GET", "/api/revenue/my-earnings"));
const usdtOf = ({ wallet }: TestWalletUser) => stand.usdtOf(wallet.address);

async function quote(user: TestWalletUser, body: Record<string, unknown>): Promise<PaymentView> {
  const response = await user.call("POST", "/api/payments/create", { ...wallets(user), ...body });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return bodyOf<PaymentView>(response);
}

/** Signs what the payment asks for, and waits until it is confirmed by a solid block. */
async function pay(user: TestWalletUser, payment: PaymentView): Promise<PaymentView> {
  expect(payment).toMatchObject({ chain: TRON_CHAIN, required: 19 });
  if (payment.allowance) await stand.sign(user.wallet, payment.allowance);
  await stand.sign(user.wallet, payment.call);
  await stand.settle();
  return paymentIn(user, payment.id, "confirmed");
}

it("a creator splits and publishes, the first model free, and is in the marketplace", async () => {
  const members = [
    { address: creator.wallet.address, bps: 7_500 },
    { address: member.wallet.address, bps: 2_500 },
  ];
  const split = `/api/group-revenue/model/${model.id}/split`;
  expect((await creator.call("POST", split, { members })).status).toBe(200);
  const terms = { month: "10", sale: "20" };
  const path = `/api/publishing/model/${model.id}/publish`;
  const response = await creator.call("POST", path, { ...wallets(creator), terms });
  const { payment } = await bodyOf<{ payment: PaymentView }>(response);
  expect(await pay(creator, payment)).toMatchObject({ amount: "0.00", status: "confirmed" });
  expect((await modelNow()).onchain).toMatchObject({ chain: TRON_CHAIN, listed: true });
  const market = await bodyOf<{ items: unknown[] }>(
    await customer.call("GET", "/api/marketplace/marketplace"),
  );
  expect(JSON.stringify(market.items)).toContain(model.id);
});

it.each([
  ["a further month of listing, by its creator", "2.00", "100", () => creator, { purpose: "listing" }],
  ["a month of the model", "10.00", "10", () => customer, { purpose: "service" }],
  ["its weights", "20.00", "5", () => customer, { purpose: "license" }],
  ["a plan", "10.00", "30", () => customer, { purpose: "plan", plan: 1 }],
  ["a deposit for use", "5.00", "0", () => customer, { purpose: "usage", amount: "5" }],
])("%s is paid, and its fee is what the contract takes", async (_, amount, percent, who, body) => {
  const user = who();
  const before = await usdtOf(user);
  const ofModel = ["listing", "service", "license"].includes(body.purpose);
  const quoted = await quote(user, { ...body, ...(ofModel && { modelId: model.id }) });
  const paid = await pay(user, quoted);
  expect(paid).toMatchObject({ purpose: body.purpose, amount, status: "confirmed" });
  expect(before - (await usdtOf(user))).toBe(parseUsdt(amount));
  const fee = (parseUsdt(amount) * BigInt(percent)) / 100n;
  expect(parseUsdt(paid.fee)).toBe(fee);
});

it("a job waits in escrow, is assigned by a signature, submitted by the node's own wallet and paid when approved", async () => {
  const job = await ordered(customer, smallOrder({ review: true }), { price: "2.00", chain: TRON_CHAIN });
  await pay(customer, job.payment!);
  const row = await fundingBrings(stand.api, job.id, "pending");
  const node = await stand.fundedWallet(0n);
  const { assignment, signature } = await signAssignment(stand.chain(), {
    jobId: row.onchainId as `0x${string}`,
    node: node.address,
    expiry: unixSeconds(row.deadline),
  });
  const { jobId, payee, expiry } = assignment;
  const taken = { jobId: jobId as `0x${string}`, node: node.address, payee: payee as `0x${string}`, expiry };
  const result = `0x${"5".repeat(64)}` as const;
  await stand.sign(
    node,
    aiforgeCall(stand.chain(), "submitJob", [contractJob(row), taken, signature, result]),
  );
  await stand.settle();
  const approved = await customer.call("POST", `/api/jobs/${job.id}/approve`);
  expect(approved.status, await approved.clone().text()).toBe(200);
  await stand.sign(customer.wallet, (await bodyOf<{ call: Call }>(approved)).call);
  await stand.settle();
  expect((await jobDetail(customer, job.id)).onchain).toMatchObject({
    status: "paid",
    paid: "1.90",
    fee: "0.10",
  });
  expect(await stand.creditOf(node.address)).toBe(1_900_000n);
});

it("each member sees and takes out their share to the last unit, and a changed split leaves it", async () => {
  // 90 % of 10 and 95 % of 20.
  const shares: [TestWalletUser, bigint][] = [
    [creator, 21_000_000n],
    [member, 7_000_000n],
  ];
  const path = `/api/group-revenue/model/${model.id}/split`;
  const alone = { members: [{ address: creator.wallet.address, bps: 10_000 }] };
  const { onchain } = await bodyOf<{ onchain: Call | null }>(await creator.call("POST", path, alone));
  await stand.sign(creator.wallet, onchain!);
  await stand.settle();
  for (const [user, share] of shares) {
    const before = await usdtOf(user);
    const { claims } = await eventually("the share can be taken out", async () => {
      const earnings = await earningsOf(user);
      return parseUsdt(earnings.totals.drawable) === share ? earnings : null;
    });
    for (const claim of claims) await stand.sign(user.wallet, claim.call);
    await stand.settle();
    expect((await usdtOf(user)) - before).toBe(share);
    expect((await earningsOf(user)).totals).toMatchObject({ drawable: "0.00", claimable: "0.00" });
  }
});

// The last, for the chain is a month on after it.
it("the month's pool is shared by use, posted, audited from the chain alone, and claimed", async () => {
  const { deps } = stand.api;
  const { client, aiforge } = stand.chain();
  const [purchase] = (await readChainRecord(client, { aiforge })).purchases;
  const month = monthOf(purchase!.blockTimestamp);
  const at = new Date(Number(purchase!.blockTimestamp) * 1000);
  await insertUsage(deps.db, [
    {
      id: randomUUID(),
      userId: customer.id,
      keyId: null,
      modelId: model.id,
      promptTokens: 900,
      completionTokens: 100,
      price: 0n,
      outcome: "served",
      entitlement: "plan",
      plan: 1,
      account: accountRef("user", customer.id),
      startedAt: at,
      endedAt: at,
      createdAt: at,
    } as UsageRow,
  ]);
  const turnTo = async (time: bigint) => {
    const { timestamp } = await client.getBlock();
    await stand.devnet.missSlots(Number((time - timestamp) / SLOT_SECONDS) + 1);
    await stand.settle();
  };
  const path = `${monthPath("distribution", month)}?${new URLSearchParams({ chain: TRON_CHAIN })}`;
  const runUntil = (state: string) =>
    eventually(`the month is ${state}`, async () => {
      await runDistribution(deps, stand.chain());
      await stand.settle();
      const now = await bodyOf<Distribution>(await customer.call("GET", path));
      // A root that is posted has its time as soon as it is solid.
      return now.state === state && now.activeAt ? now : null;
    });
  await turnTo(monthStart(month + 1));
  const posted = await runUntil("posted");
  expect(posted).toMatchObject({ total: "7.00", models: [{ modelId: model.id, tokens: "1000" }] });

  const inputs = await customer.call("GET", posted.inputsUrl!);
  const bytes = new Uint8Array(await inputs.arrayBuffer());
  const record = await readChainRecord(client, { aiforge });
  const audit = auditMonth(bytes, record, { month, earlier: [] });
  expect(audit.checks.filter(({ ok }) => !ok)).toEqual([]);

  await turnTo(BigInt(Date.parse(posted.activeAt!) / 1000));
  await runUntil("active");
  const before = await usdtOf(creator);
  const { claims } = await earningsOf(creator);
  for (const { kind, amount, call } of claims) {
    expect([kind, amount]).toEqual(["pool", "7.00"]);
    await stand.sign(creator.wallet, call);
  }
  expect((await usdtOf(creator)) - before).toBe(7_000_000n);
});

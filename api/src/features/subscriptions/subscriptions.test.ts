import { DEMO_ACCOUNTS } from "@aiforge/contracts";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aiforgeCall } from "../../chain/calls.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, sign } from "../../testing/market.ts";
import {
  bodyOf,
  codeOf,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
  walletUser,
} from "../../testing/users.ts";
import type { PaymentView } from "../payments/shapes.ts";
import { type PaidPeriod, paidPeriods } from "./rights.ts";
import type { MySubscriptionView, PlanView } from "./shapes.ts";

const MONTH = 30 * 86_400_000;

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const richUser = async () => walletUser(api, await fundedWallet(api.rpcUrl, 500_000_000n));

async function plansNow(): Promise<PlanView[]> {
  return (await bodyOf<{ plans: PlanView[] }>(await send(api, "GET", "/api/subscriptions/plans"))).plans;
}

const create = (user: TestWalletUser, body: object) =>
  user.call("POST", "/api/subscriptions/create", {
    plan: 1,
    months: 1,
    wallet: user.wallet.address,
    chain: CHAIN,
    ...body,
  });

async function buy(user: TestWalletUser, plan: number, months = 1, more: object = {}): Promise<PaymentView> {
  const response = await create(user, { plan, months, ...more });
  expect(response.status).toBe(200);
  const { payment } = await bodyOf<{ payment: PaymentView }>(response);
  await pay(api, user.wallet, payment);
  return paymentIn(user, payment.id, "confirmed");
}

async function mine(user: TestUser): Promise<MySubscriptionView> {
  const response = await user.call("GET", "/api/subscriptions/my-subscription");
  expect(response.status).toBe(200);
  return bodyOf<MySubscriptionView>(response);
}

test("the plans say what they cost, what they allow and who gets what", async () => {
  expect(await plansNow()).toMatchObject([
    { plan: 0, id: "free", priceMonth: "0.00", requestsPerDay: 20, tokensPerMonth: 50_000, offered: false },
    { plan: 1, id: "basic", priceMonth: "10.00", platform: "3.00", pool: "7.00", offered: true },
    { plan: 2, id: "pro", priceMonth: "30.00", platform: "9.00", pool: "21.00", tokensPerMonth: 50_000_000 },
    { plan: 3, id: "enterprise", priceMonth: "100.00", platform: "30.00", requestsPerDay: 100_000 },
  ]);
  expect(await codeOf(await send(api, "GET", "/api/subscriptions/plans?chain=eip155:1"))).toBe(
    "unknown_chain",
  );
});

test("who bought nothing has the free plan, whose day and month end in UTC", async () => {
  const user = await registerUser(api);
  const view = await mine(user);
  expect(view).toMatchObject({
    current: { plan: 0, id: "free", activeUntil: null, cancelled: false, via: "user", groupId: null },
    usage: { requestsToday: 0, requestsPerDay: 20, tokensThisMonth: 0, tokensPerMonth: 50_000 },
    periods: [],
    pending: [],
  });
  expect(view.usage.resetsAt.day).toMatch(/T00:00:00.000Z$/);
  expect(view.usage.resetsAt.month).toMatch(/-01T00:00:00.000Z$/);
});

describe("buying a plan", () => {
  test("counts when it is confirmed, lasts 30 days a month, is renewed from its end, cancelled and taken back", async () => {
    const user = await richUser();
    const { payment } = await bodyOf<{ payment: PaymentView }>(await create(user, { plan: 2 }));
    expect(payment).toMatchObject({ purpose: "plan", plan: 2, months: 1, amount: "30.00", fee: "9.00" });
    await pay(api, user.wallet, payment);
    // Until its third block it entitles to nothing.
    const seen = await eventually("the purchase is seen", async () => {
      const view = await mine(user);
      return view.pending.length === 1 ? view : null;
    });
    expect(seen.current.id).toBe("free");
    expect(seen.pending[0]).toMatchObject({ plan: 2, confirmed: false, required: 3, price: "30.00" });
    await paymentIn(user, payment.id, "confirmed");
    const bought = await mine(user);
    expect(bought).toMatchObject({
      current: { plan: 2, id: "pro", name: "Pro", cancelled: false, via: "user" },
      usage: { requestsPerDay: 10_000, tokensPerMonth: 50_000_000 },
      pending: [],
    });
    const [period] = bought.periods;
    expect(period).toMatchObject({ plan: 2, months: 1, via: "user", confirmed: true, chain: CHAIN });
    expect(bought.current.activeUntil).toBe(period!.to);
    expect(Date.parse(period!.to) - Date.parse(period!.from)).toBe(MONTH);

    const cancelled = await user.call("POST", "/api/subscriptions/cancel");
    expect(await bodyOf<MySubscriptionView>(cancelled)).toMatchObject({
      current: { id: "pro", cancelled: true, activeUntil: period!.to },
    });
    const again = await user.call("POST", "/api/subscriptions/cancel", {});
    expect(again.status).toBe(200);
    expect((await mine(user)).current.cancelled).toBe(true);

    await buy(user, 2, 2);
    const renewed = await mine(user);
    expect(renewed.current.cancelled).toBe(false);
    expect(renewed.periods.map(({ months }) => months)).toEqual([2, 1]);
    expect(renewed.periods[0]!.from).toBe(period!.to);
    expect(Date.parse(renewed.current.activeUntil!)).toBe(Date.parse(period!.to) + 2 * MONTH);
  });

  test("the bigger of two plans counts, and the smaller one runs beside it", async () => {
    const user = await richUser();
    await buy(user, 1, 3);
    await buy(user, 3);
    const view = await mine(user);
    expect(view.current).toMatchObject({ id: "enterprise" });
    expect(view.periods.map(({ id }) => id)).toEqual(["enterprise", "basic"]);
    expect(view.usage.requestsPerDay).toBe(100_000);
  });

  test("for a group gives every member of it the plan, and its owners cancel it", async () => {
    const owner = await richUser();
    const member = await fundedUser(api);
    const stranger = await fundedUser(api);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    const joined = { wallet: member.wallet.address, role: "member" };
    await owner.call("POST", `/api/groups/${group.id}/members`, joined);
    expect((await create(stranger, { groupId: group.id })).status).toBe(404);
    await buy(owner, 2, 1, { groupId: group.id });
    const shared = { id: "pro", via: "group", groupId: group.id };
    expect((await mine(member)).current).toMatchObject(shared);
    expect((await mine(owner)).current).toMatchObject(shared);
    expect((await mine(stranger)).current.id).toBe("free");

    // A bigger plan of the group's is better than a smaller one of one's own.
    await buy(member, 1);
    expect((await mine(member)).current).toMatchObject(shared);
    expect(await codeOf(await owner.call("POST", "/api/subscriptions/cancel"))).toBe("no_subscription");
    const cancel = (user: TestUser) => user.call("POST", "/api/subscriptions/cancel", { groupId: group.id });
    expect(await codeOf(await cancel(member))).toBe("not_an_owner");
    expect((await cancel(stranger)).status).toBe(404);
    expect((await cancel(owner)).status).toBe(200);
    expect((await mine(member)).current).toMatchObject({ ...shared, cancelled: true });

    await owner.call("DELETE", `/api/groups/${group.id}/members/${member.id}`);
    expect((await mine(member)).current).toMatchObject({ id: "basic", via: "user", groupId: null });
  });

  test("follows the price on the chain", async () => {
    const admin = privateKeyToAccount(DEMO_ACCOUNTS[0]!.privateKey);
    const chain = api.deps.chains.get(CHAIN);
    await sign(api, admin, aiforgeCall(chain, "setPlanPrice", [1, 12_500_000n]));
    try {
      await eventually("the price is mirrored", async () => (await plansNow())[1]!.priceMonth === "12.50");
      expect((await plansNow())[1]).toMatchObject({ platform: "3.75", pool: "8.75" });
      const user = await fundedUser(api);
      const { payment } = await bodyOf<{ payment: PaymentView }>(await create(user, { months: 2 }));
      expect(payment).toMatchObject({ amount: "25.00", fee: "7.50" });
      await sign(api, admin, aiforgeCall(chain, "setPlanPrice", [1, 0n]));
      await eventually("it is not offered", async () => !(await plansNow())[1]!.offered);
      expect(await codeOf(await create(user, {}))).toBe("plan_not_offered");
    } finally {
      await sign(api, admin, aiforgeCall(chain, "setPlanPrice", [1, 10_000_000n]));
    }
    await eventually("the price is back", async () => (await plansNow())[1]!.priceMonth === "10.00");
  });
});

test("nothing is there to cancel without a paid plan, and nobody is asked without signing in", async () => {
  const user = await registerUser(api);
  const response = await user.call("POST", "/api/subscriptions/cancel");
  expect([response.status, await codeOf(response)]).toEqual([409, "no_subscription"]);
  expect((await send(api, "GET", "/api/subscriptions/my-subscription")).status).toBe(401);
  expect((await send(api, "POST", "/api/subscriptions/cancel")).status).toBe(401);
  expect((await send(api, "POST", "/api/subscriptions/create", {})).status).toBe(400);
});

test.each([
  ["the free plan", { plan: 0 }],
  ["a plan that does not exist", { plan: 4 }],
  ["a plan that is no number", { plan: "1" }],
  ["half a plan", { plan: 1.5 }],
  ["no months", { months: 0 }],
  ["more months than the contract sells", { months: 121 }],
  ["a wallet that is none", { wallet: "0x12" }],
  ["a group that is none", { groupId: "mine" }],
])("refuses %s", async (_what, change) => {
  const user = await walletUser(api);
  const response = await create(user, change);
  expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
});

test("refuses another's wallet and an unknown chain", async () => {
  const user = await walletUser(api);
  const other = await walletUser(api);
  expect(await codeOf(await create(user, { wallet: other.wallet.address }))).toBe("wallet_not_linked");
  expect(await codeOf(await create(user, { chain: "eip155:1" }))).toBe("unknown_chain");
});

test("each plan of each account has its own time, in the order of the chain", () => {
  const bought = (account: string, plan: number, at: bigint, months: bigint) =>
    ({ account, plan, blockTimestamp: at, months }) as PaidPeriod["purchase"];
  const month = 2_592_000n;
  const periods = paidPeriods([
    bought("a", 1, 0n, 1n),
    bought("a", 2, 10n, 1n),
    bought("b", 1, 20n, 1n),
    bought("a", 1, 30n, 2n),
    // After a gap it begins when it is bought.
    bought("b", 1, 5n * month, 1n),
  ]);
  expect(periods.map(({ from, to }) => [from, to])).toEqual([
    [0n, month],
    [10n, 10n + month],
    [20n, 20n + month],
    [month, 3n * month],
    [5n * month, 6n * month],
  ]);
});

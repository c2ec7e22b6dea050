import { accountRef } from "@aiforge/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, publishedModel, quoteSubscribe } from "../../testing/market.ts";
import { askWith, freeCustomer, type Instance, secretOf, startInstance, useUp } from "../../testing/plans.ts";
import { bodyOf, type TestWalletUser } from "../../testing/users.ts";
import type { UsageView } from "../keys/shapes.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "../payments/shapes.ts";
import { usedOf } from "../subscriptions/quota.ts";
import type { MySubscriptionView } from "../subscriptions/shapes.ts";

let one: Instance;
let api: TestApi;
let creator: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  model = await publishedModel(api, creator, { name: "In the plans" });
  one = await startInstance(model.id);
});
beforeEach(() => {
  one.peer.onInference = (inference) => one.peer.answer(inference, ["Hello", "!"]);
});
afterAll(async () => {
  await one?.close();
  await api?.close();
});

async function customer() {
  const user = await freeCustomer(one.api, model.slug);
  return {
    ...user,
    ask: (more: object = {}, at = one) => user.ask(at, more),
    used: () => usedOf(api.deps.db, user.account),
  };
}

describe("what is paid for", () => {
  test("a bigger plan counts at once when the free one is used up; a subscription counts nothing", async () => {
    const payer = await fundedUser(api);
    const account = accountRef("user", payer.id);
    const asking = askWith(await secretOf(payer), model.id);
    const ask = () => asking(one);
    await useUp(api, account, { requests: 20 });
    expect((await ask()).status).toBe(429);
    const created = await payer.call("POST", "/api/subscriptions/create", {
      plan: 1,
      months: 1,
      wallet: payer.wallet.address,
      chain: CHAIN,
    });
    expect(created.status).toBe(200);
    const { payment } = await bodyOf<{ payment: PaymentView }>(created);
    await pay(api, payer.wallet, payment);
    expect((await ask()).status).toBe(429);
    await paymentIn(payer, payment.id, "confirmed");
    const served = await ask();
    expect(served.status).toBe(200);
    expect(served.headers.get("x-ratelimit-limit-requests")).toBe("1000");
    expect(served.headers.get("x-ratelimit-remaining-requests")).toBe("979");
    const mine = await bodyOf<MySubscriptionView>(
      await payer.call("GET", "/api/subscriptions/my-subscription"),
    );
    expect(mine.usage).toMatchObject({ requestsToday: 21, requestsPerDay: 1_000, tokensThisMonth: 9 });

    const quote = await quoteSubscribe(payer, model.id);
    await pay(api, payer.wallet, quote);
    await paymentIn(payer, quote.id, "confirmed");
    const paid = await eventually("the subscription is used", async () => {
      const response = await ask();
      return response.headers.has("x-ratelimit-limit-requests") ? null : response;
    });
    expect(paid.status).toBe(200);
    const { usage } = await bodyOf<{ usage: UsageView[] }>(await payer.call("GET", "/api/keys/usage"));
    expect(usage[0]).toMatchObject({ entitlement: "service", plan: null });
    expect(usage.at(-1)).toMatchObject({ entitlement: "plan", plan: 1 });
  });

  test("owners are not counted", async () => {
    const response = await askWith(await secretOf(creator), model.slug)(one);
    expect([response.status, response.headers.get("x-ratelimit-limit-requests")]).toEqual([200, null]);
    const { rows } = await api.deps.db.$client.query(
      "SELECT entitlement, plan, account FROM app.usage WHERE user_id = $1",
      [creator.id],
    );
    expect(rows).toEqual([{ entitlement: "owner", plan: null, account: accountRef("group", model.groupId) }]);
  });
});

test("the chat page has the same quota, and keeps no message that it refuses", async () => {
  const user = await customer();
  const begun = await user.call("POST", "/api/chat/conversations", { modelId: model.id });
  const { id } = await bodyOf<{ id: string }>(begun);
  const say = () => user.call("POST", `/api/chat/conversations/${id}/messages`, { content: "Hello" });
  expect(await (await say()).text()).toContain('"type":"done"');
  expect(await user.used()).toEqual({ requests: 1, tokens: 9, reserved: 0 });
  await useUp(api, user.account, { requests: 20, tokens: 9 });
  const refused = await say();
  expect(refused.status).toBe(429);
  const { error } = await bodyOf<{ error: { code: string; details: object } }>(refused);
  expect(error).toMatchObject({
    code: "plan_requests_exhausted",
    details: { plan: "Free", limit: 20, upgradeUrl: "http://localhost:3000/billing" },
  });
  const { messages } = await bodyOf<{ messages: unknown[] }>(
    await user.call("GET", `/api/chat/conversations/${id}`),
  );
  expect(messages).toHaveLength(2);
  await useUp(api, user.account, { requests: 19, tokens: 9 });
  expect(await (await say()).text()).toContain('"type":"done"');
});

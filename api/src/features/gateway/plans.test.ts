import { randomUUID } from "node:crypto";
import { accountRef } from "@aiforge/contracts";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, publishedModel, quoteSubscribe } from "../../testing/market.ts";
import { type Inference, listen, type NodePeer, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, registerUser, send, type TestUser } from "../../testing/users.ts";
import type { UsageView } from "../keys/shapes.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "../payments/shapes.ts";
import { reserve, usedOf } from "../subscriptions/quota.ts";
import type { MySubscriptionView } from "../subscriptions/shapes.ts";
import { sizeOf, withinGrant } from "./admission.ts";
import { LiveReservations } from "./reservations.ts";

interface Instance {
  api: TestApi;
  server: Awaited<ReturnType<typeof listen>>;
  peer: NodePeer;
}

let one: Instance;
let two: Instance;
let api: TestApi;
let creator: Awaited<ReturnType<typeof fundedUser>>;
let model: ModelView;

/** "hi" as the quota sees it: 2 bytes and what templates may add. */
const PROMPT = 2 + 16 + 256;

async function instance(): Promise<Instance> {
  const started = await createTestApi({ GATEWAY_REQUESTS_PER_MINUTE: "10000" }, { cancel: 300 });
  const server = await listen(started);
  return {
    api: started,
    server,
    peer: await servingPeer(started, server.url, [model.id], { capacity: 200 }),
  };
}

beforeAll(async () => {
  const first = await createTestApi();
  creator = await fundedUser(first);
  model = await publishedModel(first, creator, { name: "In the plans" });
  await first.close();
  one = await instance();
  two = await instance();
  api = one.api;
  // Its users live in the database that all instances share.
  creator = { ...creator, call: callOf(creator.token) };
});
beforeEach(() => {
  for (const { peer } of [one, two]) peer.onInference = (inference) => peer.answer(inference, ["Hello", "!"]);
});
afterAll(async () => {
  for (const each of [one, two]) {
    await each?.server.close();
    await each?.api.close();
  }
});

const callOf =
  (token: string): TestUser["call"] =>
  (method, path, body) =>
    send(api, method, path, body, { authorization: `Bearer ${token}` });

async function customer() {
  const user = await registerUser(api);
  const response = await user.call("POST", "/api/keys", { name: "test" });
  const { secret } = await bodyOf<{ secret: string }>(response);
  const account = accountRef("user", user.id);
  const ask = (more: object = {}, at = one) =>
    send(
      at.api,
      "POST",
      "/api/v1/chat/completions",
      { model: model.slug, messages: [{ role: "user", content: "hi" }], ...more },
      { authorization: `Bearer ${secret}` },
    );
  return { ...user, secret, account, ask, used: () => usedOf(api.deps.db, account) };
}

/** Makes it so that an account used this much today and this month. */
async function useUp(account: string, { requests = 0, tokens = 0 }): Promise<void> {
  const today = "(now() AT TIME ZONE 'UTC')::date";
  await api.deps.db.$client.query(
    `INSERT INTO app.plan_usage (account, day, requests, month, tokens, granted)
     VALUES ($1, ${today}, $2, date_trunc('month', ${today})::date, $3, 0)
     ON CONFLICT (account) DO UPDATE SET requests = $2, tokens = $3`,
    [account, requests, tokens],
  );
}

const statuses = (responses: Response[]) =>
  Object.fromEntries(
    [...Map.groupBy(responses, ({ status }) => status)].map(([status, all]) => [status, all.length]),
  );

const errorOf = async (response: Response) =>
  (await bodyOf<{ error: { code: string; type: string; message: string } }>(response)).error;

describe("the free plan", () => {
  test("lets everybody call what is listed, and the row says by what", async () => {
    const user = await customer();
    const response = await user.ask();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "x-ratelimit-limit-requests": "20",
      "x-ratelimit-remaining-requests": "19",
      "x-ratelimit-reset-requests": expect.stringMatching(/^\d+s$/),
      "x-ratelimit-limit-tokens": "50000",
      "x-ratelimit-remaining-tokens": String(50_000 - PROMPT - 2_048),
    });
    expect(await user.used()).toEqual({ requests: 1, tokens: 9, reserved: 0 });
    const { usage } = await bodyOf<{ usage: UsageView[] }>(await user.call("GET", "/api/keys/usage"));
    expect(usage[0]).toMatchObject({ entitlement: "plan", plan: 0, outcome: "served", promptTokens: 7 });
    const { rows } = await api.deps.db.$client.query("SELECT account FROM app.usage WHERE user_id = $1", [
      user.id,
    ]);
    expect(rows).toEqual([{ account: user.account }]);
  });

  test("gives exactly 20 calls a day to any number at once on two instances", async () => {
    const user = await customer();
    const before = one.peer.of("inference").length + two.peer.of("inference").length;
    const responses = await Promise.all(
      Array.from({ length: 70 }, (_, at) => user.ask({}, at % 2 ? one : two)),
    );
    expect(statuses(responses)).toEqual({ 200: 20, 429: 50 });
    expect(one.peer.of("inference").length + two.peer.of("inference").length - before).toBe(20);
    expect(await user.used()).toEqual({ requests: 20, tokens: 180, reserved: 0 });
    const refused = responses.find(({ status }) => status === 429)!;
    const midnight = new Date();
    midnight.setUTCHours(24, 0, 0, 0);
    const seconds = Number(refused.headers.get("retry-after"));
    expect(Math.abs(seconds - (midnight.getTime() - Date.now()) / 1000)).toBeLessThan(60);
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    const error = await errorOf(refused);
    expect(error).toMatchObject({ code: "plan_requests_exhausted", type: "requests" });
    expect(error.message).toContain("The Free plan's 20 requests of today are used.");
    expect(error.message).toContain(midnight.toISOString());
    expect(error.message).toContain("http://localhost:3000/billing");
  });

  test("never gives more tokens than a month has, and settles to what was delivered", async () => {
    const user = await customer();
    await useUp(user.account, { tokens: 50_000 - 1_000 });
    const waiting: (() => void)[] = [];
    for (const { peer } of [one, two]) {
      peer.onInference = (inference) => waiting.push(() => peer.answer(inference, ["Hello", "!"]));
    }
    const answers = Array.from({ length: 12 }, (_, at) => user.ask({ max_tokens: 100 }, at % 2 ? one : two));
    await eventually("the two that fit are running", async () => waiting.length === 2);
    const [refused] = await Promise.all([Promise.race(answers)]);
    expect(refused.status).toBe(429);
    expect(await user.used()).toEqual({ requests: 2, tokens: 49_748, reserved: 748 });
    // They will give most of it back, so it is worth trying again soon.
    expect(refused.headers.get("retry-after")).toBe("5");
    expect(await errorOf(refused)).toMatchObject({ code: "plan_tokens_exhausted", type: "tokens" });
    for (const answer of waiting) answer();
    expect(statuses(await Promise.all(answers))).toEqual({ 200: 2, 429: 10 });
    expect(await user.used()).toEqual({ requests: 2, tokens: 49_018, reserved: 0 });
  });

  test("shortens the last answer to what is left, and then says what is left and until when", async () => {
    const user = await customer();
    await useUp(user.account, { tokens: 50_000 - PROMPT - 26 });
    expect((await user.ask({ max_tokens: 100 })).status).toBe(200);
    expect(one.peer.of("inference").at(-1)?.request.maxTokens).toBe(26);
    await useUp(user.account, { tokens: 49_900 });
    const refused = await user.ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(5);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect((await errorOf(refused)).message).toContain("100 tokens are left; this call may need 275 tokens");
    await useUp(user.account, { tokens: 50_000 });
    expect((await errorOf(await user.ask())).message).toContain("50,000 tokens of this month are used");
    const client = new OpenAI({ apiKey: user.secret, baseURL: `${one.server.url}/api/v1` });
    const calling = client.chat.completions.create({
      model: model.slug,
      messages: [{ role: "user", content: "hi" }],
    });
    await expect(calling).rejects.toMatchObject({ status: 429, code: "plan_tokens_exhausted" });
  });

  test("counts nothing where nothing was delivered: a node that fails, a client that goes away", async () => {
    const user = await customer();
    one.peer.onInference = ({ id }) =>
      one.peer.send({ type: "error", id, code: "engine_failed", message: "oops" });
    expect((await user.ask()).status).toBe(502);
    expect(await user.used()).toEqual({ requests: 0, tokens: 0, reserved: 0 });
    expect((await user.ask({ n: 2 })).status).toBe(400);
    expect(await user.used()).toEqual({ requests: 0, tokens: 0, reserved: 0 });

    const cancelling = (pieces: string[]) => (inference: Inference) => {
      for (const text of pieces) one.peer.send({ type: "delta", id: inference.id, text });
      one.peer.socket.on("message", (data) => {
        const frame = JSON.parse(String(data));
        if (frame.type === "cancel" && frame.id === inference.id) one.peer.answer(inference, [], "cancelled");
      });
    };
    const client = new OpenAI({ apiKey: user.secret, baseURL: `${one.server.url}/api/v1`, maxRetries: 0 });
    const body = { model: model.slug, messages: [{ role: "user" as const, content: "hi" }] };
    one.peer.onInference = cancelling([]);
    const abort = new AbortController();
    const waiting = client.chat.completions.create({ ...body, stream: true }, { signal: abort.signal });
    await eventually("it is reserved", async () => (await user.used()).reserved > 0);
    abort.abort();
    await expect(waiting).rejects.toThrow();
    await eventually("it is released", async () => (await user.used()).requests === 0);
    expect(await user.used()).toEqual({ requests: 0, tokens: 0, reserved: 0 });

    one.peer.onInference = cancelling(["a", "b", "c"]);
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "c") break;
    await eventually("what was delivered is settled", async () => (await user.used()).reserved === 0);
    // The engine says 7 tokens in, 0 more out.
    expect(await user.used()).toEqual({ requests: 1, tokens: 7, reserved: 0 });

    one.peer.onInference = ({ id }) => {
      for (const text of ["a", "b", "c"]) one.peer.send({ type: "delta", id, text });
      one.peer.send({ type: "error", id, code: "engine_failed", message: "oops" });
    };
    await (await user.ask({ stream: true })).text();
    // The engine never said: one token at least for each piece.
    expect(await user.used()).toEqual({ requests: 2, tokens: 10, reserved: 0 });
  });

  test("is not used up by a node that claims more than the call can have used", async () => {
    const user = await customer();
    one.peer.onInference = ({ id }) => {
      one.peer.send({ type: "delta", id, text: "Hello" });
      const usage = { promptTokens: 300, completionTokens: 1_000_000 };
      one.peer.send({ type: "done", id, usage, finishReason: "stop" });
    };
    const response = await user.ask({ max_tokens: 100 });
    const granted = PROMPT + 100;
    const { usage } = await bodyOf<{ usage: OpenAI.CompletionUsage }>(response);
    expect(usage).toEqual({ prompt_tokens: 300, completion_tokens: granted - 300, total_tokens: granted });
    expect(await user.used()).toEqual({ requests: 1, tokens: granted, reserved: 0 });
  });

  test("gets back what a process held that died", async () => {
    const user = await customer();
    const quota = { requestsPerDay: 20, tokensPerMonth: 50_000 };
    const call = { account: user.account, id: randomUUID(), wanted: 50_000, needed: 1 };
    await reserve(api.deps.db, call, quota);
    expect((await user.ask()).status).toBe(429);
    await api.deps.db.$client.query(
      "UPDATE app.plan_reservations SET expires_at = now() - interval '1 s' WHERE id = $1",
      [call.id],
    );
    expect((await user.ask()).status).toBe(200);
    expect(await user.used()).toEqual({ requests: 2, tokens: 9, reserved: 0 });
  });

  test("covers neither what its creator took out of the plans nor what nobody published", async () => {
    const user = await customer();
    expect((await user.ask()).status).toBe(200);
    const list = async () => {
      const response = await send(api, "GET", "/api/v1/models", undefined, {
        authorization: `Bearer ${user.secret}`,
      });
      return (await bodyOf<{ data: { id: string }[] }>(response)).data.map(({ id }) => id);
    };
    expect(await list()).toContain(model.slug);
    const outsider = await user.call("PATCH", `/api/models/${model.id}`, { inPlans: false });
    expect(outsider.status).toBe(404);
    const changed = await creator.call("PATCH", `/api/models/${model.id}`, { inPlans: false });
    expect(await bodyOf<ModelView>(changed)).toMatchObject({ inPlans: false });
    expect(await list()).not.toContain(model.slug);
    const other = await customer();
    const refused = await other.ask();
    expect(refused.status).toBe(402);
    expect(await errorOf(refused)).toMatchObject({ code: "insufficient_quota" });
    await creator.call("PATCH", `/api/models/${model.id}`, { inPlans: true });
    expect((await other.ask()).status).toBe(200);
  });
});

describe("what is paid for", () => {
  test("a bigger plan counts at once when the free one is used up; a subscription counts nothing", async () => {
    const payer = await fundedUser(api);
    const account = accountRef("user", payer.id);
    const { secret } = await bodyOf<{ secret: string }>(await payer.call("POST", "/api/keys", { name: "k" }));
    const ask = () =>
      send(
        api,
        "POST",
        "/api/v1/chat/completions",
        { model: model.id, messages: [{ role: "user", content: "hi" }] },
        { authorization: `Bearer ${secret}` },
      );
    await useUp(account, { requests: 20 });
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
    const { secret } = await bodyOf<{ secret: string }>(
      await creator.call("POST", "/api/keys", { name: "k" }),
    );
    const body = { model: model.slug, messages: [{ role: "user", content: "hi" }] };
    const response = await send(api, "POST", "/api/v1/chat/completions", body, {
      authorization: `Bearer ${secret}`,
    });
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
  await useUp(user.account, { requests: 20, tokens: 9 });
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
  await useUp(user.account, { requests: 19, tokens: 9 });
  expect(await (await say()).text()).toContain('"type":"done"');
});

test("a long call keeps what it holds for as long as it runs", async () => {
  const user = await customer();
  const live = new LiveReservations(api.deps.db, api.deps.log, 50);
  const call = { account: user.account, id: randomUUID(), wanted: 10, needed: 1 };
  const held = (await reserve(api.deps.db, call, { requestsPerDay: 1, tokensPerMonth: 100 }))!;
  const left = async () => {
    const { rows } = await api.deps.db.$client.query<{ left: number }>(
      "SELECT extract(epoch FROM expires_at - now())::float8 AS left FROM app.plan_reservations WHERE id = $1",
      [held.id],
    );
    return rows[0]?.left;
  };
  await api.deps.db.$client.query(
    "UPDATE app.plan_reservations SET expires_at = now() + interval '9 s' WHERE id = $1",
    [held.id],
  );
  live.keep(held);
  await eventually("it is renewed", async () => (await left())! > 50);
  live.drop(held);
  await live.release(held);
  expect(await left()).toBeUndefined();
  expect(await user.used()).toEqual({ requests: 0, tokens: 0, reserved: 0 });
});

test.each([
  // maxTokens, context, granted → asked of the node
  [null, null, 2_322, 2_048],
  [100, null, 374, 100],
  [100, null, 300, 26],
  [100, 300, 300, 100],
  [null, 2_200, 2_200, null],
  [null, 2_200, 1_000, 726],
  [5_000, 4_096, 4_096, 5_000],
  [null, 200, 200, null],
])(
  "an answer of at most %s tokens in a context of %s that is granted %s asks for %s",
  (max, context, granted, asked) => {
    const request = {
      messages: [{ role: "user" as const, content: "hi" }],
      maxTokens: max,
      temperature: 1,
      topP: 1,
      stop: [],
      seed: null,
    };
    const size = sizeOf(request, context, 2_048);
    expect(size.wanted).toBeGreaterThanOrEqual(granted);
    expect(size.needed).toBeLessThanOrEqual(granted);
    expect(withinGrant(request, size, granted).maxTokens).toBe(asked);
  },
);

import { randomUUID } from "node:crypto";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, publishedModel } from "../../testing/market.ts";
import type { Inference } from "../../testing/node-peer.ts";
import { freeCustomer, type Instance, startInstance, useUp } from "../../testing/plans.ts";
import { bodyOf, send, type TestWalletUser } from "../../testing/users.ts";
import type { UsageView } from "../keys/shapes.ts";
import type { ModelView } from "../models/shapes.ts";
import { reserve, usedOf } from "../subscriptions/quota.ts";

let one: Instance;
let two: Instance;
let api: TestApi;
let creator: TestWalletUser;
let model: ModelView;

/** "hi" as the quota sees it: 2 bytes and what templates may add. */
const PROMPT = 2 + 16 + 256;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  model = await publishedModel(api, creator, { name: "In the plans" });
  one = await startInstance(model.id);
  two = await startInstance(model.id);
});
beforeEach(() => {
  for (const { peer } of [one, two]) peer.onInference = (inference) => peer.answer(inference, ["Hello", "!"]);
});
afterAll(async () => {
  await one?.close();
  await two?.close();
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
    await useUp(api, user.account, { tokens: 50_000 - 1_000 });
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
    await useUp(api, user.account, { tokens: 50_000 - PROMPT - 26 });
    expect((await user.ask({ max_tokens: 100 })).status).toBe(200);
    expect(one.peer.of("inference").at(-1)?.request.maxTokens).toBe(26);
    await useUp(api, user.account, { tokens: 49_900 });
    const refused = await user.ask();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(5);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect((await errorOf(refused)).message).toContain("100 tokens are left; this call may need 275 tokens");
    await useUp(api, user.account, { tokens: 50_000 });
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
      const usage = { promptTokens: 3_000, completionTokens: 1_000_000 };
      one.peer.send({ type: "done", id, usage, finishReason: "stop" });
    };
    const response = await user.ask({ max_tokens: 100 });
    const { usage } = await bodyOf<{ usage: OpenAI.CompletionUsage }>(response);
    // The prompt can be no more than its bytes and the template, the answer no more than its text and its end.
    const tokens = PROMPT + 5 + 32;
    expect(usage).toEqual({ prompt_tokens: PROMPT, completion_tokens: 37, total_tokens: tokens });
    expect(await user.used()).toEqual({ requests: 1, tokens, reserved: 0 });
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

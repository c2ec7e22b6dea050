import { once } from "node:events";
import OpenAI, { APIUserAbortError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import {
  fundedUser,
  pay,
  paymentIn,
  publishedModel,
  quoteSubscribe,
  readyModel,
  readyVersion,
} from "../../testing/market.ts";
import { listen, type NodePeer, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, registerUser, send, type TestUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let user: TestUser;
let model: ModelView;
let secret: string;
let client: OpenAI;
let peer: NodePeer;

interface Usage {
  outcome: string;
  promptTokens: number | null;
  completionTokens: number | null;
  keyName: string | null;
}

async function keyOf(owner: TestUser, more: Record<string, unknown> = {}): Promise<string> {
  const response = await owner.call("POST", "/api/keys", { name: "test", ...more });
  expect(response.status).toBe(201);
  return (await bodyOf<{ secret: string }>(response)).secret;
}

async function usageOf(owner = user): Promise<Usage[]> {
  const response = await owner.call("GET", "/api/keys/usage");
  return (await bodyOf<{ usage: Usage[] }>(response)).usage;
}

function post(body: unknown, key = secret) {
  return send(api, "POST", "/api/v1/chat/completions", body, { authorization: `Bearer ${key}` });
}

function ask<T extends object>(more: T = {} as T) {
  return { model: model.slug, messages: [{ role: "user" as const, content: "Say hello" }], ...more };
}

beforeAll(async () => {
  api = await createTestApi(
    { GATEWAY_REQUESTS_PER_MINUTE: "1000" },
    { stall: 3_000, cancel: 1_000, queue: 200 },
  );
  server = await listen(api);
  user = await registerUser(api);
  model = await readyModel(api, user);
  secret = await keyOf(user);
  client = new OpenAI({ apiKey: secret, baseURL: `${server.url}/api/v1`, maxRetries: 0 });
});
beforeEach(async () => {
  if (peer?.socket.readyState !== 1) peer = await servingPeer(api, server.url, [model.id]);
  peer.onInference = (inference) => peer.answer(inference, ["Hello", " there"]);
});
afterAll(async () => {
  await server?.close();
  await api?.close();
});

describe("with the official OpenAI client", () => {
  test("a completion at once, with its usage", async () => {
    const completion = await client.chat.completions.create(ask({ max_tokens: 9, seed: 4 }));
    expect(completion.choices[0]).toMatchObject({
      message: { role: "assistant", content: "Hello there" },
      finish_reason: "stop",
    });
    expect(completion.usage).toEqual({ prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 });
    expect(peer.of("inference").at(-1)?.request).toEqual({
      messages: [{ role: "user", content: "Say hello" }],
      maxTokens: 9,
      temperature: 1,
      topP: 1,
      stop: [],
      seed: 4,
    });
  });

  test("a receipt names the weights that the node says it answers with, if the model ever had them", async () => {
    const other = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    await readyVersion(api, model.id, other);
    const named = async (cid?: string) => {
      peer.onInference = ({ id }) => {
        peer.send({ type: "delta", id, text: "Hi", ...(cid && { cid }) });
        peer.answer({ id } as Parameters<NodePeer["answer"]>[0], []);
      };
      await client.chat.completions.create(ask());
      const { rows } = await api.deps.db.$client.query<{ cid: string | null }>(
        "SELECT weights_cid AS cid FROM app.usage WHERE model_id = $1 ORDER BY ended_at DESC LIMIT 1",
        [model.id],
      );
      return rows[0]?.cid;
    };
    const first = await named();
    expect(first).toMatch(/^bafk/);
    // Never served, and nobody's.
    expect(await named(other)).toBeNull();
    expect(await named("bafkreianything")).toBeNull();
    const serve = (number: number) => user.call("POST", `/api/models/${model.id}/versions/${number}/serve`);
    expect((await serve(2)).status).toBe(200);
    expect(await named(first ?? "")).toBe(first);
    expect(await named(other)).toBe(other);
    expect((await serve(1)).status).toBe(200);
  });

  test("a stream, token by token, as each arrives, with its usage at the end", async () => {
    let next: (() => void) | undefined;
    peer.onInference = (inference) => {
      peer.send({ type: "delta", id: inference.id, text: "One" });
      next = () => peer.answer(inference, [" two"]);
    };
    const stream = await client.chat.completions.create(
      ask({ stream: true as const, stream_options: { include_usage: true } }),
    );
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    let rows = -1;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      // The second token is made only once the first one was read here: nothing waits in a buffer.
      if (text === "One") next?.();
      usage ??= chunk.usage;
      if (chunk.usage) rows = (await usageOf()).length;
    }
    expect(text).toBe("One two");
    expect(usage).toEqual({ prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 });
    // The row of this call was there when its end was read.
    expect(rows).toBe((await usageOf()).length);
    expect((await usageOf())[0]).toMatchObject({ outcome: "served", promptTokens: 7, keyName: "test" });
  });

  test("models are listed and found by name", async () => {
    const listed = await client.models.list();
    // Those of other tests are in it too, as far as they are listed.
    expect(listed.data.map(({ id }) => id)).toContain(model.slug);
    expect(await client.models.retrieve(model.slug)).toMatchObject({ id: model.slug, object: "model" });
    await expect(client.models.retrieve("nothing")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test("a client that goes away stops the node, and the row says cancelled", async () => {
    peer.onInference = (inference) => {
      const timer = setInterval(() => peer.send({ type: "delta", id: inference.id, text: "more " }), 20);
      peer.socket.on("message", (data) => {
        const frame = JSON.parse(String(data));
        if (frame.type !== "cancel" || frame.id !== inference.id) return;
        clearInterval(timer);
        peer.answer(inference, [], "cancelled");
      });
    };
    const before = (await usageOf()).length;
    const stream = await client.chat.completions.create(ask({ stream: true as const }));
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 3) break;
    const row = await eventually("the row is written", async () => {
      const rows = await usageOf();
      return rows.length > before ? rows[0] : null;
    });
    expect(row).toMatchObject({ outcome: "cancelled", promptTokens: 7, completionTokens: 0 });

    const abort = new AbortController();
    const cancels = peer.of("cancel").length;
    const waiting = client.chat.completions.create(ask(), { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(waiting).rejects.toBeInstanceOf(APIUserAbortError);
    await eventually("the node is told", async () => peer.of("cancel").length > cancels);
  });

  test("a client that goes away before the first token of a stream has a row too", async () => {
    peer.onInference = (inference) =>
      peer.socket.on("message", (data) => {
        const frame = JSON.parse(String(data));
        if (frame.type === "cancel" && frame.id === inference.id)
          peer.answer(inference, ["late"], "cancelled");
      });
    const before = (await usageOf()).length;
    const abort = new AbortController();
    const waiting = client.chat.completions.create(ask({ stream: true as const }), { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(waiting).rejects.toBeInstanceOf(APIUserAbortError);
    const row = await eventually("the row is written", async () => {
      const rows = await usageOf();
      return rows.length > before ? rows[0] : null;
    });
    expect(row).toMatchObject({ outcome: "cancelled", promptTokens: 7 });
  });

  test("a node that dies mid-stream gives an error, never a silent end", async () => {
    peer.onInference = ({ id }) => {
      peer.send({ type: "delta", id, text: "half" });
      setTimeout(() => peer.socket.terminate(), 50);
    };
    const stream = await client.chat.completions.create(ask({ stream: true as const }));
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: "node_lost", type: "server_error" });
    expect((await usageOf())[0]).toMatchObject({ outcome: "partial", completionTokens: null });
  });

  test("a node that stalls mid-stream gives an error and is told to stop", async () => {
    peer.onInference = ({ id }) => peer.send({ type: "delta", id, text: "well" });
    const body = await (await post(ask({ stream: true }))).text();
    expect(body).toContain('"code":"stalled"');
    expect(body).not.toContain("[DONE]");
    await eventually("the node is told", async () => peer.of("cancel").length > 0);
    peer.socket.close();
    await once(peer.socket, "close");
  });

  test("no node, a full node, a context that is too long and an engine that fails each have their status", async () => {
    peer.onInference = ({ id }) =>
      peer.send({ type: "error", id, code: "context_length_exceeded", message: "2000 of 1024 tokens" });
    const tooLong = await post(ask({ stream: true }));
    expect(tooLong.status).toBe(413);
    expect(await bodyOf(tooLong)).toMatchObject({
      error: { code: "context_length_exceeded", param: "messages" },
    });
    peer.onInference = ({ id }) => peer.send({ type: "error", id, code: "busy", message: "full" });
    const busy = await post(ask());
    expect(busy.status).toBe(429);
    expect(Number(busy.headers.get("retry-after"))).toBeGreaterThan(0);
    peer.onInference = ({ id }) => peer.send({ type: "error", id, code: "engine_failed", message: "oops" });
    expect((await post(ask())).status).toBe(502);
    peer.socket.close();
    await once(peer.socket, "close");
    await expect(client.chat.completions.create(ask())).rejects.toMatchObject({
      status: 503,
      code: "no_node",
    });
    expect((await usageOf()).slice(0, 4).map(({ outcome }) => outcome)).toEqual(Array(4).fill("failed"));
  });
});

describe("who may call", () => {
  test("no key, a wrong key, a revoked key, an expired key: 401 and nothing else", async () => {
    expect((await send(api, "POST", "/api/v1/chat/completions", {})).status).toBe(401);
    for (const key of ["aif_wrong", `aif_${"x".repeat(43)}`, user.token]) {
      const response = await post(ask(), key);
      expect(response.status).toBe(401);
      expect(await bodyOf(response)).toMatchObject({
        error: { code: "invalid_api_key", type: "invalid_request_error", param: null },
      });
    }
    const other = await keyOf(user);
    expect((await post(ask(), other)).status).toBe(200);
    const { keys } = await bodyOf<{ keys: { id: string; prefix: string; lastUsedAt: string | null }[] }>(
      await user.call("GET", "/api/keys"),
    );
    expect(other.startsWith(keys[0]!.prefix)).toBe(true);
    const stranger = await registerUser(api);
    expect((await stranger.call("DELETE", `/api/keys/${keys[0]!.id}`)).status).toBe(404);
    expect((await user.call("DELETE", `/api/keys/${keys[0]!.id}`)).status).toBe(204);
    expect((await post(ask(), other)).status).toBe(401);
    const brief = await keyOf(user, { expiresAt: new Date(Date.now() + 700).toISOString() });
    await eventually("it expires", async () => (await post(ask(), brief)).status === 401);
    await api.deps.keys.flush();
    const after = await bodyOf<{ keys: { lastUsedAt: string | null }[] }>(
      await user.call("GET", "/api/keys"),
    );
    expect(after.keys.some(({ lastUsedAt }) => lastUsedAt !== null)).toBe(true);
    const { rows } = await api.deps.db.$client.query("SELECT * FROM app.api_keys");
    expect(JSON.stringify(rows)).not.toContain(other);
  });

  test("a stranger's unpublished model is unknown; a key scoped to another model does not reach it", async () => {
    const stranger = await registerUser(api);
    const response = await post(ask(), await keyOf(stranger));
    expect(response.status).toBe(404);
    expect(await bodyOf(response)).toMatchObject({ error: { code: "model_not_found", param: "model" } });
    const second = await readyModel(api, user, { name: "Second" });
    const scoped = await keyOf(user, { modelIds: [second.id] });
    expect((await post(ask(), scoped)).status).toBe(404);
    const listed = await send(api, "GET", "/api/v1/models", undefined, { authorization: `Bearer ${scoped}` });
    expect((await bodyOf<{ data: { id: string }[] }>(listed)).data.map(({ id }) => id)).toEqual([
      second.slug,
    ]);
    const refused = await stranger.call("POST", "/api/keys", { name: "x", modelIds: [crypto.randomUUID()] });
    expect(refused.status).toBe(400);
  });

  test("a model outside the plans is paid for: 402 until the purchase is confirmed, then served", async () => {
    const creator = await fundedUser(api);
    const customer = await fundedUser(api);
    const paid = await publishedModel(api, creator, { name: "Paid" });
    await creator.call("PATCH", `/api/models/${paid.id}`, { inPlans: false });
    const node = await servingPeer(api, server.url, [paid.id]);
    const key = await keyOf(customer);
    const body = { model: paid.slug, messages: [{ role: "user", content: "hi" }] };
    const before = await post(body, key);
    expect(before.status).toBe(402);
    expect(await bodyOf(before)).toMatchObject({ error: { code: "insufficient_quota" } });
    const quote = await quoteSubscribe(customer, paid.id);
    await pay(api, customer.wallet, quote);
    expect((await post(body, key)).status).toBe(402);
    await paymentIn(customer, quote.id, "confirmed");
    expect((await post(body, key)).status).toBe(200);
    const listed = await send(api, "GET", "/api/v1/models", undefined, { authorization: `Bearer ${key}` });
    const names = (await bodyOf<{ data: { id: string }[] }>(listed)).data.map(({ id }) => id);
    expect(names).toContain(paid.slug);
    node.socket.close();
  });

  test("a key that calls too often is told when to come back", async () => {
    const slow = await createTestApi({ GATEWAY_REQUESTS_PER_MINUTE: "2" });
    const headers = { authorization: `Bearer ${secret}` };
    for (const status of [200, 200, 429]) {
      const response = await send(slow, "GET", "/api/v1/models", undefined, headers);
      expect(response.status).toBe(status);
      if (status === 429) expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    await slow.close();
  });
});

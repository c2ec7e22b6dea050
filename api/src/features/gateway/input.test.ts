import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { readyModel } from "../../testing/market.ts";
import { listen } from "../../testing/node-peer.ts";
import { bodyOf, registerUser, send } from "../../testing/users.ts";

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let model: { slug: string };
let secret: string;

beforeAll(async () => {
  api = await createTestApi();
  server = await listen(api);
  const user = await registerUser(api);
  model = await readyModel(api, user);
  const response = await user.call("POST", "/api/keys", { name: "test" });
  secret = (await bodyOf<{ secret: string }>(response)).secret;
});
afterAll(async () => {
  await server?.close();
  await api?.close();
});

function post(body: unknown) {
  return send(api, "POST", "/api/v1/chat/completions", body, { authorization: `Bearer ${secret}` });
}

const ask = (more: object) => ({
  model: model.slug,
  messages: [{ role: "user", content: "Say hello" }],
  ...more,
});

test("a file that claims a context of 2^32 tokens breaks neither its model nor the list of models", async () => {
  const stranger = await registerUser(api);
  const huge = await readyModel(api, stranger);
  const gguf = { contextLength: 2 ** 32, architecture: null, parameters: null, quantization: null };
  await api.deps.db.$client.query("UPDATE app.model_versions SET gguf = $2 WHERE model_id = $1", [
    huge.id,
    gguf,
  ]);
  const key = await stranger.call("POST", "/api/keys", { name: "test" });
  const authorization = `Bearer ${(await bodyOf<{ secret: string }>(key)).secret}`;
  expect((await send(api, "GET", "/api/v1/models", undefined, { authorization })).status).toBe(200);
  const body = { ...ask({}), model: huge.id };
  const answer = await send(api, "POST", "/api/v1/chat/completions", body, { authorization });
  expect(answer.status).toBe(503);
});

describe("bad input", () => {
  const long = "x".repeat(2 * 1024 * 1024);
  test.each<[string, object, string]>([
    ["max_tokens of -1", { max_tokens: -1 }, "max_tokens"],
    ["max_tokens of 10^9", { max_tokens: 1e9 }, "max_tokens"],
    ["max_completion_tokens of 0", { max_completion_tokens: 0 }, "max_completion_tokens"],
    ["half a token", { max_tokens: 1.5 }, "max_tokens"],
    ["an unknown role", { messages: [{ role: "wizard", content: "x" }] }, "messages.0.role"],
    ["a tool's message", { messages: [{ role: "tool", content: "x" }] }, "messages.0.role"],
    ["no message", { messages: [] }, "messages"],
    ["a message without content", { messages: [{ role: "user" }] }, "messages.0.content"],
    [
      "a picture",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      "messages.0.content",
    ],
    ["a temperature of 3", { temperature: 3 }, "temperature"],
    ["a temperature that is text", { temperature: "hot" }, "temperature"],
    ["top_p of 2", { top_p: 2 }, "top_p"],
    ["five stops", { stop: ["a", "b", "c", "d", "e"] }, "stop"],
    ["two answers", { n: 2 }, "n"],
    ["tools", { tools: [{ type: "function" }] }, "tools"],
    ["a JSON schema", { response_format: { type: "json_schema" } }, "response_format"],
    ["a model that is a number", { model: 5 }, "model"],
  ])("%s is a 400 that names the parameter", async (_, more, param) => {
    const response = await post(ask(more));
    expect(response.status).toBe(400);
    const { error } = await bodyOf<{ error: { param: string; type: string } }>(response);
    expect(error.type).toBe("invalid_request_error");
    expect(error.param).toBe(param);
  });

  test.each([
    ["malformed JSON", '{"model": '],
    ["NaN", '{"model":"m","messages":[],"temperature":NaN}'],
    ["nothing", ""],
    ["a list", "[]"],
  ])("%s is a 400 in OpenAI's shape", async (_, text) => {
    const response = await api.app.request("/api/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: text,
    });
    expect(response.status).toBe(400);
    expect(await bodyOf(response)).toMatchObject({ error: { type: "invalid_request_error" } });
  });

  test("a body over the limit is a 413, sent at once or in pieces", async () => {
    const large = await post(ask({ messages: [{ role: "user", content: long }] }));
    expect(large.status).toBe(413);
    expect(await bodyOf(large)).toMatchObject({
      error: { type: "invalid_request_error", code: "body_too_large" },
    });
    const pieces = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 50; at++) controller.enqueue(new Uint8Array(1024 * 1024));
        controller.close();
      },
    });
    const response = await fetch(`${server.url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: pieces,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
  });

  test("every answer has a request id, browsers elsewhere may read it, and an unknown path is OpenAI-shaped", async () => {
    const response = await send(api, "GET", "/api/v1/nothing", undefined, {
      authorization: `Bearer ${secret}`,
      origin: "https://elsewhere.example",
    });
    expect(response.status).toBe(404);
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await bodyOf(response)).toMatchObject({ error: { code: "no_route", param: null } });
    const preflight = await api.app.request("/api/v1/chat/completions", {
      method: "OPTIONS",
      headers: {
        origin: "https://elsewhere.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
  });
});

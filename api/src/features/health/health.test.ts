import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { bodyOf, send } from "../../testing/users.ts";
import type { Health } from "./service.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

it("tells the state of each dependency", async () => {
  const health = await eventually("the mirror to catch up", async () => {
    const response = await send(api, "GET", "/api/health");
    expect(response.status).toBe(200);
    const body = await bodyOf<Health>(response);
    return body.status === "ok" ? body : null;
  });
  expect(health.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(health.dependencies).toMatchObject({
    database: { state: "ok", latencyMs: expect.any(Number) },
    chain: { state: "ok", detail: expect.stringContaining("Local chain: block") },
    mirror: { state: "ok" },
    storage: { state: "ok" },
    cashier: {
      state: "ok",
      detail: expect.stringMatching(/Local chain: .* for gas, about \d+ transactions/),
    },
    nodes: { state: "degraded" },
  });
});

it("names the chain that is unreachable and answers all the same", async () => {
  const alone = await createTestApi({ RPC_URL_31337: "http://127.0.0.1:9" });
  const response = await send(alone, "GET", "/api/health");
  expect(response.status).toBe(200);
  const health = await bodyOf<Health>(response);
  expect(health.status).toBe("degraded");
  expect(health.dependencies.chain.state).toBe("down");
  expect(health.dependencies.database.state).toBe("ok");
  expect(JSON.stringify(health)).not.toContain("127.0.0.1");
  await alone.close();
});

it("says 503 when the database is down, also to a browser with a session cookie", async () => {
  const lost = await createTestApi({ DATABASE_URL: "postgres://postgres:secret@127.0.0.1:9/none" });
  const response = await send(lost, "GET", "/api/health", undefined, { cookie: "aiforge.session_token=x.y" });
  expect(response.status).toBe(503);
  const text = await response.text();
  expect(JSON.parse(text).dependencies.database.state).toBe("down");
  expect(text).not.toContain("secret");
  await lost.close();
});

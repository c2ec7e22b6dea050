import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { bodyOf, send } from "../../testing/users.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { operationId?: string; tags?: string[] }>>;
}

it("documents every route, each operation under a name of its own", async () => {
  const document = await bodyOf<Document>(await send(api, "GET", "/api/openapi.json"));
  expect(document.openapi).toBe("3.1.0");
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const names = operations.map(({ operationId }) => operationId);
  expect(names).not.toContain(undefined);
  expect(new Set(names).size).toBe(names.length);
  expect(operations.every(({ tags }) => tags?.length === 1)).toBe(true);
  for (const path of [
    "/api/auth/register",
    "/api/auth/login",
    "/api/auth/wallet/auth-message",
    "/api/auth/wallet/login",
    "/api/auth/me",
    "/api/wallets/connect",
    "/api/wallets/verify",
    "/api/wallets/my-wallets",
    "/api/payments/create",
    "/api/payments/verify",
    "/api/payments/{id}",
    "/api/payments/history/all",
    "/api/publishing/model/{id}/publishing",
    "/api/publishing/model/{id}/publish",
    "/api/group-revenue/model/{id}/split",
    "/api/marketplace/create",
    "/api/marketplace/marketplace",
    "/api/marketplace/{id}/subscribe",
    "/api/marketplace/my-subscriptions",
    "/api/v1/chat/completions",
    "/api/v1/models",
    "/api/revenue/my-earnings",
    "/api/nodes/register",
    "/api/nodes/heartbeat",
    "/api/health",
  ]) {
    expect(Object.keys(document.paths)).toContain(path);
  }
});

it("shows them on a page that loads nothing from elsewhere", async () => {
  const response = await send(api, "GET", "/api/docs");
  expect(response.status).toBe(200);
  const page = await response.text();
  expect(page).toContain("/api/docs/scalar.js");
  expect(page).not.toMatch(/src="https?:|href="https?:/);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
  const script = await send(api, "GET", "/api/docs/scalar.js");
  expect(script.headers.get("content-type")).toContain("javascript");
  expect((await script.text()).length).toBeGreaterThan(1_000_000);
});

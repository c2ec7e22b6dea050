import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../testing/harness.ts";
import { bodyOf, codeOf, registerUser, send, type TestUser } from "../testing/users.ts";

let api: TestApi;
let user: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  user = await registerUser(api);
});
afterAll(() => api.close());

it.each([
  ["GET", "/api/marketplace/marketplace?q=a%00b"],
  ["GET", "/api/payments/a%00b"],
  ["DELETE", "/api/wallets/a%00b"],
])("%s %s: a NUL, which no text in the database can have, is the caller's mistake", async (method, path) => {
  const response = await user.call(method, path);
  expect(response.status).toBe(400);
  expect(await codeOf(response)).toBe("invalid_request");
});

it("says so in OpenAI's shape at the gateway", async () => {
  const key = await user.call("POST", "/api/keys", { name: "test" });
  const authorization = `Bearer ${(await bodyOf<{ secret: string }>(key)).secret}`;
  const body = { model: "a\0b", messages: [{ role: "user", content: "x" }] };
  const response = await send(api, "POST", "/api/v1/chat/completions", body, { authorization });
  expect(response.status).toBe(400);
  expect(await bodyOf(response)).toMatchObject({
    error: { type: "invalid_request_error", code: "invalid_request" },
  });
});

it("takes no name that cannot be seen", async () => {
  const status = async (name: string) => (await user.call("POST", "/api/groups", { name })).status;
  expect(await Promise.all(["\u200b", " \u2060 \ufeff", "\u202ex", "a\tb"].map(status))).toEqual([
    400, 400, 400, 400,
  ]);
  expect(await Promise.all(["e\u0301", "深層", "👩‍💻", "C++"].map(status))).toEqual([201, 201, 201, 201]);
});

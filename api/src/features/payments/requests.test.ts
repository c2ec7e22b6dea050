import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, publishedModel, quoteSubscribe } from "../../testing/market.ts";
import { codeOf, send, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";

let api: TestApi;
let creator: TestWalletUser;
let customer: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  customer = await fundedUser(api);
  model = await publishedModel(api, creator);
});
afterAll(() => api.close());

describe("bad requests for payments", () => {
  const body = (changes: object = {}) => ({
    purpose: "service",
    modelId: model.id,
    months: 1,
    wallet: customer.wallet.address,
    chain: CHAIN,
    ...changes,
  });
  const create = (changes: object) => customer.call("POST", "/api/payments/create", body(changes));

  it("ask for a sign-in first", async () => {
    expect((await send(api, "POST", "/api/payments/create", body())).status).toBe(401);
    expect((await send(api, "GET", "/api/payments/history/all")).status).toBe(401);
  });

  it.each([0, -1, 121, 1_000, 1.5, "1", null])("refuse %s months", async (months) => {
    const response = await create({ months });
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
  });

  it("refuse malformed JSON, an unknown chain, purpose and model", async () => {
    const response = await api.app.request("/api/payments/create", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${customer.token}` },
      body: '{"purpose":',
    });
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_json"]);
    expect(await codeOf(await create({ chain: "eip155:5" }))).toBe("unknown_chain");
    expect(await codeOf(await create({ purpose: "gift" }))).toBe("invalid_request");
    expect((await create({ modelId: crypto.randomUUID() })).status).toBe(404);
  });

  it("refuse a wallet of somebody else's", async () => {
    const response = await create({ wallet: creator.wallet.address });
    expect([response.status, await codeOf(response)]).toEqual([403, "wallet_not_linked"]);
  });

  it("do not tell whether somebody else's payment exists", async () => {
    const { id } = await quoteSubscribe(customer, model.id);
    const foreign = await creator.call("GET", `/api/payments/${id}`);
    const missing = await creator.call("GET", `/api/payments/${crypto.randomUUID()}`);
    expect([foreign.status, missing.status]).toEqual([404, 404]);
    expect(await foreign.json()).toEqual(await missing.json());
    const verify = await creator.call("POST", "/api/payments/verify", {
      paymentId: id,
      txHash: `0x${"0".repeat(64)}`,
    });
    expect(verify.status).toBe(404);
    expect((await creator.call("GET", "/api/payments/nonsense")).status).toBe(404);
  });
});

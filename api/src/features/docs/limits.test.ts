import { randomUUID } from "node:crypto";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { operationsOf } from "../../testing/declared.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, publishedModel, readyModel } from "../../testing/market.ts";
import { orderBody, smallOrder } from "../../testing/orders.ts";
import { bodyOf, send } from "../../testing/users.ts";

/** What is limited by a user's webhooks, e-mail or plan: the tests of those use their limits up, and are checked there. */
const ELSEWHERE = [
  "changeWebhook",
  "createWebhook",
  "rotateWebhookSecret",
  "sendEmailConfirmation",
  "sendMessage",
  "testWebhook",
];

let api: TestApi;
/** Of the same database: the people of this test sign in on the other one, where they may. */
let strict: TestApi;
beforeAll(async () => {
  strict = await createTestApi({ AUTH_ATTEMPTS_PER_CLIENT: "2", TRUSTED_PROXIES: "1" });
  api = await createTestApi({
    QUOTES_PER_ACCOUNT: "1",
    VERIFICATIONS_PER_ACCOUNT: "1",
    GATEWAY_REQUESTS_PER_MINUTE: "1",
  });
});
afterAll(async () => {
  await api.close();
  await strict.close();
});

it("every route that refuses who asks too often says so in the document, and no other", async () => {
  const operations = operationsOf(api.app);
  const refused = new Set<string>();
  /** Asks until it is too often, and notes what was asked. */
  async function useUp(call: () => Promise<Response>, operationId: string, most = 2): Promise<void> {
    let response = await call();
    for (let time = 1; response.status !== 429 && time < most; time++) response = await call();
    expect(response.status, `${operationId}: ${await response.clone().text()}`).toBe(429);
    expect(Number(response.headers.get("retry-after")), operationId).toBeGreaterThan(0);
    refused.add(operationId);
  }

  // Quotes, by account.
  const seller = await fundedUser(api);
  const model = await publishedModel(api, seller, { terms: { month: "10", sale: "20" } });
  const buyer = await fundedUser(api);
  const { address: wallet } = buyer.wallet;
  const by = { wallet, chain: CHAIN };
  const draft = await readyModel(api, buyer);
  const plan = { ...by, plan: 1, months: 1 };
  const tx = { paymentId: "", txHash: `0x${"1".repeat(64)}` };
  const opened = await buyer.call("POST", "/api/payments/create", { ...plan, purpose: "plan" });
  tx.paymentId = (await bodyOf<{ id: string }>(opened)).id;
  const quotes: [string, () => Promise<Response>][] = [
    ["createPayment", () => buyer.call("POST", "/api/payments/create", { ...plan, purpose: "plan" })],
    ["createPlanSubscription", () => buyer.call("POST", "/api/subscriptions/create", plan)],
    [
      "publishModel",
      () => buyer.call("POST", `/api/publishing/model/${draft.id}/publish`, { ...by, terms: { month: "1" } }),
    ],
    ["subscribe", () => buyer.call("POST", `/api/marketplace/${model.id}/subscribe`, { ...by, months: 1 })],
    ["buyLicense", () => buyer.call("POST", `/api/models/${model.id}/buy`, by)],
    ["createJob", () => buyer.call("POST", "/api/jobs", orderBody(buyer, smallOrder()))],
    [
      "payListingFee",
      () =>
        seller.call("POST", `/api/publishing/model/${model.id}/listing-fee`, {
          wallet: seller.wallet.address,
          chain: CHAIN,
          months: 1,
        }),
    ],
    ["verifyPayment", () => buyer.call("POST", "/api/payments/verify", tx)],
  ];
  for (const [operationId, call] of quotes) await useUp(call, operationId);

  // Sign-ins and registrations, by client.
  const client = { "x-forwarded-for": randomUUID() };
  const stranger = privateKeyToAccount(generatePrivateKey()).address;
  const signed = { message: "a message", signature: "0x11" };
  const session = { ...client, authorization: `Bearer ${buyer.token}` };
  const person = { email: `${randomUUID()}@example.org`, password: "long enough a password" };
  const attempts: [string, string, string, unknown, Record<string, string>][] = [
    [
      "walletAuthMessage",
      "GET",
      `/api/auth/wallet/auth-message?address=${stranger}&chainId=31337`,
      undefined,
      client,
    ],
    ["walletLogin", "POST", "/api/auth/wallet/login", signed, client],
    ["register", "POST", "/api/auth/register", { ...person, name: "Ada" }, client],
    ["login", "POST", "/api/auth/login", person, client],
    ["connectWallet", "POST", "/api/wallets/connect", { address: stranger, chainId: 31337 }, session],
    ["verifyWallet", "POST", "/api/wallets/verify", signed, session],
    ["createNodeAuthMessage", "POST", "/api/nodes/auth-message", { address: stranger }, client],
    ["registerNode", "POST", "/api/nodes/register", { ...signed, name: "node", capabilities: {} }, client],
  ];
  for (const [operationId, method, path, body, headers] of attempts) {
    await useUp(() => send(strict, method, path, body, headers), operationId, 3);
  }

  // Whatever takes API keys, by key.
  const made = await buyer.call("POST", "/api/keys", { name: "both", scopes: ["models", "jobs"] });
  const { secret } = await bodyOf<{ secret: string }>(made);
  const key = { authorization: `Bearer ${secret}` };
  expect((await send(api, "GET", "/api/v1/models", undefined, key)).status).toBe(200);
  for (const [operationId, { method, path }] of operations) {
    const place = path.source.slice(1, -1).replaceAll("\\/", "/").replaceAll("[^/]+", randomUUID());
    if (!/^\/api\/(v1|jobs|files)(\/|$)/.test(place)) continue;
    await useUp(() => send(api, method, place, method === "POST" ? {} : undefined, key), operationId);
  }

  const declared = [...operations].filter(([, { responses }]) => responses?.["429"]).map(([name]) => name);
  expect(declared.toSorted()).toEqual([...refused, ...ELSEWHERE].toSorted());
});

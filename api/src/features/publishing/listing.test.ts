import { aiforgeAbi, FEES } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, publishedModel, quoteSubscribe } from "../../testing/market.ts";
import { listen, registerNode, servingPeer, wantedModels } from "../../testing/node-peer.ts";
import { type Stack, startStack } from "../../testing/stack.ts";
import { bodyOf, codeOf, send, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "../payments/shapes.ts";
import type { publishingOf } from "./service.ts";

const DAY = 86_400n;

let stack: Stack;
let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let creator: TestWalletUser;
/** Has a licence, and paid for two months of API. */
let subscriber: TestWalletUser;
let stranger: TestWalletUser;
let model: ModelView;

/** Its chain is its own: the clock that is turned here is nobody else's. */
beforeAll(async () => {
  stack = await startStack(process.env.API_TEST_DATABASE_URL!);
  api = await createTestApi({ DATABASE_URL: stack.databaseUrl, RPC_URL_31337: stack.rpcUrl });
  server = await listen(api);
  creator = await fundedUser(api);
  subscriber = await fundedUser(api);
  stranger = await fundedUser(api);
  model = await publishedModel(api, creator, { name: "Lapsing", terms: { month: "10", sale: "5" } });
  const months = await quoteSubscribe(subscriber, model.id, 2);
  await pay(api, subscriber.wallet, months);
  const license = await buy(subscriber);
  await pay(api, subscriber.wallet, license);
  for (const { id } of [months, license]) await paymentIn(subscriber, id, "confirmed");
  await servingPeer(api, server.url, [model.id]);
}, 120_000);
afterAll(async () => {
  await server?.close();
  await api?.close();
  await stack?.stop();
});

async function buy(user: TestWalletUser): Promise<PaymentView> {
  const response = await user.call("POST", `/api/models/${model.id}/buy`, {
    wallet: user.wallet.address,
    chain: CHAIN,
  });
  return (await bodyOf<{ payment: PaymentView }>(response)).payment;
}

async function listing(): Promise<Awaited<ReturnType<typeof publishingOf>>["listing"]> {
  const response = await creator.call("GET", `/api/publishing/model/${model.id}/publishing`);
  return (await bodyOf<Awaited<ReturnType<typeof publishingOf>>>(response)).listing;
}

/** Turns the clock of the chain, and waits until the mirror has a block of that time. @param time unix seconds */
async function turnTo(time: bigint): Promise<void> {
  const client = testClient(stack.rpcUrl);
  const { timestamp } = await client.getBlock();
  await client.increaseTime({ seconds: Number(time - timestamp) });
  await client.mine({ blocks: 1 });
  await eventually("the mirror is there", async () => {
    const { rows } = await api.deps.db.$client.query<{ at: string }>(
      "SELECT block_timestamp AS at FROM chain.heads",
    );
    return BigInt(rows[0]?.at ?? 0) >= time;
  });
}

const found = async (): Promise<boolean> => {
  const response = await send(api, "GET", "/api/marketplace/marketplace?q=Lapsing");
  return (await bodyOf<{ total: number }>(response)).total > 0;
};

async function secretOf(user: TestWalletUser): Promise<string> {
  return (await bodyOf<{ secret: string }>(await user.call("POST", "/api/keys", { name: "k" }))).secret;
}

async function listed(secret: string): Promise<string[]> {
  const response = await send(api, "GET", "/api/v1/models", undefined, { authorization: `Bearer ${secret}` });
  return (await bodyOf<{ data: { id: string }[] }>(response)).data.map(({ id }) => id);
}

const ask = (secret: string) =>
  send(
    api,
    "POST",
    "/api/v1/chat/completions",
    { model: model.slug, messages: [{ role: "user", content: "hi" }] },
    { authorization: `Bearer ${secret}` },
  );

test("a listing lapses into its grace, leaves the marketplace after it, serves who paid, and comes back when it is paid", async () => {
  const [paying, free] = [await secretOf(subscriber), await secretOf(stranger)];
  const first = await listing();
  expect(first).toMatchObject({
    listed: true,
    daysLeft: 30,
    inGrace: false,
    fee: "2.00",
    days: 30,
    graceDays: 7,
  });
  const paidUntil = BigInt(Date.parse(first.paidUntil!) / 1000);
  const graceEnd = paidUntil + FEES.grace;
  expect(Date.parse(first.graceEndsAt!)).toBe(Number(graceEnd) * 1000);
  expect([await found(), await listed(free)]).toEqual([true, [model.slug]]);
  expect((await ask(free)).status).toBe(200);

  await turnTo(paidUntil - 3n * DAY + 60n);
  expect(await listing()).toMatchObject({ listed: true, daysLeft: 3, inGrace: false });

  await turnTo(paidUntil + 60n);
  expect(await listing()).toMatchObject({ listed: true, daysLeft: 0, inGrace: true });
  expect([await found(), await listed(free)]).toEqual([true, [model.slug]]);
  expect((await buy(stranger)).status).toBe("quoted");

  // A quote for it may be open when the grace ends.
  await turnTo(graceEnd - 20n);
  expect((await listing()).inGrace).toBe(true);
  const open = await quoteSubscribe(stranger, model.id);
  await turnTo(graceEnd + 1n);
  expect(await listing()).toMatchObject({ listed: false, daysLeft: 0, inGrace: false });
  expect([await found(), await listed(free)]).toEqual([false, []]);
  await pay(api, stranger.wallet, open).then(
    () => expect.unreachable("the contract sells what is not listed"),
    (error: Error) => expect(error.message).toContain("reverted"),
  );

  const relist = `POST /api/publishing/model/${model.id}/listing-fee`;
  const body = { wallet: stranger.wallet.address, chain: CHAIN };
  for (const [path, more] of [
    [`/api/models/${model.id}/buy`, {}],
    [`/api/marketplace/${model.id}/subscribe`, { months: 1 }],
  ] as const) {
    const refused = await stranger.call("POST", path, { ...body, ...more });
    expect(refused.status).toBe(409);
    const { error } = await bodyOf<{ error: { code: string; hint: string } }>(refused);
    expect(error.code).toBe("not_listed");
    expect(error.hint).toContain(relist);
  }
  // Whoever has no paid time is refused, in words; the rights of a moment ago are believed for three seconds.
  const gone = await eventually("the free plan does not cover it", async () => {
    const response = await ask(free);
    return response.status === 404 ? response : null;
  });
  expect(await codeOf(gone)).toBe("model_not_listed");

  // Who paid keeps it: the API to the end of the paid time, the weights for good.
  expect(await listed(paying)).toEqual([model.slug]);
  expect((await ask(paying)).status).toBe(200);
  const { id: node } = await registerNode(api, "asked what it should serve");
  expect(await wantedModels(api, node)).toEqual([model.id]);
  const license = await bodyOf<object>(await subscriber.call("GET", `/api/models/${model.id}/license`));
  expect(license).toMatchObject({ licensed: true, price: null });
  // The test's file was never stored: what is asked for passes the licence and then is not there.
  const weights = await send(api, "HEAD", `/api/models/${model.id}/weights`, undefined, {
    authorization: `Bearer ${subscriber.token}`,
  });
  expect([weights.status, weights.headers.get("x-cid")]).toEqual([200, model.file!.cid]);
  expect((await stranger.call("GET", `/api/models/${model.id}/weights`)).status).toBe(404);

  const fee = await creator.call("POST", `/api/publishing/model/${model.id}/listing-fee`, {
    wallet: creator.wallet.address,
    chain: CHAIN,
    months: 2,
  });
  expect(fee.status).toBe(200);
  const { payment } = await bodyOf<{ payment: PaymentView }>(fee);
  expect(payment).toMatchObject({ purpose: "listing", amount: "4.00", fee: "4.00", months: 2 });
  await pay(api, creator.wallet, payment);
  await eventually("it is listed again", found);
  const again = await listing();
  expect(again).toMatchObject({ listed: true, daysLeft: 60, inGrace: false });
  await eventually("the free plan covers it again", async () => (await ask(free)).status === 200);

  // The subscription's two months end; the listing does not help.
  const { subscriptions } = await bodyOf<{ subscriptions: { activeUntil: string }[] }>(
    await subscriber.call("GET", "/api/marketplace/my-subscriptions"),
  );
  await turnTo(BigInt(Date.parse(subscriptions[0]!.activeUntil) / 1000) + 1n);
  const ended = await eventually("the free plan takes over", async () => {
    const response = await ask(paying);
    return response.headers.has("x-ratelimit-limit-requests") ? response : null;
  });
  expect(ended.status).toBe(200);
}, 180_000);

test("the last second of the grace counts, as it does on chain", async () => {
  const second = await publishedModel(api, creator, { name: "To the second" });
  const view = second.onchain!;
  const chain = api.deps.chains.get(CHAIN);
  const client = testClient(stack.rpcUrl);
  const end = BigInt(Date.parse(view.listedUntil) / 1000);
  const onchain = () =>
    client.readContract({
      address: chain.aiforge,
      abi: aiforgeAbi,
      functionName: "isListed",
      args: [view.modelId as `0x${string}`],
    });
  const here = async () =>
    (await bodyOf<ModelView>(await send(api, "GET", `/api/models/${second.id}`))).onchain!.listed;
  await client.setIntervalMining({ interval: 0 });
  for (const [time, expected] of [
    [end, true],
    [end + 1n, false],
  ] as const) {
    await client.setNextBlockTimestamp({ timestamp: time });
    await client.mine({ blocks: 1 });
    await eventually("the mirror is there", async () => {
      const { rows } = await api.deps.db.$client.query<{ at: string }>(
        "SELECT block_timestamp AS at FROM chain.heads",
      );
      return rows[0]?.at === String(time);
    });
    expect([await onchain(), await here()]).toEqual([expected, expected]);
  }
  await client.setIntervalMining({ interval: 1 });
});

import { accountRef, extendPeriod, modelSalt, modelId as onchainModelId, splitId } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { aiforgeCall, type Call, FROM_WALLET } from "../../chain/calls.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import {
  fundedUser,
  pay,
  paymentIn,
  publishedModel,
  quotePublish,
  quoteSubscribe,
  readyModel,
  sign,
} from "../../testing/market.ts";
import { registerNode, wantedModels } from "../../testing/node-peer.ts";
import {
  bodyOf,
  codeOf,
  linkWallet,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
} from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import { isoOf } from "../publishing/onchain.ts";
import type { searchMarketplace } from "./service.ts";
import { activeEntitlement, periodsOf, type subscriptionsOf } from "./subscriptions.ts";

type Found = Awaited<ReturnType<typeof searchMarketplace>>;
type Subscriptions = { subscriptions: Awaited<ReturnType<typeof subscriptionsOf>> };

let api: TestApi;
let creator: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
});
afterAll(() => api.close());

async function search(query: Record<string, string>): Promise<Found> {
  const response = await send(api, "GET", `/api/marketplace/marketplace?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  return bodyOf<Found>(response);
}

const subscriptionsOfUser = async (user: TestUser) =>
  (await bodyOf<Subscriptions>(await user.call("GET", "/api/marketplace/my-subscriptions"))).subscriptions;

describe("the marketplace", () => {
  it("shows a model within two blocks of its publication, to anybody", async () => {
    const model = await readyModel(api, creator, { name: "Soon seen" });
    expect((await search({ q: "soon seen" })).total).toBe(0);
    const quote = await quotePublish(creator, model.id, { month: "3.5" });
    const hash = await pay(api, creator.wallet, quote);
    const chain = api.deps.chains.all[0]!;
    const { blockNumber } = await chain.client.getTransactionReceipt({ hash });
    const { items } = await eventually("the model is listed", async () => {
      const found = await search({ q: "soon seen" });
      return found.total > 0 ? found : null;
    });
    expect((await chain.head(0)) - blockNumber).toBeLessThanOrEqual(2n);
    expect(items).toMatchObject([{ id: model.id, name: "Soon seen", priceMonth: "3.50" }]);
  });

  it("searches, sorts and pages", async () => {
    const word = `w${Date.now()}`;
    const prices = { Beta: "3", Alpha: "1", Gamma: "2" };
    for (const [name, month] of Object.entries(prices)) {
      await publishedModel(api, creator, { name: `${name} ${word}`, terms: { month } });
    }
    const names = async (query: Record<string, string>) =>
      (await search({ q: word, ...query })).items.map(({ name }) => name.split(" ")[0]);
    expect(await names({})).toEqual(["Gamma", "Alpha", "Beta"]);
    expect(await names({ sort: "price" })).toEqual(["Alpha", "Gamma", "Beta"]);
    expect(await names({ sort: "price-desc" })).toEqual(["Beta", "Gamma", "Alpha"]);
    expect(await names({ sort: "name" })).toEqual(["Alpha", "Beta", "Gamma"]);
    expect(await names({ sort: "popular" })).toHaveLength(3);
    expect(await names({ sort: "name", page: "2", pageSize: "2" })).toEqual(["Gamma"]);
    expect((await search({ q: word, page: "9", pageSize: "2" })).total).toBe(3);
    expect(await names({ q: `beta ${word.toUpperCase()}` })).toEqual(["Beta"]);
    expect(await names({ q: "%" })).toEqual([]);
    expect(await names({ q: "' OR 1=1 --" })).toEqual([]);
  });

  it.each(["page=0", "page=x", "pageSize=1000", "sort=random", `q=${"x".repeat(300)}`])(
    "refuses the query %s",
    async (query) => {
      const response = await send(api, "GET", `/api/marketplace/marketplace?${query}`);
      expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
    },
  );

  it("does not sell what is not published", async () => {
    const draft = await readyModel(api, creator);
    const response = await creator.call("POST", `/api/marketplace/${draft.id}/subscribe`, {
      wallet: creator.wallet.address,
      chain: "eip155:31337",
      months: 1,
    });
    expect(response.status).toBe(404);
  });
});

describe("the terms of a service", () => {
  const create = (user: TestUser, body: object) => user.call("POST", "/api/marketplace/create", body);

  it("are kept before publishing, and change on chain afterwards", async () => {
    const draft = await readyModel(api, creator);
    const kept = await bodyOf<object>(await create(creator, { modelId: draft.id, month: "10", sale: "50" }));
    expect(kept).toEqual({
      service: { modelId: draft.id, month: "10.00", sale: "50.00", input: "0.00", output: "0.00" },
      onchain: null,
    });
    const model = await publishedModel(api, creator, { name: "Changing price" });
    const same = await bodyOf<{ onchain: Call | null }>(
      await create(creator, { modelId: model.id, month: "10" }),
    );
    expect(same.onchain).toBeNull();
    const { onchain } = await bodyOf<{ onchain: Call }>(
      await create(creator, { modelId: model.id, month: "12.345678" }),
    );
    expect(onchain).toMatchObject({ functionName: "setTerms" });
    await sign(api, creator.wallet, onchain);
    await eventually("the new price is listed", async () => {
      const { items } = await search({ q: "changing price" });
      return items[0]?.priceMonth === "12.345678";
    });
  });

  it("are the owners' to set, at a price that is one", async () => {
    const model = await readyModel(api, creator);
    const stranger = await registerUser(api);
    expect((await create(stranger, { modelId: model.id, month: "1" })).status).toBe(404);
    for (const month of ["-1", "NaN", "0.0000001", (2n ** 256n).toString(), "0", "1,5", "", " 1", "0x10"]) {
      const response = await create(creator, { modelId: model.id, month });
      expect([month, response.status, await codeOf(response)]).toEqual([month, 400, "invalid_amount"]);
    }
    const output = await create(creator, { modelId: model.id, month: "1", output: "-1" });
    expect(await codeOf(output)).toBe("invalid_amount");
  });
});

describe("subscriptions", () => {
  it("add up month by month, from confirmed purchases only", async () => {
    const customer = await fundedUser(api);
    const model = await publishedModel(api, creator, { name: "Subscribed" });
    expect(await subscriptionsOfUser(customer)).toEqual([]);
    for (const months of [1, 2]) {
      const quote = await quoteSubscribe(customer, model.id, months);
      await pay(api, customer.wallet, quote);
      await eventually("the purchase is mirrored", async () => {
        const [subscription] = await subscriptionsOfUser(customer);
        return subscription?.purchases.some((purchase) => purchase.months === months);
      });
      const [subscription] = await subscriptionsOfUser(customer);
      const waiting = subscription!.purchases.filter(({ confirmed }) => !confirmed);
      expect(subscription!.pending).toBe(waiting.length > 0);
      await paymentIn(customer, quote.id, "confirmed");
    }
    const [subscription, ...others] = await subscriptionsOfUser(customer);
    expect(others).toEqual([]);
    expect(subscription).toMatchObject({
      modelId: model.id,
      modelName: "Subscribed",
      active: true,
      pending: false,
    });
    expect(subscription!.purchases).toMatchObject([
      { months: 2, price: "20.00", fee: "2.00", confirmed: true },
      { months: 1, price: "10.00", fee: "1.00", confirmed: true },
    ]);
    const start = Date.parse(subscription!.purchases[1]!.at);
    expect(Date.parse(subscription!.activeUntil!) - start).toBe(90 * 86_400_000);
    const entitlement = await activeEntitlement(api.deps, customer.id, model.id);
    expect(entitlement!.activeUntil.toISOString()).toBe(subscription!.activeUntil);
    expect(await activeEntitlement(api.deps, creator.id, model.id)).toBeNull();
    expect(await activeEntitlement(api.deps, customer.id, crypto.randomUUID())).toBeNull();
  });

  it("come from the model's first publication only: a second one, for less, sells nothing", async () => {
    const owner = await fundedUser(api);
    const model = await readyModel(api, owner, { name: "Published twice" });
    const spare = await fundedWallet(api.rpcUrl);
    await linkWallet(owner, spare);
    const cheap = await quotePublish({ ...owner, wallet: spare }, model.id, { month: "0.000001" });
    await pay(api, owner.wallet, await quotePublish(owner, model.id, { month: "10" }));
    await sign(api, spare, cheap.call);
    await eventually("both publications are mirrored", async () => {
      const { rows } = await api.deps.db.$client.query(
        "SELECT FROM chain.publications WHERE payer IN ($1, $2)",
        [owner.wallet.address.toLowerCase(), spare.address.toLowerCase()],
      );
      return rows.length === 2;
    });
    const view = await bodyOf<ModelView>(await owner.call("GET", `/api/models/${model.id}`));
    expect(view.onchain).toMatchObject({ terms: { month: "10.00" } });

    const customer = await fundedUser(api);
    const chain = api.deps.chains.all[0]!;
    const quote = await quoteSubscribe(customer, model.id);
    const [, ...rest] = quote.call.args as [string, string, string, string, string, number];
    const second = onchainModelId(spare.address, modelSalt(model.id));
    await sign(api, customer.wallet, quote.allowance!);
    const split = splitId({ members: [spare.address], bps: [10_000] });
    const hash = await sign(
      api,
      customer.wallet,
      aiforgeCall(chain, "subscribe", [second, 120n, 120n, split, rest[3] as `0x${string}`, FROM_WALLET]),
    );
    await eventually("the purchase is mirrored and confirmed", async () => {
      const { rows } = await api.deps.db.$client.query(
        `SELECT FROM chain.service_purchases p JOIN chain.heads h USING (chain_id)
         WHERE p.tx_hash = $1 AND h.block_number >= p.block_number + 2`,
        [hash],
      );
      return rows.length > 0;
    });
    expect(await activeEntitlement(api.deps, customer.id, model.id)).toBeNull();
    expect(await subscriptionsOfUser(customer)).toEqual([]);
  });

  it("are served to their end, even if the creators let the listing lapse", async () => {
    const customer = await fundedUser(api);
    const [left, kept] = [
      await publishedModel(api, creator, { name: "Left" }),
      await publishedModel(api, creator, { name: "Kept" }),
    ];
    const quote = await quoteSubscribe(customer, kept.id, 2);
    await pay(api, customer.wallet, quote);
    await paymentIn(customer, quote.id, "confirmed");
    const node = await registerNode(api, "asked what it should serve");
    const wanted = async (days: number) => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * 86_400_000 });
      const ids = await wantedModels(api, node.id).finally(() => vi.useRealTimers());
      return [left.id, kept.id].map((id) => ids.includes(id));
    };
    expect(await wanted(0)).toEqual([true, true]);
    expect(await wanted(40)).toEqual([false, true]);
    expect(await wanted(70)).toEqual([false, false]);
  });

  it("that reach beyond all dates end with the year 9999", () => {
    expect(isoOf(10n ** 30n)).toBe("9999-12-31T23:59:59.000Z");
    expect(isoOf(1n)).toBe("1970-01-01T00:00:01.000Z");
  });

  it("of each account run for themselves", () => {
    const mine = accountRef("user", crypto.randomUUID());
    const lab = accountRef("group", crypto.randomUUID());
    const month = extendPeriod(0n, null, 1n);
    const bought = [
      { account: mine, blockTimestamp: 100n, months: 1n },
      { account: lab, blockTimestamp: 150n, months: 1n },
      { account: mine, blockTimestamp: 200n, months: 2n },
      { account: lab, blockTimestamp: 150n + month + 7n, months: 1n },
    ];
    expect(periodsOf(bought)).toEqual(
      new Map([
        [mine, 100n + 3n * month],
        [lab, 157n + 2n * month],
      ]),
    );
  });
});

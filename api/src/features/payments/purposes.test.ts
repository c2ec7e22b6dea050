import { accountRef } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../../chain/calls.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, publishedModel, sign } from "../../testing/market.ts";
import { quote } from "../../testing/plain-transfers.ts";
import { bodyOf, codeOf, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import { forgetQuotes } from "./cleanup.ts";
import type { PaymentView } from "./shapes.ts";

let api: TestApi;
let creator: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  model = await publishedModel(api, creator, { terms: { month: "10", sale: "50" } });
});
afterAll(() => api.close());

const chain = () => api.deps.chains.get(CHAIN);

const get = async (user: TestWalletUser, id: string) =>
  bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));

type Page = { payments: PaymentView[]; next: string | null };
const page = async (user: TestWalletUser, query = "") =>
  bodyOf<Page>(await user.call("GET", `/api/payments/history/all${query}`));

describe("a plan", () => {
  it("is quoted with 30 % for the platform and the rest for the creators' pool, and confirmed by the mirror", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "plan", plan: 2, months: 2 });
    expect(asked).toMatchObject({
      purpose: "plan",
      plan: 2,
      months: 2,
      modelId: null,
      modelName: null,
      amount: "60.00",
      fee: "18.00",
      creators: "42.00",
      dust: "0.00",
      account: accountRef("user", buyer.id),
      explorer: { transaction: null, contract: null },
    });
    expect(asked.shares).toMatchObject([
      { kind: "platform", bps: 3_000, amount: "18.00" },
      { kind: "pool", address: null, bps: 7_000, amount: "42.00" },
    ]);
    expect(asked.call).toMatchObject({
      functionName: "buyPlan",
      args: [2, "2", "60000000", asked.account, FROM_WALLET],
    });
    const hash = await pay(api, buyer.wallet, asked);
    expect(await paymentIn(buyer, asked.id, "confirmed")).toMatchObject({ txHash: hash, ways: null });
  });

  it("can be a group's, of its members only", async () => {
    const owner = await fundedUser(api);
    const stranger = await fundedUser(api);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    const body = { purpose: "plan", plan: 1, groupId: group.id };
    const asked = await quote(owner, body);
    expect(asked.account).toBe(accountRef("group", group.id));
    const refused = await stranger.call("POST", "/api/payments/create", {
      ...body,
      wallet: stranger.wallet.address,
      chain: CHAIN,
    });
    expect([refused.status, await codeOf(refused)]).toEqual([404, "not_found"]);
    await pay(api, owner.wallet, asked);
    await paymentIn(owner, asked.id, "confirmed");
  });

  it("bought without a quote is in the history, and pays no quote of another plan or length", async () => {
    const buyer = await fundedUser(api);
    const other = await quote(buyer, { purpose: "plan", plan: 1, months: 2 });
    const account = accountRef("user", buyer.id);
    await sign(api, buyer.wallet, usdtCall(chain(), "approve", [chain().aiforge, 10_000_000n]));
    const hash = await sign(
      api,
      buyer.wallet,
      aiforgeCall(chain(), "buyPlan", [1, 1n, 10_000_000n, account, FROM_WALLET]),
    );
    const found = await eventually("the purchase is in the history", async () =>
      (await page(buyer)).payments.find(({ txHash }) => txHash === hash),
    );
    expect(found).toMatchObject({ quoted: false, purpose: "plan", plan: 1, amount: "10.00", fee: "3.00" });
    expect((await get(buyer, found.id)).id).toBe(found.id);
    expect((await get(buyer, other.id)).status).toBe("quoted");
  });
});

describe("a licence", () => {
  it("gives 5 % to the platform and the rest to the split", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "license", modelId: model.id });
    expect(asked).toMatchObject({ amount: "50.00", fee: "2.50", creators: "47.50", months: 0, plan: null });
    expect(asked.shares).toMatchObject([
      { kind: "platform", bps: 500, amount: "2.50" },
      { kind: "member", address: creator.wallet.address.toLowerCase(), bps: 10_000, amount: "47.50" },
    ]);
    await pay(api, buyer.wallet, asked);
    await paymentIn(buyer, asked.id, "confirmed");
  });

  it("is not quoted for a model whose weights are not for sale", async () => {
    const unsold = await publishedModel(api, await fundedUser(api));
    const buyer = await fundedUser(api);
    const refused = await buyer.call("POST", "/api/payments/create", {
      purpose: "license",
      modelId: unsold.id,
      wallet: buyer.wallet.address,
      chain: CHAIN,
    });
    expect([refused.status, await codeOf(refused)]).toEqual([409, "not_for_sale"]);
  });
});

describe("more listing", () => {
  it("is the platform's, and confirmed by the mirror", async () => {
    const asked = await quote(creator, { purpose: "listing", modelId: model.id, months: 3 });
    expect(asked).toMatchObject({ amount: "6.00", fee: "6.00", creators: "0.00" });
    expect(asked.shares).toMatchObject([{ kind: "platform", bps: 10_000, amount: "6.00" }]);
    await pay(api, creator.wallet, asked);
    await paymentIn(creator, asked.id, "confirmed");
  });
});

describe("a deposit for metered use", () => {
  it("stays the payer's own, and only the quoted amount from the quoted wallet pays it", async () => {
    const buyer = await fundedUser(api);
    const friend = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "usage", amount: "7.5", dailyCap: "2" });
    expect(asked).toMatchObject({ amount: "7.50", fee: "0.00", creators: "0.00", dailyCap: "2.00" });
    expect(asked.shares).toMatchObject([{ kind: "deposit", amount: "7.50", bps: 10_000 }]);
    expect(asked.ways!.transfer).toBeNull();

    const foreign = aiforgeCall(chain(), "depositUsage", [
      asked.account as `0x${string}`,
      7_500_000n,
      2_000_000n,
      FROM_WALLET,
    ]);
    await sign(api, friend.wallet, usdtCall(chain(), "approve", [chain().aiforge, 7_500_000n]));
    const hash = await sign(api, friend.wallet, foreign);
    const verify = { paymentId: asked.id, txHash: hash };
    const answer = await bodyOf<PaymentView>(await buyer.call("POST", "/api/payments/verify", verify));
    expect(answer).toMatchObject({ status: "quoted", reason: { code: "wrong_wallet" } });

    await pay(api, buyer.wallet, asked);
    await paymentIn(buyer, asked.id, "confirmed");
    const lowered = await buyer.call("POST", "/api/payments/create", {
      purpose: "usage",
      amount: "1",
      dailyCap: "1.99",
      wallet: buyer.wallet.address,
      chain: CHAIN,
    });
    expect([lowered.status, await codeOf(lowered)]).toEqual([409, "cap_lowered"]);
    expect((await quote(buyer, { purpose: "usage", amount: "1" })).dailyCap).toBe("8.50");
  });

  it.each(["0", "-1", "1.0000001", "x", "9999999999999999999"])("of %s is refused", async (amount) => {
    const response = await creator.call("POST", "/api/payments/create", {
      purpose: "usage",
      amount,
      wallet: creator.wallet.address,
      chain: CHAIN,
    });
    expect(response.status).toBe(400);
  });
});

describe("credit", () => {
  it("pays when there is enough of it", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "plan", plan: 1 });
    expect(asked.ways!.credit).toBeNull();
    await sign(api, buyer.wallet, usdtCall(chain(), "approve", [chain().aiforge, 12_000_000n]));
    await sign(api, buyer.wallet, aiforgeCall(chain(), "deposit", [buyer.wallet.address, 12_000_000n]));
    const { call, available } = await eventually(
      "the credit is mirrored",
      async () => (await get(buyer, asked.id)).ways!.credit,
    );
    expect(available).toBe("12.00");
    const hash = await sign(api, buyer.wallet, call);
    expect(await paymentIn(buyer, asked.id, "confirmed")).toMatchObject({ txHash: hash });
  });
});

describe("the history", () => {
  it("comes in pages that make the whole, each payment once", async () => {
    const buyer = await fundedUser(api);
    for (const months of [1, 2, 3, 4, 5]) await quote(buyer, { purpose: "plan", plan: 1, months });
    const account = accountRef("user", buyer.id);
    await sign(api, buyer.wallet, usdtCall(chain(), "approve", [chain().aiforge, 50_000_000n]));
    const buy = aiforgeCall(chain(), "buyLicense", [
      model.onchain!.modelId as `0x${string}`,
      50_000_000n,
      model.onchain!.splitId as `0x${string}`,
      account,
      FROM_WALLET,
    ]);
    await sign(api, buyer.wallet, buy);
    const whole = await eventually("all is there", async () => {
      const all = await page(buyer);
      return all.payments.length === 6 ? all : null;
    });
    expect(whole.next).toBeNull();
    const walked: string[] = [];
    let next: string | null = "";
    for (let pages = 0; next !== null && pages < 10; pages++) {
      const part: Page = await page(buyer, `?limit=2${next && `&cursor=${next}`}`);
      expect(part.payments.length).toBe(2);
      walked.push(...part.payments.map(({ id }) => id));
      next = part.next;
    }
    expect(walked).toEqual(whole.payments.map(({ id }) => id));
  });

  it.each(["?cursor=nonsense", "?limit=0", "?limit=201", "?cursor="])("refuses %s", async (query) => {
    const response = await creator.call("GET", `/api/payments/history/all${query}`);
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
  });
});

describe("old quotes", () => {
  it("that nothing came for are forgotten a week after their end; what was paid, and who may publish, is not", async () => {
    const buyer = await fundedUser(api);
    const unpaid = await quote(buyer, { purpose: "plan", plan: 1 });
    const paid = await quote(buyer, { purpose: "plan", plan: 1, months: 2 });
    await pay(api, buyer.wallet, paid);
    await paymentIn(buyer, paid.id, "confirmed");
    const in7Days = Date.parse(unpaid.expiresAt) + 7 * 86_400_000;
    await forgetQuotes(api.deps, new Date(in7Days - 60_000));
    expect((await get(buyer, unpaid.id)).status).toBe("quoted");
    await forgetQuotes(api.deps, new Date(in7Days + 60_000));
    expect((await buyer.call("GET", `/api/payments/${unpaid.id}`)).status).toBe(404);
    expect((await get(buyer, paid.id)).status).toBe("confirmed");
    const history = (await page(creator)).payments;
    expect(history.filter(({ purpose }) => purpose === "publish")).toHaveLength(1);
  });
});

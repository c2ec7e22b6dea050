import { aiforgeAbi, usdtAbi } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiforgeCall } from "../../chain/calls.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, pay, paymentIn, publishedModel, quoteSubscribe, sign } from "../../testing/market.ts";
import { bodyOf, send, type TestUser, type TestWalletUser } from "../../testing/users.ts";
import { type myEarnings, shareOf } from "./service.ts";

type Earnings = Awaited<ReturnType<typeof myEarnings>>;

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const earningsOf = async (user: TestUser) =>
  bodyOf<Earnings>(await user.call("GET", "/api/revenue/my-earnings"));

function balanceOf(user: TestWalletUser): Promise<bigint> {
  const { client, usdt } = api.deps.chains.all[0]!;
  return client.readContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "balanceOf",
    args: [user.wallet.address],
  });
}

const earningsWhen = (user: TestUser, what: string, ready: (earnings: Earnings) => boolean) =>
  eventually(what, async () => {
    const earnings = await earningsOf(user);
    return ready(earnings) ? earnings : null;
  });

describe("my earnings", () => {
  it("asks for a sign-in", async () => {
    expect((await send(api, "GET", "/api/revenue/my-earnings")).status).toBe(401);
  });

  it("is all zeros for who never earned", async () => {
    const earnings = await earningsOf(await fundedUser(api));
    expect(earnings).toEqual({
      totals: {
        earned: "0.00",
        drawn: "0.00",
        drawable: "0.00",
        pool: "0.00",
        credit: "0.00",
        usage: "0.00",
        claimable: "0.00",
      },
      models: [],
      claims: [],
      upcoming: [],
      credits: [],
      platform: { earned: "0.00" },
      entries: [],
    });
  });

  it("shares 10 USDT as 1.00 to the platform and 4.50 / 2.70 / 1.80, and pays out to the last unit", async () => {
    // One after the other: they are funded by one account.
    const creator = await fundedUser(api);
    const second = await fundedUser(api);
    const third = await fundedUser(api);
    const customer = await fundedUser(api);
    const shares = [5_000, 3_000, 2_000];
    const creators = [creator, second, third];
    const split = creators.map(({ wallet }, at) => ({ address: wallet.address, bps: shares[at]! }));
    const model = await publishedModel(api, creator, { split, terms: { month: "10.00" } });

    const quote = await quoteSubscribe(customer, model.id);
    expect(quote).toMatchObject({ amount: "10.00", fee: "1.00", creators: "9.00", dust: "0.00" });
    expect(quote.shares.map(({ amount }) => amount)).toEqual(["1.00", "4.50", "2.70", "1.80"]);
    await pay(api, customer.wallet, quote);
    await paymentIn(customer, quote.id, "seen");

    const seen = await Promise.all(creators.map(earningsOf));
    expect(seen.map(({ totals }) => totals.earned)).toEqual(["4.50", "2.70", "1.80"]);
    expect(seen.map(({ totals }) => totals.drawable)).toEqual(["4.50", "2.70", "1.80"]);
    expect(seen.map(({ platform }) => platform.earned)).toEqual(["1.00", "1.00", "1.00"]);
    expect(seen[0]!.models).toEqual([
      {
        modelId: model.id,
        name: model.name,
        chain: "eip155:31337",
        splitId: model.onchain!.splitId,
        revenue: "10.00",
        platformFee: "1.00",
        creators: "9.00",
        pool: "0.00",
        mine: {
          member: creator.wallet.address.toLowerCase(),
          bps: 5_000,
          earned: "4.50",
          drawn: "0.00",
          drawable: "4.50",
        },
        members: creators.map(({ wallet }, at) => ({
          address: wallet.address.toLowerCase(),
          bps: shares[at],
          earned: ["4.50", "2.70", "1.80"][at],
          drawn: "0.00",
        })),
      },
    ]);
    expect(seen[1]!.entries).toMatchObject([{ kind: "earned", amount: "2.70", modelId: model.id }]);

    const expected = [4_500_000n, 2_700_000n, 1_800_000n];
    for (const [at, user] of creators.entries()) {
      const [claim, ...others] = seen[at]!.claims;
      expect(others).toEqual([]);
      const before = await balanceOf(user);
      await sign(api, user.wallet, claim!.call);
      expect((await balanceOf(user)) - before).toBe(expected[at]);
      const after = await earningsWhen(user, "the draw is mirrored", ({ totals }) => totals.drawn !== "0.00");
      expect(after.totals).toMatchObject({
        drawn: seen[at]!.totals.earned,
        drawable: "0.00",
        credit: "0.00",
      });
      expect(after.claims).toEqual([]);
      expect(after.entries.map(({ kind, amount }) => [kind, amount])).toEqual([
        ["withdraw", `-${seen[at]!.totals.earned}`],
        ["earned", seen[at]!.totals.earned],
      ]);
    }
    const { client, aiforge } = api.deps.chains.all[0]!;
    const lifetime = await client.readContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "earnedOf",
      args: [model.onchain!.splitId as `0x${string}`],
    });
    expect(lifetime).toBe(expected.reduce((sum, each) => sum + each, 0n));
  });

  it("offers to withdraw credit, and counts two models that share a split each for itself", async () => {
    const creator = await fundedUser(api);
    const partner = await fundedUser(api);
    const customer = await fundedUser(api);
    const split = [
      { address: creator.wallet.address, bps: 3_333 },
      { address: partner.wallet.address, bps: 6_667 },
    ];
    const cheap = await publishedModel(api, creator, { split, name: "A", terms: { month: "0.000010" } });
    const dear = await publishedModel(api, creator, { split, name: "B", terms: { month: "20" } });
    expect(cheap.onchain!.splitId).toBe(dear.onchain!.splitId);
    for (const model of [cheap, dear]) {
      const quote = await quoteSubscribe(customer, model.id);
      await pay(api, customer.wallet, quote);
      await paymentIn(customer, quote.id, "seen");
    }
    const earnings = await earningsOf(creator);
    // 9 and 18,000,000 micro-USDT: floor(9 × 0.3333) = 2, and 5,999,400; together floor(18,000,009 × 0.3333).
    expect(earnings.models.map(({ name, creators, mine }) => [name, creators, mine?.earned])).toEqual([
      ["A", "0.000009", "0.000002"],
      ["B", "18.00", "5.9994"],
    ]);
    expect(earnings.totals.earned).toBe("5.999402");
    expect(shareOf(18_000_009n, 3_333)).toBe(5_999_402n);

    // Drawn by anyone: into the member's credit.
    const { split: whole, member } = earnings.claims[0]!;
    const draw = aiforgeCall(api.deps.chains.all[0]!, "draw", [
      { members: whole!.members, bps: whole!.bps },
      member as `0x${string}`,
    ]);
    await sign(api, customer.wallet, draw);
    const drawn = await earningsWhen(
      creator,
      "draw and credit are mirrored",
      ({ credits, totals }) => credits.length > 0 && totals.drawn !== "0.00",
    );
    expect(drawn.totals).toMatchObject({ drawn: "5.999402", drawable: "0.00", credit: "5.999402" });
    const before = await balanceOf(creator);
    await sign(api, creator.wallet, drawn.credits[0]!.call);
    expect((await balanceOf(creator)) - before).toBe(5_999_402n);
    await earningsWhen(creator, "the withdrawal is mirrored", ({ credits }) => credits.length === 0);
  });
});

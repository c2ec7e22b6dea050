import { accountRef, monthStart, monthText } from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../../chain/calls.ts";
import { sign } from "../../testing/market.ts";
import { monthPath, PoolStand, USDT } from "../../testing/pool.ts";
import { bodyOf, codeOf, send } from "../../testing/users.ts";
import type { groupEarningsSchema, statementSchema } from "../group-revenue/shapes.ts";
import type { monthlySchema, summarySchema } from "./shapes.ts";

const WINDOW = 2n * 86_400n;

let stand: PoolStand;
beforeAll(async () => {
  stand = await PoolStand.open();
  const { first, shared, own } = stand;
  // The shared model's month of 100 USDT, claimed; one of both; one in which nothing was used; and one of its own.
  await stand.buyPlan(3, 100n * USDT);
  await stand.use(shared.id, first, 1_500);
  await stand.distribute(first, 1);
  expect(await stand.takeOut()).toEqual([35n * USDT, 21n * USDT, 14n * USDT]);
  await stand.buyPlan(1, 10n * USDT);
  await stand.use(own.id, first + 1, 300);
  await stand.use(shared.id, first + 1, 100);
  await stand.distribute(first + 1, 2);
  await stand.buyPlan(2, 30n * USDT);
  await stand.turnTo(monthStart(first + 3));
  await stand.run();
  expect((await stand.distributionOf(first + 2)).state).toBe("empty");
  await stand.use(own.id, first + 3, 10);
  await stand.distribute(first + 3, 3);
}, 240_000);
afterAll(() => stand?.close());

describe("what was earned", () => {
  it("is told by source and month, and adds up", async () => {
    const all = await bodyOf<z.infer<typeof summarySchema>>(
      await send(stand.api, "GET", "/api/revenue/summary"),
    );
    const plans = all.bySource.find(({ source }) => source === "plan");
    expect(plans).toMatchObject({ gross: "140.00", fee: "42.00", creators: "0.00", pool: "98.00" });
    const funded = (await stand.read("poolFunded")) as bigint;
    const pool = (await stand.read("poolOf")) as unknown as {
      claimed: bigint;
      pendingTotal: bigint;
      total: bigint;
    };
    expect(funded).toBe(98n * USDT);
    expect(pool.claimed).toBe(70n * USDT);
    expect(all.totals.pool).toEqual({ funded: "98.00", claimed: "70.00", claimable: "28.00" });
    expect(all.months.map(({ month }) => month)).toContain(monthText(stand.first));

    expect((await send(stand.api, "GET", "/api/revenue/summary?scope=mine")).status).toBe(401);
    const response = await stand.creators[1]!.call("GET", "/api/revenue/summary?scope=mine");
    const mine = await bodyOf<z.infer<typeof summarySchema>>(response);
    expect(mine.totals).toMatchObject({ gross: "98.00", mine: "47.775" });
    // A month's pool counts in that month, whenever it is claimed.
    expect(mine.months.find(({ month }) => month === monthText(stand.first + 1))).toMatchObject({
      gross: "7.00",
      mine: "5.775",
    });
    // Own: 5.25 and 21; of Shared the split has 1.75 to claim.
    expect(mine.totals.pool).toEqual({ funded: "98.00", claimed: "70.00", claimable: "28.00" });

    const monthly = await bodyOf<z.infer<typeof monthlySchema>>(
      await stand.creators[1]!.call("GET", monthPath("monthly", stand.first + 1)),
    );
    expect(monthly.models.map(({ name, source, gross, mine: part }) => [name, source, gross, part])).toEqual([
      ["Own", "pool", "5.25", "5.25"],
      ["Shared", "pool", "1.75", "0.525"],
    ]);
  });

  it("is a statement of the model's month, which is frozen once", async () => {
    const at = (what: string, month = stand.first) =>
      `/api/group-revenue/model/${stand.shared.id}/${what}/${Math.floor(month / 12)}/${(month % 12) + 1}`;
    type Statement = z.infer<typeof statementSchema>;
    const before = await bodyOf<Statement>(await stand.creators[2]!.call("GET", at("distribution")));
    expect(before).toMatchObject({
      frozenAt: null,
      sources: { service: "0.00", license: "0.00", usage: "0.00", pool: "70.00" },
      creators: "70.00",
      poolState: "active",
    });
    expect(before.members.map(({ amount, drawn }) => [amount, drawn])).toEqual([
      ["35.00", "35.00"],
      ["21.00", "21.00"],
      ["14.00", "14.00"],
    ]);
    expect((await stand.customer.call("GET", at("distribution"))).status).toBe(404);
    expect((await stand.creators[2]!.call("POST", at("distribute"))).status).toBe(404);
    const early = await stand.creators[0]!.call("POST", at("distribute", stand.first + 4));
    expect([early.status, await codeOf(early)]).toEqual([409, "month_not_over"]);

    const frozen = await Promise.all(
      Array.from({ length: 6 }, async () =>
        bodyOf<Statement>(await stand.creators[0]!.call("POST", at("distribute"))),
      ),
    );
    expect(new Set(frozen.map(({ frozenAt }) => frozenAt)).size).toBe(1);
    expect(frozen[0]!.frozenAt).not.toBeNull();
    // 1.75 of the later month is still to be claimed, by anyone.
    expect(frozen[0]!.calls).toMatchObject([{ kind: "claim", amount: "1.75", member: null }]);
    await sign(stand.api, stand.customer.wallet, frozen[0]!.calls[0]!.call as never);
    await stand.mirrored();
    const after = await bodyOf<Statement>(await stand.creators[0]!.call("POST", at("distribute")));
    expect(after.calls.map(({ kind, amount }) => [kind, amount])).toEqual([
      ["draw", "0.875"],
      ["draw", "0.525"],
      ["draw", "0.35"],
    ]);
    expect(after.frozenAt).toBe(frozen[0]!.frozenAt);
    const [model] = (await stand.earningsOf(stand.creators[0]!)).models;
    expect(model).toMatchObject({
      pool: "71.75",
      mine: { earned: "35.875", drawn: "35.00", drawable: "0.875" },
    });

    type Groups = z.infer<typeof groupEarningsSchema>;
    const { groups } = await bodyOf<Groups>(
      await stand.creators[0]!.call("GET", "/api/group-revenue/my-group-earnings"),
    );
    expect(groups).toMatchObject([{ pool: "71.75", mine: "35.875", models: [{ name: "Shared" }] }]);
  }, 180_000);

  it("has a deposit for metered use in it that its payer left", async () => {
    const amount = 5n * USDT;
    const account = accountRef("user", stand.customer.id);
    await sign(
      stand.api,
      stand.customer.wallet,
      usdtCall(stand.chain(), "approve", [stand.chain().aiforge, amount]),
    );
    await sign(
      stand.api,
      stand.customer.wallet,
      aiforgeCall(stand.chain(), "depositUsage", [account, amount, amount, FROM_WALLET]),
    );
    await sign(stand.api, stand.customer.wallet, aiforgeCall(stand.chain(), "leaveUsage", []));
    await stand.mirrored();
    const { upcoming, claims } = await stand.earningsOf(stand.customer);
    expect(claims).toEqual([]);
    expect(upcoming).toMatchObject([{ kind: "usage", amount: "5.00" }]);
    await stand.turnTo(BigInt(Date.parse(upcoming[0]!.availableAt) / 1000) + WINDOW);
    const [usage] = (await stand.earningsOf(stand.customer)).claims;
    expect(usage).toMatchObject({ kind: "usage", amount: "5.00" });
    await sign(stand.api, stand.customer.wallet, usage!.call as never);
    await stand.mirrored();
    const [credit] = (await stand.earningsOf(stand.customer)).claims;
    const before = await stand.balanceOf(stand.customer.wallet);
    await sign(stand.api, stand.customer.wallet, credit!.call as never);
    expect((await stand.balanceOf(stand.customer.wallet)) - before).toBe(amount);
  }, 180_000);
});

import { contentCid, distribute, monthStart, monthText, parseInputs } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { aiforgeCall } from "../../chain/calls.ts";
import { eventually } from "../../testing/harness.ts";
import { sign } from "../../testing/market.ts";
import { type Distribution, monthPath, PoolStand, USDT } from "../../testing/pool.ts";
import { bodyOf, codeOf, send, type TestUser } from "../../testing/users.ts";
import { lastDistribution } from "./queries-distribution.ts";
import { poolOf } from "./run.ts";
import { startDistributing } from "./worker.ts";

let stand: PoolStand;
beforeAll(async () => {
  stand = await PoolStand.open();
}, 120_000);
afterAll(() => stand?.close());

const postNow = (user: TestUser, month: number, again = false) =>
  user.call("POST", `${monthPath("distribute", month)}?again=${again}`);

describe("the monthly distribution", () => {
  it("shares nothing before the month ended, and is for admins to begin", async () => {
    expect(await stand.distributionOf(stand.first)).toMatchObject({
      state: "open",
      attempt: 0,
      root: null,
      inputsUrl: null,
    });
    expect((await send(stand.api, "POST", monthPath("distribute", stand.first))).status).toBe(401);
    expect((await postNow(stand.creators[0]!, stand.first)).status).toBe(404);
    const early = await postNow(stand.admin, stand.first);
    expect([early.status, await codeOf(early)]).toEqual([409, "month_not_over"]);
    expect((await send(stand.api, "GET", `${monthPath("distribution", stand.first)}/inputs`)).status).toBe(
      404,
    );
    expect((await send(stand.api, "GET", "/api/revenue/distribution/2026/13")).status).toBe(400);
  });

  it("goes on wherever it was killed, and posts one root", async () => {
    await stand.buyPlan(3, 100n * USDT);
    await stand.use(stand.shared.id, stand.first, 1_000);
    await stand.use(stand.shared.id, stand.first, 500, { outcome: "partial" });
    // None of these counts.
    await stand.use(stand.own.id, stand.first, 7_000, { plan: 0 });
    await stand.use(stand.own.id, stand.first, 7_000, { entitlement: "service", plan: null });
    await stand.use(stand.own.id, stand.first, 7_000, { entitlement: "owner", plan: null });
    await stand.use(stand.own.id, stand.first, 7_000, { outcome: "failed" });
    await stand.use(stand.own.id, stand.first, 7_000, { outcome: "cancelled" });
    await stand.use(stand.own.id, stand.first - 1, 7_000);
    await stand.use(stand.own.id, stand.first + 1, 7_000, { plan: 0 });
    await stand.turnTo(monthStart(stand.first + 1));

    for (const step of [
      "begun",
      "computed",
      "stored",
      "published",
      "signed",
      "kept",
      "sent",
      "posted",
    ] as const)
      expect([step, await stand.child(step)]).toEqual([step, "SIGKILL"]);
    expect(await stand.child()).toBeNull();
    await stand.posted(1);
    // Two at once, and once more.
    await Promise.all([stand.run(), stand.run(), stand.child()]);
    await stand.run();
    expect((await stand.rootsPosted()).length).toBe(1);

    const view = await stand.distributionOf(stand.first);
    expect(view).toMatchObject({
      month: monthText(stand.first),
      state: "posted",
      attempt: 1,
      total: "70.00",
      pool: "70.00",
      carry: "0.00",
      models: [
        { modelId: stand.shared.id, name: "Shared", tokens: "1500", share: "100.00", amount: "70.00" },
      ],
    });
    expect(view.note).toMatch(/^Pays from /);
    const [event] = await stand.rootsPosted();
    expect(event!.args).toMatchObject({
      month: BigInt(stand.first),
      root: view.root,
      total: 70n * USDT,
      cid: view.cid,
    });
    expect(view.txHash).toBe(event!.transactionHash);
  }, 300_000);

  it("publishes the bytes that its root comes from, under their CID", async () => {
    const view = await stand.distributionOf(stand.first);
    const response = await send(stand.api, "GET", view.inputsUrl!);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(response.headers.get("etag")).toBe(`"${view.cid}"`);
    expect(contentCid(bytes)).toBe(view.cid);
    expect(distribute(parseInputs(bytes)).root).toBe(view.root);
    const again = await send(stand.api, "GET", view.inputsUrl!, undefined, {
      "if-none-match": `"${view.cid}"`,
    });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const large = new Uint8Array(3 * 1024 ** 2 + 5).fill(7);
    const added = await stand.api.deps.storage.ipfs.add(
      (async function* () {
        yield large;
      })(),
    );
    expect(contentCid(large)).toBe(added);
  });

  it("pays after the veto window, through the split, as 35, 21 and 14 of a plan of 100", async () => {
    const waiting = await stand.earningsOf(stand.creators[0]!);
    expect(waiting.claims.filter(({ kind }) => kind === "pool")).toEqual([]);
    expect(waiting.upcoming).toMatchObject([
      { kind: "pool", amount: "35.00", splitId: stand.shared.onchain!.splitId },
    ]);
    const { activeAt } = await stand.distributionOf(stand.first);
    await stand.turnTo(BigInt(Date.parse(activeAt!) / 1000));
    expect(await stand.child("settled")).toBe("SIGKILL");
    await stand.run();
    expect(await stand.distributionOf(stand.first)).toMatchObject({ state: "active", note: null });

    for (const [at, amount] of [35n, 21n, 14n].entries()) {
      const user = stand.creators[at]!;
      const { claims, totals, upcoming } = await stand.earningsOf(user);
      expect(upcoming).toEqual([]);
      // The first claims for all; what the others have is then drawn.
      const claim = claims.find(({ kind }) => kind === (at === 0 ? "pool" : "split"))!;
      expect(claim).toMatchObject({ amount: `${amount}.00`, member: user.wallet.address.toLowerCase() });
      expect(totals.claimable).toBe(`${amount}.00`);
      const before = await stand.balanceOf(user.wallet);
      await sign(stand.api, user.wallet, claim.call as never);
      expect((await stand.balanceOf(user.wallet)) - before).toBe(amount * USDT);
      await stand.mirrored();
    }
    expect(await stand.read("claimedOf", [stand.shared.onchain!.splitId])).toBe(70n * USDT);
    const after = await stand.earningsOf(stand.creators[0]!);
    expect(after.totals).toMatchObject({ earned: "35.00", drawn: "35.00", claimable: "0.00" });
    expect(after.entries[0]).toMatchObject({ kind: "pool", source: "pool", amount: "35.00" });
    // By model too: what was claimed of the pool is earned, and what was drawn of it is drawn.
    expect(after.models).toMatchObject([
      {
        name: "Shared",
        ...{ revenue: "0.00", platformFee: "0.00", creators: "0.00", pool: "70.00" },
        mine: { bps: 5_000, earned: "35.00", drawn: "35.00", drawable: "0.00" },
      },
    ]);
    expect(after.models[0]!.members.map(({ earned, drawn }) => [earned, drawn])).toEqual([
      ["35.00", "35.00"],
      ["21.00", "21.00"],
      ["14.00", "14.00"],
    ]);
  }, 180_000);

  it("waits when a root is vetoed, until an admin says to do the month again", async () => {
    await stand.buyPlan(1, 10n * USDT);
    await stand.use(stand.own.id, stand.first + 1, 300);
    await stand.use(stand.shared.id, stand.first + 1, 100);
    await stand.turnTo(monthStart(stand.first + 2));
    await stand.run();
    await stand.posted(2);
    await sign(stand.api, stand.admin.wallet, aiforgeCall(stand.chain(), "vetoRoot", []));
    await stand.mirrored();
    await stand.run();
    expect(await stand.distributionOf(stand.first + 1)).toMatchObject({
      state: "vetoed",
      attempt: 1,
      pool: "7.00",
    });
    await stand.run();
    const refused = await postNow(stand.admin, stand.first + 1);
    expect([refused.status, await codeOf(refused)]).toEqual([409, "month_vetoed"]);
    expect((await stand.rootsPosted()).length).toBe(2);

    const again = await bodyOf<Distribution>(await postNow(stand.admin, stand.first + 1, true));
    expect(again).toMatchObject({ state: "posted", attempt: 2 });
    await stand.posted(3);
    // Vetoed once more: an admin need not wait until the next round has noticed.
    await sign(stand.api, stand.admin.wallet, aiforgeCall(stand.chain(), "vetoRoot", []));
    await stand.mirrored();
    const third = await bodyOf<Distribution>(await postNow(stand.admin, stand.first + 1, true));
    expect(third).toMatchObject({ state: "posted", attempt: 3 });
    await stand.posted(4);
    const twice = await postNow(stand.admin, stand.first + 1, true);
    expect([twice.status, await codeOf(twice)]).toEqual([409, "month_not_vetoed"]);
    expect((await stand.rootsPosted()).length).toBe(4);
    await stand.run();
    await stand.turnTo(BigInt(Date.parse((await stand.distributionOf(stand.first + 1)).activeAt!) / 1000));
    await stand.run();
    const view = await stand.distributionOf(stand.first + 1);
    expect(view.state).toBe("active");
    expect(view.models.map(({ name, share, amount }) => [name, share, amount])).toEqual([
      ["Own", "75.00", "5.25"],
      ["Shared", "25.00", "1.75"],
    ]);
    const { claims } = await stand.earningsOf(stand.creators[1]!);
    expect(claims.map(({ kind, amount }) => [kind, amount]).sort()).toEqual([
      ["pool", "0.525"],
      ["pool", "5.25"],
    ]);
  }, 180_000);

  it("has nothing to post for a month in which nothing was used, and carries its pool", async () => {
    await stand.buyPlan(2, 30n * USDT);
    const off = startDistributing({
      ...stand.api.deps,
      config: { ...stand.api.deps.config, DISTRIBUTION_SECONDS: 0 },
    });
    const worker = startDistributing({
      ...stand.api.deps,
      config: { ...stand.api.deps.config, DISTRIBUTION_SECONDS: 1 },
    });
    await stand.turnTo(monthStart(stand.first + 3));
    // Nobody asks for it.
    await eventually(
      "the month is done",
      async () => (await stand.distributionOf(stand.first + 2)).state === "empty",
    );
    await Promise.all([worker.stop(), off.stop()]);
    expect(await stand.distributionOf(stand.first + 2)).toMatchObject({
      state: "empty",
      pool: "21.00",
      carry: "21.00",
    });
    expect((await stand.rootsPosted()).length).toBe(4);
  }, 180_000);

  it("posts again what a reorg took away", async () => {
    await stand.use(stand.own.id, stand.first + 3, 10);
    await stand.turnTo(monthStart(stand.first + 4));
    const client = testClient(stand.stack.rpcUrl);
    await stand.run();
    await stand.posted(5);
    const before = (await lastDistribution(stand.api.deps.db, poolOf(stand.chain())))!;
    await client.request({ method: "anvil_reorg" as never, params: [4, []] as never });
    await client.mine({ blocks: 2 });
    expect((await stand.rootsPosted()).length).toBe(4);
    await stand.mirrored();
    await eventually("it is sent again", async () => {
      await stand.run();
      return (await stand.rootsPosted()).length === 5;
    });
    await stand.mirrored();
    await stand.run();
    const after = (await lastDistribution(stand.api.deps.db, poolOf(stand.chain())))!;
    expect([after.state, after.root]).toEqual(["posted", before.root]);
    await stand.turnTo(BigInt(Date.parse(after.activeAt!.toISOString()) / 1000));
    await stand.run();
    expect(await stand.distributionOf(stand.first + 3)).toMatchObject({ state: "active", pool: "21.00" });
  }, 180_000);
});

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import {
  accountRef,
  aiforgeAbi,
  contentCid,
  demoAccount,
  distribute,
  monthOf,
  monthStart,
  monthText,
  parseInputs,
  usdtAbi,
} from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { parseAbiItem } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../../chain/calls.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { fundedUser, publishedModel, sign } from "../../testing/market.ts";
import { type Stack, startStack } from "../../testing/stack.ts";
import { bodyOf, codeOf, send, type TestUser, type TestWalletUser, walletUser } from "../../testing/users.ts";
import type { groupEarningsSchema, statementSchema } from "../group-revenue/shapes.ts";
import { insertUsage, type UsageRow } from "../keys/queries.ts";
import type { ModelView } from "../models/shapes.ts";
import { lastDistribution } from "./queries-distribution.ts";
import { confirmedTime, poolOf, runDistribution, type Step } from "./run.ts";
import type { distributionSchema, earningsSchema, monthlySchema, summarySchema } from "./shapes.ts";
import { startDistributing } from "./worker.ts";

type Distribution = z.infer<typeof distributionSchema>;
type Earnings = z.infer<typeof earningsSchema>;

const USDT = 1_000_000n;
const WINDOW = 2n * 86_400n;

let stack: Stack;
let api: TestApi;
let admin: TestWalletUser;
let creators: TestWalletUser[];
let customer: TestWalletUser;
let shared: ModelView;
let own: ModelView;
/** The month in which all begins, as the contract counts. */
let first: number;

const chain = () => api.deps.chains.all[0]!;
const path = (what: string, month: number) =>
  `/api/revenue/${what}/${Math.floor(month / 12)}/${(month % 12) + 1}`;
const distributionOf = async (month: number) =>
  bodyOf<Distribution>(await send(api, "GET", path("distribution", month)));
const earningsOf = async (user: TestUser) =>
  bodyOf<Earnings>(await user.call("GET", "/api/revenue/my-earnings"));
const postNow = (user: TestUser, month: number, again = false) =>
  user.call("POST", `${path("distribute", month)}?again=${again}`);
const run = () => runDistribution(api.deps, chain());

const read = (functionName: string, args: unknown[] = []) =>
  chain().client.readContract({ address: chain().aiforge, abi: aiforgeAbi, functionName, args } as never);

const balanceOf = ({ address }: { address: `0x${string}` }) =>
  chain().client.readContract({
    address: chain().usdt,
    abi: usdtAbi,
    functionName: "balanceOf",
    args: [address],
  });

const rootsPosted = async () =>
  chain().client.getLogs({
    address: chain().aiforge,
    event: parseAbiItem(
      "event RootPosted(uint256 indexed month, bytes32 indexed root, uint256 total, uint256 activeAt, string cid)",
    ),
    fromBlock: 0n,
  });

/** Waits until so many roots were posted in all, and the mirror has them. */
async function posted(roots: number): Promise<void> {
  await eventually(`root ${roots} is mined`, async () => (await rootsPosted()).length === roots);
  await mirrored();
}

/** Turns the chain's clock, and waits until the mirror has confirmed blocks of that time. @param time unix seconds */
async function turnTo(time: bigint): Promise<void> {
  const client = testClient(stack.rpcUrl);
  const { timestamp } = await client.getBlock();
  if (time > timestamp) await client.increaseTime({ seconds: Number(time - timestamp) });
  await client.mine({ blocks: 3 });
  await eventually("the mirror confirms the time", async () => {
    const now = await confirmedTime(api.deps, chain());
    return now !== null && now >= time;
  });
}

/** Waits until the mirror has the newest block of the chain. */
async function mirrored(): Promise<void> {
  const target = await chain().client.getBlockNumber({ cacheTime: 0 });
  await eventually("the mirror is there", async () => {
    const { rows } = await api.deps.db.$client.query("SELECT block_number AS at FROM chain.heads");
    return BigInt(rows[0]?.at ?? 0) >= target;
  });
}

/** Buys a month of a plan for an account that has none yet. */
async function buyPlan(plan: 1 | 2 | 3, price: bigint): Promise<void> {
  const account = accountRef("user", randomUUID());
  await sign(api, customer.wallet, usdtCall(chain(), "approve", [chain().aiforge, price]));
  await sign(api, customer.wallet, aiforgeCall(chain(), "buyPlan", [plan, 1n, price, account, FROM_WALLET]));
  await mirrored();
}

async function use(modelId: string, month: number, tokens: number, more: Partial<UsageRow> = {}) {
  const at = new Date(Number(monthStart(month)) * 1000 + 20 * 86_400_000);
  const row = {
    id: randomUUID(),
    userId: customer.id,
    keyId: null,
    modelId,
    promptTokens: tokens - 1,
    completionTokens: 1,
    price: 0n,
    outcome: "served",
    entitlement: "plan",
    plan: 2,
    account: accountRef("user", customer.id),
    startedAt: at,
    endedAt: at,
    createdAt: at,
    ...more,
  } as UsageRow;
  await insertUsage(api.deps.db, [row]);
}

/** A round in a process of its own. @returns the signal that ended it */
async function child(killAt?: Step): Promise<string | null> {
  const { DATABASE_URL, DATA_DIR, AUTH_SECRET, WEIGHTS_SECRET } = api.deps.config;
  const process_ = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../testing/distribution-child.ts", import.meta.url))],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        DATABASE_URL,
        DATA_DIR,
        AUTH_SECRET,
        WEIGHTS_SECRET,
        RPC_URL_31337: stack.rpcUrl,
        LOG_LEVEL: "error",
        ...(killAt ? { KILL_AT: killAt } : {}),
      },
    },
  );
  const [code, signal] = await once(process_, "exit");
  if (code) throw new Error(`The round ended with ${code}`);
  return signal;
}

const demoUser = (role: "deployer") =>
  walletUser(api, privateKeyToAccount(demoAccount(role).privateKey) as PrivateKeyAccount);

beforeAll(async () => {
  stack = await startStack(process.env.API_TEST_DATABASE_URL!);
  api = await createTestApi({ DATABASE_URL: stack.databaseUrl, RPC_URL_31337: stack.rpcUrl });
  admin = await demoUser("deployer");
  creators = [await fundedUser(api), await fundedUser(api), await fundedUser(api)];
  customer = await walletUser(api, await fundedWallet(stack.rpcUrl, 10_000n * USDT));
  const split = [5_000, 3_000, 2_000].map((bps, at) => ({ address: creators[at]!.wallet.address, bps }));
  shared = await publishedModel(api, creators[0]!, { name: "Shared", split });
  own = await publishedModel(api, creators[1]!, { name: "Own" });
  // A month's last day could end while this runs.
  const { timestamp } = await chain().client.getBlock();
  first = monthOf(timestamp + 86_400n);
  await turnTo(monthStart(first));
}, 120_000);
afterAll(async () => {
  await api?.close();
  await stack?.stop();
});

describe("the monthly distribution", () => {
  it("shares nothing before the month ended, and is for admins to begin", async () => {
    expect(await distributionOf(first)).toMatchObject({
      state: "open",
      attempt: 0,
      root: null,
      inputsUrl: null,
    });
    expect((await send(api, "POST", path("distribute", first))).status).toBe(401);
    expect((await postNow(creators[0]!, first)).status).toBe(404);
    const early = await postNow(admin, first);
    expect([early.status, await codeOf(early)]).toEqual([409, "month_not_over"]);
    expect((await send(api, "GET", `${path("distribution", first)}/inputs`)).status).toBe(404);
    expect((await send(api, "GET", "/api/revenue/distribution/2026/13")).status).toBe(400);
  });

  it("goes on wherever it was killed, and posts one root", async () => {
    await buyPlan(3, 100n * USDT);
    await use(shared.id, first, 1_000);
    await use(shared.id, first, 500, { outcome: "partial" });
    // None of these counts.
    await use(own.id, first, 7_000, { plan: 0 });
    await use(own.id, first, 7_000, { entitlement: "service", plan: null });
    await use(own.id, first, 7_000, { entitlement: "owner", plan: null });
    await use(own.id, first, 7_000, { outcome: "failed" });
    await use(own.id, first, 7_000, { outcome: "cancelled" });
    await use(own.id, first - 1, 7_000);
    await use(own.id, first + 1, 7_000, { plan: 0 });
    await turnTo(monthStart(first + 1));

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
      expect([step, await child(step)]).toEqual([step, "SIGKILL"]);
    expect(await child()).toBeNull();
    await posted(1);
    // Two at once, and once more.
    await Promise.all([run(), run(), child()]);
    await run();
    expect((await rootsPosted()).length).toBe(1);

    const view = await distributionOf(first);
    expect(view).toMatchObject({
      month: monthText(first),
      state: "posted",
      attempt: 1,
      total: "70.00",
      pool: "70.00",
      carry: "0.00",
      models: [{ modelId: shared.id, name: "Shared", tokens: "1500", share: "100.00", amount: "70.00" }],
    });
    expect(view.note).toMatch(/^Pays from /);
    const [event] = await rootsPosted();
    expect(event!.args).toMatchObject({
      month: BigInt(first),
      root: view.root,
      total: 70n * USDT,
      cid: view.cid,
    });
    expect(view.txHash).toBe(event!.transactionHash);
  }, 120_000);

  it("publishes the bytes that its root comes from, under their CID", async () => {
    const view = await distributionOf(first);
    const response = await send(api, "GET", view.inputsUrl!);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(response.headers.get("etag")).toBe(`"${view.cid}"`);
    expect(contentCid(bytes)).toBe(view.cid);
    expect(distribute(parseInputs(bytes)).root).toBe(view.root);
    const again = await send(api, "GET", view.inputsUrl!, undefined, { "if-none-match": `"${view.cid}"` });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const large = new Uint8Array(3 * 1024 ** 2 + 5).fill(7);
    const added = await api.deps.storage.ipfs.add(
      (async function* () {
        yield large;
      })(),
    );
    expect(contentCid(large)).toBe(added);
  });

  it("pays after the veto window, through the split, as 35, 21 and 14 of a plan of 100", async () => {
    const waiting = await earningsOf(creators[0]!);
    expect(waiting.claims.filter(({ kind }) => kind === "pool")).toEqual([]);
    expect(waiting.upcoming).toMatchObject([
      { kind: "pool", amount: "35.00", splitId: shared.onchain!.splitId },
    ]);
    const { activeAt } = await distributionOf(first);
    await turnTo(BigInt(Date.parse(activeAt!) / 1000));
    expect(await child("settled")).toBe("SIGKILL");
    await run();
    expect(await distributionOf(first)).toMatchObject({ state: "active", note: null });

    for (const [at, amount] of [35n, 21n, 14n].entries()) {
      const user = creators[at]!;
      const { claims, totals, upcoming } = await earningsOf(user);
      expect(upcoming).toEqual([]);
      // The first claims for all; what the others have is then drawn.
      const claim = claims.find(({ kind }) => kind === (at === 0 ? "pool" : "split"))!;
      expect(claim).toMatchObject({ amount: `${amount}.00`, member: user.wallet.address.toLowerCase() });
      expect(totals.claimable).toBe(`${amount}.00`);
      const before = await balanceOf(user.wallet);
      await sign(api, user.wallet, claim.call as never);
      expect((await balanceOf(user.wallet)) - before).toBe(amount * USDT);
      await mirrored();
    }
    expect(await read("claimedOf", [shared.onchain!.splitId])).toBe(70n * USDT);
    const after = await earningsOf(creators[0]!);
    expect(after.totals).toMatchObject({ earned: "35.00", drawn: "35.00", claimable: "0.00" });
    expect(after.entries[0]).toMatchObject({ kind: "pool", source: "pool", amount: "35.00" });
  }, 60_000);

  it("waits when a root is vetoed, until an admin says to do the month again", async () => {
    await buyPlan(1, 10n * USDT);
    await use(own.id, first + 1, 300);
    await use(shared.id, first + 1, 100);
    await turnTo(monthStart(first + 2));
    await run();
    await posted(2);
    await sign(api, admin.wallet, aiforgeCall(chain(), "vetoRoot", []));
    await mirrored();
    await run();
    expect(await distributionOf(first + 1)).toMatchObject({ state: "vetoed", attempt: 1, pool: "7.00" });
    await run();
    const refused = await postNow(admin, first + 1);
    expect([refused.status, await codeOf(refused)]).toEqual([409, "month_vetoed"]);
    expect((await rootsPosted()).length).toBe(2);

    const again = await bodyOf<Distribution>(await postNow(admin, first + 1, true));
    expect(again).toMatchObject({ state: "posted", attempt: 2 });
    await posted(3);
    const twice = await postNow(admin, first + 1, true);
    expect([twice.status, await codeOf(twice)]).toEqual([409, "month_not_vetoed"]);
    expect((await rootsPosted()).length).toBe(3);
    await run();
    await turnTo(BigInt(Date.parse((await distributionOf(first + 1)).activeAt!) / 1000));
    await run();
    const view = await distributionOf(first + 1);
    expect(view.state).toBe("active");
    expect(view.models.map(({ name, share, amount }) => [name, share, amount])).toEqual([
      ["Own", "75.00", "5.25"],
      ["Shared", "25.00", "1.75"],
    ]);
    const { claims } = await earningsOf(creators[1]!);
    expect(claims.map(({ kind, amount }) => [kind, amount]).sort()).toEqual([
      ["pool", "0.525"],
      ["pool", "5.25"],
    ]);
  }, 90_000);

  it("has nothing to post for a month in which nothing was used, and carries its pool", async () => {
    await buyPlan(2, 30n * USDT);
    const off = startDistributing({ ...api.deps, config: { ...api.deps.config, DISTRIBUTION_SECONDS: 0 } });
    const worker = startDistributing({
      ...api.deps,
      config: { ...api.deps.config, DISTRIBUTION_SECONDS: 1 },
    });
    await turnTo(monthStart(first + 3));
    // Nobody asks for it.
    await eventually("the month is done", async () => (await distributionOf(first + 2)).state === "empty");
    await Promise.all([worker.stop(), off.stop()]);
    expect(await distributionOf(first + 2)).toMatchObject({ state: "empty", pool: "21.00", carry: "21.00" });
    expect((await rootsPosted()).length).toBe(3);
  }, 60_000);

  it("posts again what a reorg took away", async () => {
    await use(own.id, first + 3, 10);
    await turnTo(monthStart(first + 4));
    const client = testClient(stack.rpcUrl);
    await run();
    await posted(4);
    const before = (await lastDistribution(api.deps.db, poolOf(chain())))!;
    await client.request({ method: "anvil_reorg" as never, params: [4, []] as never });
    await client.mine({ blocks: 2 });
    expect((await rootsPosted()).length).toBe(3);
    await mirrored();
    await eventually("it is sent again", async () => {
      await run();
      return (await rootsPosted()).length === 4;
    });
    await mirrored();
    await run();
    const after = (await lastDistribution(api.deps.db, poolOf(chain())))!;
    expect([after.state, after.root]).toEqual(["posted", before.root]);
    await turnTo(BigInt(Date.parse(after.activeAt!.toISOString()) / 1000));
    await run();
    expect(await distributionOf(first + 3)).toMatchObject({ state: "active", pool: "21.00" });
  }, 90_000);
});

describe("what was earned", () => {
  it("is told by source and month, and adds up", async () => {
    const all = await bodyOf<z.infer<typeof summarySchema>>(await send(api, "GET", "/api/revenue/summary"));
    const plans = all.bySource.find(({ source }) => source === "plan");
    expect(plans).toMatchObject({ gross: "140.00", fee: "42.00", creators: "0.00", pool: "98.00" });
    const funded = (await read("poolFunded")) as bigint;
    const pool = (await read("poolOf")) as unknown as {
      claimed: bigint;
      pendingTotal: bigint;
      total: bigint;
    };
    expect(funded).toBe(98n * USDT);
    expect(pool.claimed).toBe(70n * USDT);
    expect(all.totals.pool).toEqual({ funded: "98.00", claimed: "70.00", claimable: "28.00" });
    expect(all.months.map(({ month }) => month)).toContain(monthText(first));

    expect((await send(api, "GET", "/api/revenue/summary?scope=mine")).status).toBe(401);
    const response = await creators[1]!.call("GET", "/api/revenue/summary?scope=mine");
    const mine = await bodyOf<z.infer<typeof summarySchema>>(response);
    expect(mine.totals).toMatchObject({ gross: "98.00", mine: "47.775" });
    // A month's pool counts in that month, whenever it is claimed.
    expect(mine.months.find(({ month }) => month === monthText(first + 1))).toMatchObject({
      gross: "7.00",
      mine: "5.775",
    });
    // Own: 5.25 and 21; of Shared the split has 1.75 to claim.
    expect(mine.totals.pool).toEqual({ funded: "98.00", claimed: "70.00", claimable: "28.00" });

    const monthly = await bodyOf<z.infer<typeof monthlySchema>>(
      await creators[1]!.call("GET", path("monthly", first + 1)),
    );
    expect(monthly.models.map(({ name, source, gross, mine: part }) => [name, source, gross, part])).toEqual([
      ["Own", "pool", "5.25", "5.25"],
      ["Shared", "pool", "1.75", "0.525"],
    ]);
  });

  it("is a statement of the model's month, which is frozen once", async () => {
    const at = (what: string, month = first) =>
      `/api/group-revenue/model/${shared.id}/${what}/${Math.floor(month / 12)}/${(month % 12) + 1}`;
    type Statement = z.infer<typeof statementSchema>;
    const before = await bodyOf<Statement>(await creators[2]!.call("GET", at("distribution")));
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
    expect((await customer.call("GET", at("distribution"))).status).toBe(404);
    expect((await creators[2]!.call("POST", at("distribute"))).status).toBe(404);
    const early = await creators[0]!.call("POST", at("distribute", first + 4));
    expect([early.status, await codeOf(early)]).toEqual([409, "month_not_over"]);

    const frozen = await Promise.all(
      Array.from({ length: 6 }, async () =>
        bodyOf<Statement>(await creators[0]!.call("POST", at("distribute"))),
      ),
    );
    expect(new Set(frozen.map(({ frozenAt }) => frozenAt)).size).toBe(1);
    expect(frozen[0]!.frozenAt).not.toBeNull();
    // 1.75 of the later month is still to be claimed, by anyone.
    expect(frozen[0]!.calls).toMatchObject([{ kind: "claim", amount: "1.75", member: null }]);
    await sign(api, customer.wallet, frozen[0]!.calls[0]!.call as never);
    await mirrored();
    const after = await bodyOf<Statement>(await creators[0]!.call("POST", at("distribute")));
    expect(after.calls.map(({ kind, amount }) => [kind, amount])).toEqual([
      ["draw", "0.875"],
      ["draw", "0.525"],
      ["draw", "0.35"],
    ]);
    expect(after.frozenAt).toBe(frozen[0]!.frozenAt);

    type Groups = z.infer<typeof groupEarningsSchema>;
    const { groups } = await bodyOf<Groups>(
      await creators[0]!.call("GET", "/api/group-revenue/my-group-earnings"),
    );
    expect(groups).toMatchObject([{ pool: "71.75", mine: "35.875", models: [{ name: "Shared" }] }]);
  }, 60_000);

  it("has a deposit for metered use in it that its payer left", async () => {
    const amount = 5n * USDT;
    const account = accountRef("user", customer.id);
    await sign(api, customer.wallet, usdtCall(chain(), "approve", [chain().aiforge, amount]));
    await sign(
      api,
      customer.wallet,
      aiforgeCall(chain(), "depositUsage", [account, amount, amount, FROM_WALLET]),
    );
    await sign(api, customer.wallet, aiforgeCall(chain(), "leaveUsage", []));
    await mirrored();
    const { upcoming, claims } = await earningsOf(customer);
    expect(claims).toEqual([]);
    expect(upcoming).toMatchObject([{ kind: "usage", amount: "5.00" }]);
    await turnTo(BigInt(Date.parse(upcoming[0]!.availableAt) / 1000) + WINDOW);
    const [usage] = (await earningsOf(customer)).claims;
    expect(usage).toMatchObject({ kind: "usage", amount: "5.00" });
    await sign(api, customer.wallet, usage!.call as never);
    await mirrored();
    const [credit] = (await earningsOf(customer)).claims;
    const before = await balanceOf(customer.wallet);
    await sign(api, customer.wallet, credit!.call as never);
    expect((await balanceOf(customer.wallet)) - before).toBe(amount);
  }, 60_000);
});

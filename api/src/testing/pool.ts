import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { accountRef, aiforgeAbi, demoAccount, monthOf, monthStart, usdtAbi } from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { parseAbiItem } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { testClient } from "../../../scripts/testing/chain.ts";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../chain/calls.ts";
import { insertUsage, type UsageRow } from "../features/keys/queries.ts";
import type { ModelView } from "../features/models/shapes.ts";
import { confirmedTime, runDistribution, type Step } from "../features/revenue/run.ts";
import type { distributionSchema, earningsSchema } from "../features/revenue/shapes.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "./harness.ts";
import { fundedUser, publishedModel, sign } from "./market.ts";
import { type Stack, startStack } from "./stack.ts";
import { bodyOf, send, type TestUser, type TestWalletUser, walletUser } from "./users.ts";

export type Distribution = z.infer<typeof distributionSchema>;
type Earnings = z.infer<typeof earningsSchema>;

export const USDT = 1_000_000n;

const ROOT_POSTED = parseAbiItem(
  "event RootPosted(uint256 indexed month, bytes32 indexed root, uint256 total, uint256 activeAt, string cid)",
);

/** The path of something of a month. @param month as the contract counts */
export const monthPath = (what: string, month: number) =>
  `/api/revenue/${what}/${Math.floor(month / 12)}/${(month % 12) + 1}`;

interface Parts {
  stack: Stack;
  api: TestApi;
  admin: TestWalletUser;
  creators: TestWalletUser[];
  customer: TestWalletUser;
  shared: ModelView;
  own: ModelView;
}

/**
 * A chain of its own, whose clock tests of the creators' pool turn: three creators, a model that they share as 50, 30 and
 * 20 per cent and one of the second's own, and a customer with 10,000 USDT, at the beginning of a month.
 */
export class PoolStand {
  readonly api: TestApi;
  readonly stack: Stack;
  /** Holds the contract's roles. */
  readonly admin: TestWalletUser;
  readonly creators: TestWalletUser[];
  readonly customer: TestWalletUser;
  readonly shared: ModelView;
  readonly own: ModelView;
  /** The month in which all begins, as the contract counts. */
  first = 0;

  private constructor(parts: Parts) {
    this.api = parts.api;
    this.stack = parts.stack;
    this.admin = parts.admin;
    this.creators = parts.creators;
    this.customer = parts.customer;
    this.shared = parts.shared;
    this.own = parts.own;
  }

  static async open(): Promise<PoolStand> {
    const stack = await startStack(process.env.API_TEST_DATABASE_URL!);
    const api = await createTestApi({ DATABASE_URL: stack.databaseUrl, RPC_URL_31337: stack.rpcUrl });
    const admin = await walletUser(api, privateKeyToAccount(demoAccount("deployer").privateKey));
    // One after the other: they are funded by one account.
    const creators = [await fundedUser(api), await fundedUser(api), await fundedUser(api)];
    const customer = await walletUser(api, await fundedWallet(stack.rpcUrl, 10_000n * USDT));
    const split = [5_000, 3_000, 2_000].map((bps, at) => ({ address: creators[at]!.wallet.address, bps }));
    const shared = await publishedModel(api, creators[0]!, { name: "Shared", split });
    const own = await publishedModel(api, creators[1]!, { name: "Own" });
    const stand = new PoolStand({ stack, api, admin, creators, customer, shared, own });
    // A month's last day could end while this runs.
    const { timestamp } = await stand.chain().client.getBlock();
    stand.first = monthOf(timestamp + 86_400n);
    await stand.turnTo(monthStart(stand.first));
    return stand;
  }

  async close(): Promise<void> {
    await this.api.close();
    await this.stack.stop();
  }

  chain = () => this.api.deps.chains.all[0]!;

  distributionOf = async (month: number) =>
    bodyOf<Distribution>(await send(this.api, "GET", monthPath("distribution", month)));

  earningsOf = async (user: TestUser) => bodyOf<Earnings>(await user.call("GET", "/api/revenue/my-earnings"));

  run = () => runDistribution(this.api.deps, this.chain());

  read = (functionName: string, args: unknown[] = []): Promise<unknown> => {
    const { client, aiforge } = this.chain();
    return client.readContract({ address: aiforge, abi: aiforgeAbi, functionName, args } as never);
  };

  balanceOf = ({ address }: { address: `0x${string}` }) => {
    const { client, usdt } = this.chain();
    return client.readContract({ address: usdt, abi: usdtAbi, functionName: "balanceOf", args: [address] });
  };

  rootsPosted = () =>
    this.chain().client.getLogs({ address: this.chain().aiforge, event: ROOT_POSTED, fromBlock: 0n });

  /** Waits until so many roots were posted in all, and the mirror has them. */
  async posted(roots: number): Promise<void> {
    await eventually(`root ${roots} is mined`, async () => (await this.rootsPosted()).length === roots);
    await this.mirrored();
  }

  /** Turns the chain's clock, and waits until the mirror has confirmed blocks of that time. @param time unix seconds */
  async turnTo(time: bigint): Promise<void> {
    const client = testClient(this.stack.rpcUrl);
    const { timestamp } = await client.getBlock();
    if (time > timestamp) await client.increaseTime({ seconds: Number(time - timestamp) });
    await client.mine({ blocks: 3 });
    await eventually("the mirror confirms the time", async () => {
      const now = await confirmedTime(this.api.deps, this.chain());
      return now !== null && now >= time;
    });
  }

  /** Waits until the mirror has the newest block of the chain. */
  async mirrored(): Promise<void> {
    const target = await this.chain().client.getBlockNumber({ cacheTime: 0 });
    await eventually("the mirror is there", async () => {
      const { rows } = await this.api.deps.db.$client.query("SELECT block_number AS at FROM chain.heads");
      return BigInt(rows[0]?.at ?? 0) >= target;
    });
  }

  /** Ends a month, posts its root as the `roots`th, and waits out the veto window. */
  async distribute(month: number, roots: number): Promise<void> {
    await this.turnTo(monthStart(month + 1));
    await this.run();
    await this.posted(roots);
    await this.run();
    const { activeAt } = await this.distributionOf(month);
    await this.turnTo(BigInt(Date.parse(activeAt!) / 1000));
    await this.run();
  }

  /** Buys a month of a plan. @param account one that has none yet, when left out */
  async buyPlan(plan: 1 | 2 | 3, price: bigint, account = accountRef("user", randomUUID())): Promise<void> {
    const { wallet } = this.customer;
    await sign(this.api, wallet, usdtCall(this.chain(), "approve", [this.chain().aiforge, price]));
    const args = [plan, 1n, price, account, FROM_WALLET] as const;
    await sign(this.api, wallet, aiforgeCall(this.chain(), "buyPlan", args));
    await this.mirrored();
  }

  /** Has a model answer so many tokens to the customer in a month, under a paid plan. */
  async use(modelId: string, month: number, tokens: number, more: Partial<UsageRow> = {}): Promise<void> {
    const at = new Date(Number(monthStart(month)) * 1000 + 20 * 86_400_000);
    const row = {
      id: randomUUID(),
      userId: this.customer.id,
      keyId: null,
      modelId,
      promptTokens: tokens - 1,
      completionTokens: 1,
      price: 0n,
      outcome: "served",
      entitlement: "plan",
      plan: 2,
      account: accountRef("user", this.customer.id),
      startedAt: at,
      endedAt: at,
      createdAt: at,
      ...more,
    } as UsageRow;
    await insertUsage(this.api.deps.db, [row]);
  }

  /** A round in a process of its own. @returns the signal that ended it */
  async child(killAt?: Step): Promise<string | null> {
    const { DATABASE_URL, DATA_DIR, AUTH_SECRET, WEIGHTS_SECRET } = this.api.deps.config;
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("./distribution-child.ts", import.meta.url))],
      {
        stdio: "inherit",
        env: {
          ...process.env,
          ...{ DATABASE_URL, DATA_DIR, AUTH_SECRET, WEIGHTS_SECRET },
          RPC_URL_31337: this.stack.rpcUrl,
          LOG_LEVEL: "error",
          ...(killAt ? { KILL_AT: killAt } : {}),
        },
      },
    );
    const [code, signal] = await once(child, "exit");
    if (code) throw new Error(`The round ended with ${code}`);
    return signal;
  }

  /** Has every creator of the shared model take out what is due: the first claims for all. @returns micro-USDT, each */
  async takeOut(): Promise<bigint[]> {
    const paid: bigint[] = [];
    for (const [at, user] of this.creators.entries()) {
      const { claims } = await this.earningsOf(user);
      const claim = claims.find(({ kind }) => kind === (at === 0 ? "pool" : "split"))!;
      const before = await this.balanceOf(user.wallet);
      await sign(this.api, user.wallet, claim.call as never);
      paid.push((await this.balanceOf(user.wallet)) - before);
      await this.mirrored();
    }
    return paid;
  }
}

import { join } from "node:path";
import { createClient, createConfig, getModel } from "@aiforge/api/client";
import {
  aiforgeAbi,
  DEMO_ACCOUNTS,
  demoAccount,
  deployments,
  LOCAL_CHAIN_ID,
  monthOf,
  monthStart,
  type Split,
  usdtAbi,
} from "@aiforge/contracts";
import { type Browser, chromium } from "playwright-core";
import { type Address, createPublicClient, http, type PublicClient } from "viem";
import { foundry } from "viem/chains";
import { ROOT } from "../supervisor/config.ts";
import { rpc } from "../supervisor/rpc.ts";
import { startDocker, type TestDocker } from "../testing/docker.ts";
import { CHROMIUM_FLAGS, findBrowser } from "./browser.ts";
import type { Person } from "./people.ts";
import { newPlace, type Place, removePlace, Stack } from "./stack.ts";
import type { TronLinkWallet, TronSide } from "./tronlink-wallet.ts";

/** The model's file, its name, and what it costs. */
export const FILE = join(ROOT, "models/tiny-chat-q8_0.gguf");
export const NAME = "Fox Tales";
export const { aiforge, usdt } = deployments[LOCAL_CHAIN_ID]!;
export const creatorWallet = demoAccount("creator");
export const customerWallet = demoAccount("customer");
export const members = DEMO_ACCOUNTS.filter(({ index }) => index >= 3 && index <= 5);
export const SHARES = [5_000, 3_000, 2_000];
export const split: Split = { members: members.map(({ address }) => address), bps: SHARES };
export const LATER_SHARES = [6_000, 3_000, 1_000];
export const laterSplit: Split = { ...split, bps: LATER_SHARES };

/** The house that the journey goes through, who goes through it, and what they have made so far. */
export class World {
  place!: Place;
  stack!: Stack;
  browser!: Browser;
  creator!: Person;
  customer!: Person;
  admin!: Person;
  /** Null on a machine that has no engine and cannot start one; in CI there always is one. */
  docker: TestDocker | null = null;
  /** The local Tron, and who pays there with TronLink. */
  tron!: { side: TronSide; buyer: Person; wallet: TronLinkWallet };
  /** Whose wallet does several calls as one. */
  batcher!: Person;
  modelPath = "";
  modelId = "";
  groupPath = "";
  conversationPath = "";
  nodePath = "";
  jobPath = "";
  /** Ids of a job whose dispute was decided, and of one that no node can take. */
  disputedJob = "";
  unservedJob = "";
  secret = "";
  /** The month in which everything is bought. */
  month = 0;

  async open(): Promise<void> {
    const found = await findBrowser(() => {});
    if (found.path === null) throw new Error(found.reason);
    this.docker = await startDocker();
    this.place = await newPlace();
    // The month is distributed when the admin says so, not somewhere in between.
    const env = { DISTRIBUTION_SECONDS: "0", ...(this.docker && { DOCKER_HOST: this.docker.host }) };
    this.stack = await new Stack(this.place, env).ready();
    this.browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS });
  }

  async close(): Promise<void> {
    await this.browser?.close();
    await removePlace(this.place, this.stack);
    await this.docker?.stop();
  }

  get chain(): PublicClient {
    return createPublicClient({ chain: foundry, transport: http(this.place.rpcUrl) });
  }

  /** A client of the API that nobody has signed in. */
  get visitor() {
    return createClient(createConfig({ baseUrl: this.place.apiUrl }));
  }

  /** In micro-USDT. */
  usdtOf(address: Address): Promise<bigint> {
    return this.chain.readContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "balanceOf",
      args: [address],
    });
  }

  /** In micro-USDT. */
  creditOf(address: Address): Promise<bigint> {
    return this.chain.readContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "creditOf",
      args: [address],
    });
  }

  async nodesServing(): Promise<number> {
    const { data } = await getModel({ client: this.visitor, path: { id: this.modelId } });
    return data?.serving.nodes ?? 0;
  }

  /** The chain's time, in unix seconds. */
  async chainTime(): Promise<bigint> {
    return (await this.chain.getBlock()).timestamp;
  }

  /** Lets the chain's next block be at this time, and mines some more, so that it is confirmed. */
  async travelTo(time: bigint): Promise<void> {
    await rpc(this.place.rpcUrl, "evm_setNextBlockTimestamp", [Number(time)]);
    await rpc(this.place.rpcUrl, "anvil_mine", ["0x4"]);
  }

  /** To the month after the one in which everything was bought. */
  async travelToNextMonth(): Promise<void> {
    this.month = monthOf(await this.chainTime());
    await this.travelTo(monthStart(this.month + 1) + 60n);
  }
}

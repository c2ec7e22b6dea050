import { createPublicClient, type Hex, http } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type TestChain, testClient } from "../../scripts/testing/chain.ts";
import {
  aiforgeAbi,
  DEMO_ACCOUNTS,
  demoAccount,
  deployLocal,
  deployments,
  FEES,
  isAiforgeCode,
  LOCAL_CHAIN_ID,
  modelId,
  modelSalt,
  type Split,
  splitId,
  usdtAbi,
} from "./index.ts";

let chain: TestChain;
const deployment = deployments[LOCAL_CHAIN_ID]!;
const aiforge = { address: deployment.aiforge, abi: aiforgeAbi } as const;
const usdt = { address: deployment.usdt, abi: usdtAbi } as const;
const client = () => createPublicClient({ transport: http(chain.rpcUrl) });

beforeAll(async () => {
  chain = await startChain();
});
afterAll(() => chain.stop());

describe("deployLocal", () => {
  it("deploys to the addresses that everyone imports, and hands out USDT and the cashier's gas", async () => {
    // As on a development chain that funds its first ten accounts only.
    const { address: cashier } = demoAccount("cashier");
    await testClient(chain.rpcUrl).setBalance({ address: cashier, value: 0n });
    expect(await deployLocal({ rpcUrl: chain.rpcUrl })).toEqual(deployment);
    expect(await client().readContract({ ...aiforge, functionName: "token" })).toBe(deployment.usdt);
    expect(await client().readContract({ ...aiforge, functionName: "treasury" })).toBe(
      DEMO_ACCOUNTS[2]!.address,
    );
    const code = await client().getCode({ address: deployment.aiforge });
    expect(isAiforgeCode(code)).toBe(true);
    const last = code!.length - 40;
    for (const other of [undefined, code!.slice(0, -64), code!.replace(/..$/, "00"), `${code}00`])
      expect(isAiforgeCode(other as Hex | undefined)).toBe(false);
    expect(isAiforgeCode(`${code!.slice(0, last)}5b${code!.slice(last + 2)}` as Hex)).toBe(false);
    expect(isAiforgeCode(await client().getCode({ address: deployment.usdt }))).toBe(false);
    const balances = await Promise.all(
      DEMO_ACCOUNTS.map(({ address }) =>
        client().readContract({ ...usdt, functionName: "balanceOf", args: [address] }),
      ),
    );
    expect(balances.map((balance) => balance / 1_000_000n)).toEqual(
      [0, 0, 0, 10_000, 0, 0, 10_000, 0, 10_000_000, 10_000, 0].map(BigInt),
    );
    expect(await client().getBalance({ address: cashier })).toBe(10n ** 19n);
  });

  it("does nothing the second time", async () => {
    const before = await client().getBlockNumber({ cacheTime: 0 });
    expect(await deployLocal({ rpcUrl: chain.rpcUrl })).toEqual(deployment);
    expect(await client().getBlockNumber({ cacheTime: 0 })).toBe(before);
  });
});

describe("what the contract says too", () => {
  it("names splits alike", async () => {
    const splits: Split[] = [
      { members: [DEMO_ACCOUNTS[3]!.address], bps: [10_000] },
      { members: DEMO_ACCOUNTS.slice(3, 6).map(({ address }) => address), bps: [5_000, 3_000, 2_000] },
    ];
    for (const split of splits) {
      expect(await client().readContract({ ...aiforge, functionName: "splitIdOf", args: [split] })).toBe(
        splitId(split),
      );
    }
  });

  it("names models alike", async () => {
    const owner = DEMO_ACCOUNTS[3]!.address;
    const salt = modelSalt("3b241101-e2bb-4255-8caf-4136c566a962");
    expect(await client().readContract({ ...aiforge, functionName: "modelIdOf", args: [owner, salt] })).toBe(
      modelId(owner, salt),
    );
  });

  it("takes the same fees", async () => {
    const constant = (
      functionName: "PUBLISH_FEE" | "LISTING_FEE" | "SERVICE_FEE_BPS" | "MONTH" | "GRACE" | "MAX_MONTHS",
    ) => client().readContract({ ...aiforge, functionName });
    expect(await constant("PUBLISH_FEE")).toBe(FEES.publish);
    expect(await constant("LISTING_FEE")).toBe(FEES.listing);
    expect(await constant("SERVICE_FEE_BPS")).toBe(FEES.serviceBps);
    expect(await constant("MONTH")).toBe(FEES.month);
    expect(await constant("GRACE")).toBe(FEES.grace);
    expect(await constant("MAX_MONTHS")).toBe(FEES.maxMonths);
  });
});

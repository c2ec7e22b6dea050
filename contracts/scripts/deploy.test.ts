import { createPublicClient, getContract, http } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { aiforgeAbi, DEMO_ACCOUNTS, type Deployment, demoAccount, deployLocal } from "../src/index.ts";
import { DeployError, deploy } from "./deploy.ts";

let chain: TestChain;
let local: Deployment;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  chain = await startChain();
  local = await deployLocal({ rpcUrl: chain.rpcUrl });
  env = {
    RPC_URL: chain.rpcUrl,
    DEPLOYER_KEY: demoAccount("spare").privateKey,
    USDT_ADDRESS: local.usdt,
    ADMIN: DEMO_ACCOUNTS[0]?.address,
    OPERATOR: DEMO_ACCOUNTS[1]?.address,
    TREASURY: DEMO_ACCOUNTS[2]?.address,
  };
});
afterAll(() => chain.stop());

it("deploys with the roles that were named", async () => {
  const { chainId, aiforge, usdt, startBlock } = await deploy({ ...env, ADMIN_DELAY_SECONDS: "60" });
  expect(chainId).toBe(31_337);
  expect(usdt).toBe(local.usdt);
  const client = createPublicClient({ transport: http(chain.rpcUrl) });
  expect(await client.getBlockNumber()).toBe(BigInt(startBlock));
  const { read } = getContract({ address: aiforge, abi: aiforgeAbi, client });
  expect(await read.token()).toBe(local.usdt);
  expect(await read.defaultAdmin()).toBe(env.ADMIN);
  expect(await read.hasRole([await read.OPERATOR(), DEMO_ACCOUNTS[1]!.address])).toBe(true);
  expect(await read.treasury()).toBe(env.TREASURY);
  expect(await read.defaultAdminDelay()).toBe(60);
});

describe("refuses, before anything is sent,", () => {
  it.each(["RPC_URL", "DEPLOYER_KEY", "USDT_ADDRESS", "ADMIN", "OPERATOR", "TREASURY"])(
    "no %s",
    async (name) => {
      await expect(deploy({ ...env, [name]: undefined })).rejects.toThrow(
        new DeployError(`${name} is not set`),
      );
    },
  );

  it.each<[string, () => Record<string, string>, RegExp]>([
    ["an account for a token", () => ({ USDT_ADDRESS: DEMO_ACCOUNTS[9]!.address }), /There is no token/],
    ["another contract for a token", () => ({ USDT_ADDRESS: local.aiforge }), /There is no token/],
    ["a mistyped address", () => ({ TREASURY: `${local.usdt.slice(0, -1)}0` }), /TREASURY is not an address/],
    ["an operator that is the admin", () => ({ OPERATOR: DEMO_ACCOUNTS[0]!.address }), /must be different/],
    [
      "a key that is none",
      () => ({ DEPLOYER_KEY: "0x12" }),
      /^DEPLOYER_KEY is not 0x and 64 hexadecimal digits$/,
    ],
    ["a delay that is none", () => ({ ADMIN_DELAY_SECONDS: "-1" }), /ADMIN_DELAY_SECONDS/],
  ])("%s", async (_, change, message) => {
    await expect(deploy({ ...env, ...change() })).rejects.toThrow(message);
  });
});

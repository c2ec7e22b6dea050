import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aiforgeBytecode, deployLocal, deployments, LOCAL_CHAIN_ID } from "@aiforge/contracts";
import { deployLocalTron, type LocalTron } from "@aiforge/contracts/localTron";
import type { TronDevnet } from "@aiforge/tron-devnet";
import { keccak256 } from "viem";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startChain, type TestChain, testClient } from "../testing/chain.ts";
import { startTestDevnet } from "../tron-devnet/test/client.ts";
import { compareBytecode } from "./bytecode.ts";

const hash = keccak256(aiforgeBytecode);
const SAME = `the same bytecode as on the EVM chain, Keccak-256 ${hash}`;
let folder: string;
let chain: TestChain;
let devnet: TronDevnet;
let local: LocalTron;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bytecode-"));
  [chain, devnet] = await Promise.all([startChain(), startTestDevnet()]);
  await deployLocal({ rpcUrl: chain.rpcUrl });
  local = await deployLocalTron({ url: devnet.url, file: join(folder, "deployment.json") });
});
afterAll(async () => {
  await Promise.all([chain?.stop(), devnet?.close()]);
  await rm(folder, { recursive: true, force: true });
});

it("says with its hash that both chains run the same bytecode", async () => {
  expect(await compareBytecode(devnet.url, local, chain.rpcUrl)).toContain(SAME);
});

it("tells another contract on Tron", async () => {
  const said = await compareBytecode(devnet.url, { ...local, aiforge: local.usdt }, chain.rpcUrl);
  expect(said).toContain("another bytecode than on the EVM chain");
  expect(said).not.toContain(hash);
});

it("gives the hash alone where there is no local EVM chain", async () => {
  expect(await compareBytecode(devnet.url, local, null)).toMatch(new RegExp(`, bytecode ${hash}$`));
});

it("tells other code on the EVM chain", async () => {
  const { aiforge } = deployments[LOCAL_CHAIN_ID]!;
  await testClient(chain.rpcUrl).setCode({ address: aiforge, bytecode: "0x00" });
  expect(await compareBytecode(devnet.url, local, chain.rpcUrl)).toContain("another bytecode than");
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, zeroAddress } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TronDevnet } from "../../scripts/tron-devnet/src/index.ts";
import { startTestDevnet } from "../../scripts/tron-devnet/test/client.ts";
import { aiforgeAbi } from "./compiled/aiforgeAbi.ts";
import { aiforgeBytecode } from "./compiled/aiforgeBytecode.ts";
import { usdtAbi } from "./compiled/usdtAbi.ts";
import { DEMO_ACCOUNTS, demoAccount } from "./demoAccounts.ts";
import { checkLocalTron, deployLocalTron, type LocalTron, readLocalTron } from "./localTron.ts";
import { tronTransport } from "./tron/index.ts";

let devnet: TronDevnet;
let folder: string;
let file: string;
let local: LocalTron;
const client = () => createPublicClient({ transport: tronTransport(devnet.url, { timeoutMs: 60_000 }) });
const deploy = () => deployLocalTron({ url: devnet.url, file });
const usdtOf = (at: LocalTron, role: Parameters<typeof demoAccount>[0]) =>
  client().readContract({
    address: at.usdt,
    abi: usdtAbi,
    functionName: "balanceOf",
    args: [demoAccount(role).address],
  });

beforeAll(async () => {
  devnet = await startTestDevnet();
  folder = await mkdtemp(join(tmpdir(), "local-tron-"));
  file = join(folder, "deployment.json");
  local = await deploy();
});
afterAll(async () => {
  await devnet?.close();
  await rm(folder, { recursive: true, force: true });
});

test("USDT and AIForge are on the solid chain, and whoever signs has TRX", async () => {
  const read = { address: local.aiforge, abi: aiforgeAbi, blockTag: "finalized" } as const;
  expect((await client().readContract({ ...read, functionName: "token" })).toLowerCase()).toBe(local.usdt);
  expect(await client().readContract({ ...read, functionName: "permit2" })).toBe(zeroAddress);
  const held = await Promise.all(DEMO_ACCOUNTS.map(({ address }) => client().getBalance({ address })));
  expect(held.every((sun) => sun > 10_000_000_000n)).toBe(true);
  expect(await usdtOf(local, "faucet")).toBe(10_000_000_000_000n);
  expect(await usdtOf(local, "customer")).toBe(10_000_000_000n);
  const stored = await fetch(`${devnet.url}/wallet/getcontract?value=41${local.aiforge.slice(2)}`);
  const { bytecode } = (await stored.json()) as { bytecode: string };
  expect(`0x${bytecode}`.startsWith(aiforgeBytecode)).toBe(true);
});

test("a second time nothing is sent", async () => {
  const head = devnet.head();
  expect(await deploy()).toEqual(local);
  expect(await readLocalTron(file)).toEqual(local);
  expect(devnet.head()).toBe(head);
});

test("what was cut off goes on: what is there stays, and nobody gets USDT twice", async () => {
  const { genesis, usdt } = local;
  await writeFile(file, JSON.stringify({ genesis, usdt }));
  expect(await readLocalTron(file)).toBeNull();
  const resumed = await deploy();
  expect(resumed).toMatchObject({ genesis, usdt });
  expect(resumed.aiforge).not.toBe(local.aiforge);
  expect(await usdtOf(resumed, "faucet")).toBe(10_000_000_000_000n);
  expect(await usdtOf(resumed, "deployer")).toBe(0n);
  local = resumed;
});

test("a file of another chain, or of something else, is refused and kept", async () => {
  // It begins at another millisecond.
  await using other = await startTestDevnet({ slotMs: 1 });
  await expect(deployLocalTron({ url: other.url, file })).rejects.toThrow("is of another chain");
  await expect(checkLocalTron(other.url, local)).rejects.toThrow("not of the chain that runs");
  await expect(checkLocalTron(devnet.url, { ...local, aiforge: local.usdt })).rejects.toThrow(
    "not of the chain",
  );
  expect(await readLocalTron(file)).toEqual(local);
  for (const text of ["", "{", "{}", JSON.stringify({ ...local, usdt: "0x12" })]) {
    await writeFile(file, text);
    await expect(readLocalTron(file)).rejects.toThrow("is no deployment of a local Tron");
    await expect(deploy()).rejects.toThrow("is no deployment of a local Tron");
    expect(await readFile(file, "utf8")).toBe(text);
  }
});

test("another Tron is left alone", async () => {
  await using other = await startTestDevnet({ chainId: 0xcd8690dc });
  const elsewhere = join(folder, "nile.json");
  await expect(deployLocalTron({ url: other.url, file: elsewhere })).rejects.toThrow("is not a local Tron");
  expect(other.head()).toBe(1);
});

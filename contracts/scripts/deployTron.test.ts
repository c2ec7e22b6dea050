import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTronDevnet, type TronDevnet } from "../../scripts/tron-devnet/src/index.ts";
import { aiforgeAbi, demoAccount, showTronAddress, tronAddress } from "../src/index.ts";
import { deployLocalTron, type LocalTron } from "../src/localTron.ts";
import { tronTransport } from "../src/tron/index.ts";
import { deployTron } from "./deployTron.ts";

let devnet: TronDevnet;
let folder: string;
let local: LocalTron;
const roles = { ADMIN: "creator", OPERATOR: "operator", TREASURY: "treasury" } as const;
const env = () => ({
  TRON_URL: devnet.url,
  DEPLOYER_KEY: demoAccount("spare").privateKey,
  USDT_ADDRESS: showTronAddress(local.usdt),
  ...Object.fromEntries(
    Object.entries(roles).map(([name, role]) => [name, showTronAddress(demoAccount(role).address)]),
  ),
});

/** Runs it and collects what it prints. */
async function run(change: Record<string, string> = {}, yes = true) {
  const lines: string[] = [];
  const confirm = async () => yes;
  const result = await deployTron({ ...env(), ...change }, { confirm, print: (line) => lines.push(line) });
  return { result, lines };
}

beforeAll(async () => {
  devnet = await startTronDevnet({ blockTime: 50 });
  folder = await mkdtemp(join(tmpdir(), "deploy-tron-"));
  local = await deployLocalTron({ url: devnet.url, file: join(folder, "deployment.json") });
}, 120_000);
afterAll(async () => {
  await devnet?.close();
  await rm(folder, { recursive: true, force: true });
});

test("deploys to a Tron, waits until it is solid, and says what to set", { timeout: 120_000 }, async () => {
  const { result, lines } = await run();
  expect(lines.join()).toMatch(/chain {6}tron:0x74646576.*cost {7}about \d+\.?\d* TRX/);
  expect(result).toMatchObject({ CHAIN: "tron:0x74646576", TRON_USDT_ADDRESS: env().USDT_ADDRESS });
  const client = createPublicClient({ transport: tronTransport(devnet.url, { timeoutMs: 60_000 }) });
  const address = tronAddress(result?.TRON_AIFORGE_ADDRESS ?? "");
  expect(Number(result?.TRON_START_BLOCK)).toBeLessThanOrEqual(devnet.solid());
  expect(await client.readContract({ address, abi: aiforgeAbi, functionName: "defaultAdmin" })).toBe(
    demoAccount("creator").address,
  );
});

test("sends nothing without a yes, nor when something is wrong", { timeout: 120_000 }, async () => {
  const client = createPublicClient({ transport: tronTransport(devnet.url, { timeoutMs: 60_000 }) });
  const spare = demoAccount("spare").address;
  const before = await client.getBalance({ address: spare });
  expect(await run({}, false)).toMatchObject({ result: null });
  const wrong: [Record<string, string>, string][] = [
    [{ TRON_URL: "" }, "TRON_URL is not set"],
    [{ TRON_URL: "http://127.0.0.1:9" }, "No Tron answers"],
    [{ DEPLOYER_KEY: "0x12" }, "DEPLOYER_KEY is not"],
    [{ ADMIN: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u" }, "ADMIN is not a Tron address"],
    [{ OPERATOR: showTronAddress(demoAccount("creator").address) }, "must be different wallets"],
    [{ USDT_ADDRESS: showTronAddress(local.aiforge) }, "There is no token"],
    [{ USDT_ADDRESS: showTronAddress(spare) }, "There is no token"],
    [{ DEPLOYER_KEY: `0x${"7".repeat(64)}` }, "cannot pay"],
    [{ TREASURY: showTronAddress(`0x${"00".repeat(20)}`) }, "TREASURY is the zero address"],
  ];
  for (const [change, message] of wrong) await expect(run(change)).rejects.toThrow(message);
  expect(await client.getBalance({ address: spare })).toBe(before);
});

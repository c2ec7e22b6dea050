import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  aiforgeAbi,
  demoAccount,
  deployments,
  LOCAL_CHAIN_ID,
  LOCAL_TRON_ID,
  usdtAbi,
} from "@aiforge/contracts";
import { tronTransport } from "@aiforge/contracts/tron";
import { createPublicClient, createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { LOCAL_TRON } from "../supervisor/config.ts";
import { findMarked } from "../supervisor/process-table.ts";
import { newPlace, type Place, removePlace, Stack } from "./stack.ts";

// Each starts the whole house, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 });

const { usdt } = deployments[LOCAL_CHAIN_ID]!;
const recipient = "0x00000000000000000000000000000000000f0f0f";
const SENTENCE = /^[A-Z“"].*[.)]\n?$/;

let place: Place;
let stack: Stack | undefined;
const chain = () => createPublicClient({ chain: foundry, transport: http(place.rpcUrl) });
const balance = () =>
  chain().readContract({ address: usdt, abi: usdtAbi, functionName: "balanceOf", args: [recipient] });
const start = async (env: NodeJS.ProcessEnv = {}) => {
  stack = new Stack(place, { AIFORGE_SEED: "0", ...env });
  return stack.ready();
};
/** Where AIForge is on the local Tron, by the api. */
async function aiforgeOnTron(): Promise<string | undefined> {
  const answer = await fetch(`${place.apiUrl}/api/chains`);
  const { chains } = (await answer.json()) as { chains: { chain: string; aiforge: string }[] };
  return chains.find(({ chain }) => chain === LOCAL_TRON)?.aiforge;
}
/** Whether Tron's mirror has been at the newest solid block. */
const tronIsMirrored = async () =>
  (await fetch(`http://127.0.0.1:${place.ports.tronMirror}/ready`).catch(() => null))?.status;
let onTron: string | undefined;

async function pay(): Promise<void> {
  const wallet = createWalletClient({
    account: privateKeyToAccount(demoAccount("faucet").privateKey),
    chain: foundry,
    transport: http(place.rpcUrl),
  });
  const hash = await wallet.writeContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "transfer",
    args: [recipient, 1_000_000n],
  });
  await chain().waitForTransactionReceipt({ hash, pollingInterval: 100 });
}

/** The stack's last line, when it ends by itself. */
async function lastWords(failing: Stack): Promise<string> {
  expect(await failing.exited).toBe(1);
  return failing.output.trimEnd().split("\n").at(-1) ?? "";
}

beforeAll(async () => {
  place = await newPlace();
});
afterAll(() => removePlace(place, stack));

describe("the processes", () => {
  it("start, answer, and leave none behind on SIGTERM", async () => {
    const running = await start();
    expect((await fetch(`${place.webUrl}/api/health`)).status).toBe(200);
    expect((await fetch(place.webUrl)).status).toBe(200);
    expect((await findMarked(place.dataDir)).length).toBeGreaterThanOrEqual(8);
    await expect.poll(tronIsMirrored, { timeout: 60_000 }).toBe(200);
    onTron = await aiforgeOnTron();
    expect(onTron).toMatch(/^0x[0-9a-f]{40}$/);
    await pay();
    expect(await running.stop("SIGTERM")).toBe(0);
    expect(await findMarked(place.dataDir)).toEqual([]);
  });

  it("go on where they were", async () => {
    await start();
    expect(await balance()).toBe(1_000_000n);
    expect(await aiforgeOnTron()).toBe(onTron);
  });

  it("let a page read and pay on the local Tron, and not turn it", async () => {
    const node = `${place.webUrl}/tron/${LOCAL_TRON_ID}`;
    const client = createPublicClient({ transport: tronTransport(node, { timeoutMs: 60_000 }) });
    const token = { address: onTron as `0x${string}`, abi: aiforgeAbi, functionName: "token" } as const;
    expect(await client.getChainId()).toBe(LOCAL_TRON_ID);
    expect(await client.readContract(token)).toMatch(/^0x/);
    const mine = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    expect((await fetch(`${node}/devnet/mine`, mine)).status).toBe(403);
  });

  it("refuse a second instance on the same data, and a port in use, in one sentence", async () => {
    const second = await lastWords(new Stack(place));
    expect(second).toMatch(SENTENCE);
    expect(second).toContain("already running");

    const other = await newPlace();
    const holder = createServer().listen(other.ports.api, "127.0.0.1");
    try {
      const refused = new Stack(other);
      const sentence = await lastWords(refused);
      expect(sentence).toMatch(SENTENCE);
      expect(sentence).toContain(`Port ${other.ports.api}`);
      expect(sentence).toContain("API_PORT");
      expect(refused.output.trim()).toBe(sentence);
      expect(await findMarked(other.dataDir)).toEqual([]);
    } finally {
      holder.close();
      await removePlace(other);
    }
  });

  it("lose nothing when all of them are killed", async () => {
    await pay();
    // What is paid is saved with its block; the chain's own save runs at the same beat.
    await sleep(1_500);
    const pids = await findMarked(place.dataDir);
    for (const pid of [stack!.pid, ...pids]) process.kill(pid, "SIGKILL");
    await stack!.exited;
    await start();
    expect(await balance()).toBe(2_000_000n);
    expect(await aiforgeOnTron()).toBe(onTron);
    await expect.poll(tronIsMirrored, { timeout: 60_000 }).toBe(200);
  });

  it("find what a killed supervisor left running", async () => {
    process.kill(stack!.pid, "SIGKILL");
    await stack!.exited;
    await start();
    expect(stack!.output).toMatch(/Stopped \d+ processes that an earlier start had left behind\./);
    expect(await balance()).toBe(2_000_000n);
  });

  it("all stop when one of them is killed, and say which", async () => {
    const health = await fetch(`${place.apiUrl}/api/health`);
    expect(health.status).toBe(200);
    const { pid } = JSON.parse(await readFile(`${place.dataDir}/run/api.json`, "utf8"));
    process.kill(pid, "SIGKILL");
    const sentence = await lastWords(stack!);
    expect(sentence).toMatch(/^The API was killed \(SIGKILL\)/);
    expect(await findMarked(place.dataDir)).toEqual([]);
  });
});

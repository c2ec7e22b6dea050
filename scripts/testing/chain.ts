import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DEMO_ACCOUNTS } from "@aiforge/contracts";
import { createTestClient, http, publicActions, walletActions } from "viem";
import { foundry } from "viem/chains";
import { freePort } from "./postgres.ts";

export interface TestChain {
  rpcUrl: string;
  stop: () => Promise<void>;
}

/** Path of the native anvil that npm installed; its npm wrapper would survive a kill as an orphan's parent. */
export function anvilPath(): string {
  const require = createRequire(import.meta.url);
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const executable = process.platform === "win32" ? "anvil.exe" : "anvil";
  return join(dirname(require.resolve(`${name}/package.json`)), "bin", executable);
}

/**
 * Starts a real EVM chain (anvil, chain id 31337) on a free port.
 * @param blockTime seconds between blocks; omitted, a block is mined for each transaction.
 */
export async function startChain({ blockTime }: { blockTime?: number } = {}): Promise<TestChain> {
  const port = await freePort();
  const args = ["--port", String(port), "--host", "127.0.0.1", "--hardfork", "prague", "--silent"];
  // Anvil funds and unlocks ten by itself.
  args.push("--accounts", String(DEMO_ACCOUNTS.length));
  if (blockTime) args.push("--block-time", String(blockTime));
  const child = spawn(anvilPath(), args, { stdio: "ignore", detached: false });
  const rpcUrl = `http://127.0.0.1:${port}`;
  const client = testClient(rpcUrl);
  const deadline = Date.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`anvil exited with ${child.exitCode}`);
    try {
      await client.getChainId();
      break;
    } catch (error) {
      if (Date.now() > deadline) throw new Error("anvil did not answer within 20 s", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    rpcUrl,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
}

/** A client that may mine, snapshot and revert the test chain. */
export function testClient(rpcUrl: string) {
  return createTestClient({
    chain: foundry,
    mode: "anvil",
    transport: http(rpcUrl, { retryCount: 0 }),
    pollingInterval: 50,
  })
    .extend(publicActions)
    .extend(walletActions);
}

/**
 * Takes the chain back to a snapshot, but not its clock: anvil turns that back to the snapshot's block, however long ago
 * that was, and every later test on the chain would live in the past.
 */
export async function revertTo(client: ReturnType<typeof testClient>, id: `0x${string}`): Promise<void> {
  const before = await client.getBlock();
  await client.revert({ id });
  const after = await client.getBlock();
  const now = BigInt(Math.floor(Date.now() / 1000));
  const time = before.timestamp > now ? before.timestamp : now;
  await client.increaseTime({ seconds: Number(time - after.timestamp) });
}

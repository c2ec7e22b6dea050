import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_ACCOUNTS, deployments, usdtAbi } from "@aiforge/contracts";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { testClient } from "../../../scripts/testing/chain.ts";
import { createApp } from "../app.ts";
import { readConfig } from "../config.ts";
import type { Router } from "../core/http.ts";
import { createDeps, type Deps } from "../deps.ts";
import type { SchedulerTimes } from "../features/jobs/scheduler/scheduler.ts";
import type { HubTimes } from "../features/nodes/hub.ts";
import { checkingLimits } from "./declared.ts";

export const ORIGIN = "http://localhost:3000";

export interface TestApi {
  app: Router;
  deps: Deps;
  rpcUrl: string;
  close: () => Promise<void>;
}

/** The api over the run's shared Postgres, chain and mirror; `env` overrides its configuration, `nodeTimes` the hub's. */
export async function createTestApi(
  env: Record<string, string> = {},
  nodeTimes: Partial<HubTimes> = {},
  schedulerTimes: Partial<SchedulerTimes> = {},
): Promise<TestApi> {
  const { API_TEST_DATABASE_URL, API_TEST_RPC_URL } = process.env;
  if (!API_TEST_DATABASE_URL || !API_TEST_RPC_URL)
    throw new Error("The api's global test stack did not start");
  const dataDir = await mkdtemp(join(tmpdir(), "aiforge-api-"));
  const config = readConfig({
    DATABASE_URL: API_TEST_DATABASE_URL,
    RPC_URL_31337: API_TEST_RPC_URL,
    DATA_DIR: dataDir,
    // One for the whole run: the keys in the shared database are encrypted with it.
    AUTH_SECRET: "a secret of the tests, which share one database",
    WEIGHTS_SECRET: "another secret of the tests, for the keys of weights",
    PUBLIC_URL: ORIGIN,
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? "silent",
    // A busy machine's node takes its time.
    CHAIN_READ_MS: "20000",
    // All test requests come from one client.
    AUTH_ATTEMPTS_PER_CLIENT: "1000000",
    ...env,
  });
  const deps = createDeps(config, { connections: 10, nodeTimes, schedulerTimes });
  return {
    app: checkingLimits(createApp(deps)),
    deps,
    rpcUrl: env.RPC_URL_31337 ?? API_TEST_RPC_URL,
    close: async () => {
      deps.nodes.stop();
      await deps.scheduler.stop();
      await deps.fleet.idle();
      await deps.bus.stop();
      await deps.keys.flush();
      await deps.gateway.usage.idle();
      await deps.storage.close();
      await deps.db.$client.end();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A new wallet with 100 ETH and `usdt` micro-USDT, transferred from the local faucet account. */
export async function fundedWallet(rpcUrl: string, usdt = 100_000_000n): Promise<PrivateKeyAccount> {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const client = testClient(rpcUrl);
  await client.setBalance({ address: wallet.address, value: 100n * 10n ** 18n });
  const faucet = privateKeyToAccount(DEMO_ACCOUNTS[8]!.privateKey);
  const hash = await client.writeContract({
    account: faucet,
    address: deployments[31337]!.usdt,
    abi: usdtAbi,
    functionName: "transfer",
    args: [wallet.address, usdt],
  });
  await client.waitForTransactionReceipt({ hash });
  return wallet;
}

/** Polls until `check` returns something truthy; the error says what was waited for. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T>,
  ms = 90_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

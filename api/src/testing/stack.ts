import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { demoAccount, deployLocal } from "@aiforge/contracts";
import { startChain } from "../../../scripts/testing/chain.ts";
import { createDatabase, freePort } from "../../../scripts/testing/postgres.ts";
import { openDatabase } from "../db/client.ts";
import { migrate } from "../db/migrate.ts";

export interface Stack {
  databaseUrl: string;
  rpcUrl: string;
  stop: () => Promise<void>;
}

/**
 * A chain with the contract, its mirror, and a database with both the mirror's views and the api's tables, all real.
 * A test that turns the chain's clock needs one of its own: the run shares its chain.
 * @param serverUrl any database of the Postgres server to use
 */
export async function startStack(serverUrl: string, { blockTime = 1 } = {}): Promise<Stack> {
  const chain = await startChain({ blockTime });
  await deployLocal({ rpcUrl: chain.rpcUrl });
  const database = await createDatabase(serverUrl);
  const mirrorPort = await freePort();
  const log: string[] = [];
  const mirror = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../../indexer/src/main.ts", import.meta.url))],
    {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        RPC_URL_31337: chain.rpcUrl,
        AIFORGE_CASHIER_ADDRESS_31337: demoAccount("cashier").address,
        INDEXER_PORT: String(mirrorPort),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  for (const stream of [mirror.stdout, mirror.stderr]) stream.on("data", (chunk) => log.push(String(chunk)));
  const stopMirror = () =>
    new Promise<void>((resolve) => {
      if (mirror.exitCode !== null) return resolve();
      mirror.once("exit", () => resolve());
      mirror.kill("SIGTERM");
    });
  const db = openDatabase(database.url, { max: 2 });
  const deadline = Date.now() + 120_000;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${mirrorPort}/ready`).then(
      (response) => response.ok,
      () => false,
    );
    const views = await db.$client.query(
      "SELECT to_regclass('chain.service_purchases') IS NOT NULL AS there",
    );
    if (ready && views.rows[0].there) break;
    if (mirror.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The mirror did not become ready:\n${log.join("").slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await migrate(db);
  await db.$client.end();
  return {
    databaseUrl: database.url,
    rpcUrl: chain.rpcUrl,
    stop: async () => {
      await stopMirror();
      await chain.stop();
      await database.drop();
    },
  };
}

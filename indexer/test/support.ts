import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { demoAccount } from "@aiforge/contracts";
import pg from "pg";
import type { testClient } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Asks until the answer is truthy; generous, because a busy machine is slow but not wrong. */
export async function until<T>(what: string, ask: () => Promise<T>, ms = 120_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask().catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
      return null;
    });
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`Waited ${ms / 1000} s in vain: ${what}`);
    await sleep(50);
  }
}

export interface TestMirror {
  port: number;
  /** Everything it printed. */
  lines: string[];
  child: ChildProcess;
  /** Exit code, or the signal that ended it. */
  exited: Promise<number | string>;
  ready: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts the mirror as a process, the way an operator does. */
export function startMirror(env: {
  databaseUrl: string;
  rpcUrl: string;
  port?: number;
  startBlock?: number;
  /** The wallet whose incoming USDT is mirrored; empty for none, the demo cashier when left out. */
  cashier?: string;
}): TestMirror {
  // Below the range that outgoing connections use: Ponder takes seconds to come to the port.
  const port = env.port ?? randomInt(20_000, 32_000);
  const lines: string[] = [];
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: env.databaseUrl,
      RPC_URL_31337: env.rpcUrl,
      INDEXER_PORT: String(port),
      AIFORGE_START_BLOCK_31337: String(env.startBlock ?? 0),
      AIFORGE_CASHIER_ADDRESS_31337: env.cashier ?? demoAccount("cashier").address,
      // Ponder begins with 20 requests a second, of which looking for blocks must leave some.
      INDEXER_POLLING_MS: "250",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  let ended = false;
  const exited = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => {
      ended = true;
      resolve(signal ?? code ?? "unknown");
    });
  });
  return {
    port,
    lines,
    child,
    exited,
    ready: async () => {
      await until(`the mirror to be ready; it said: ${lines.join(" | ")}`, async () => {
        if (ended) throw new Error(`the mirror ended: ${lines.join("\n")}`);
        const response = await fetch(`http://127.0.0.1:${port}/ready`);
        return response.status === 200;
      });
    },
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Runs one query. */
export async function query<T extends pg.QueryResultRow>(databaseUrl: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/**
 * The content of every table that the api reads: rows as canonical JSON (keys in a fixed order, no spaces that vary), in
 * the order of their bytes, and the SHA-256 of all of it. The head's position is not content.
 */
export async function mirrorContent(
  databaseUrl: string,
): Promise<{ rows: Record<string, string[]>; hash: string }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const views = await client.query<{ name: string }>(
      "SELECT viewname AS name FROM pg_views WHERE schemaname = 'chain' AND viewname <> 'heads' ORDER BY 1",
    );
    const rows: Record<string, string[]> = {};
    for (const { name } of views.rows) {
      const result = await client.query<{ row: string }>(
        `SELECT to_jsonb(t)::text COLLATE "C" AS row FROM chain.${pg.escapeIdentifier(name)} t ORDER BY 1`,
      );
      rows[name] = result.rows.map(({ row }) => row);
    }
    return { rows, hash: createHash("sha256").update(JSON.stringify(rows)).digest("hex") };
  } finally {
    await client.end();
  }
}

/** One hash for everything that the mirror says: equal states have equal hashes. */
export const stateHash = async (databaseUrl: string): Promise<string> =>
  (await mirrorContent(databaseUrl)).hash;

/** Throws away every row and everything fetched, as if the mirror had never run. */
export async function wipe(databaseUrl: string): Promise<void> {
  const builds = await query<{ name: string }>(
    databaseUrl,
    "SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, 'deploy_')",
  );
  for (const { name } of [...builds, { name: "chain" }, { name: "ponder_sync" }]) {
    await query(databaseUrl, `DROP SCHEMA ${pg.escapeIdentifier(name)} CASCADE`);
  }
}

/** The state of a mirror which never saw anything but the chain as it is now. */
export async function freshState(
  rpcUrl: string,
  client: ReturnType<typeof testClient>,
): Promise<Awaited<ReturnType<typeof mirrorContent>>> {
  const database = await createDatabase();
  const mirror = startMirror({ databaseUrl: database.url, rpcUrl });
  try {
    await mirror.ready();
    await caughtUp(database.url, client);
    return await mirrorContent(database.url);
  } finally {
    await mirror.stop();
    await database.drop();
  }
}

/** Waits until the mirror has seen the chain's newest block. */
export async function caughtUp(databaseUrl: string, client: ReturnType<typeof testClient>): Promise<void> {
  const block = await client.getBlockNumber({ cacheTime: 0 });
  await until(`block ${block} to be mirrored`, async () => {
    const rows = await query<{ block_number: string }>(databaseUrl, "SELECT block_number FROM chain.heads");
    return rows[0] !== undefined && BigInt(rows[0].block_number) >= block;
  });
}

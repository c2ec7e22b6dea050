import { randomInt } from "node:crypto";
import pg from "pg";
import { readTronConfig, type TronConfig } from "../../tron/config.ts";
import { runWatcher } from "../../tron/watcher.ts";
import { query, until } from "../support.ts";

export const AIFORGE = "0x00000000000000000000000000000000000a1f04" as const;
export const USDT = "0x0000000000000000000000000000000000005d17" as const;
export const CASHIER = "0x000000000000000000000000000000000000ca54" as const;
export const SENDER = "0x00000000000000000000000000000000000005e4" as const;

/** Settings of a watcher on test nodes. */
export function configFor(databaseUrl: string, urls: string[], env: Record<string, string> = {}): TronConfig {
  const config = readTronConfig({
    DATABASE_URL: databaseUrl,
    TRON_URL: urls.join(","),
    TRON_AIFORGE_ADDRESS: AIFORGE,
    TRON_USDT_ADDRESS: USDT,
    TRON_CASHIER_ADDRESS: CASHIER,
    TRON_POLLING_MS: "50",
    TRON_RECONCILE_MS: "0",
    TRON_WATCHER_PORT: String(randomInt(20_000, 32_000)),
    ...env,
  });
  if (!config) throw new Error("No Tron is configured");
  return config;
}

export interface TestWatcher {
  config: TronConfig;
  lines: string[];
  get: (path: string) => Promise<{ status: number; body: string }>;
  stop: () => Promise<void>;
}

/** Runs a watcher in this process. */
export function watch(config: TronConfig): TestWatcher {
  const stop = new AbortController();
  const lines: string[] = [];
  const done = runWatcher(config, { signal: stop.signal, log: (line) => lines.push(line) });
  done.catch((error: unknown) => lines.push(`ended: ${error}`));
  return {
    config,
    lines,
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${config.port}${path}`);
      return { status: response.status, body: await response.text() };
    },
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

/** Schema of the rows that the newest watcher keeps. */
export const rowsSchemaIn = async (databaseUrl: string): Promise<string> =>
  (await query<{ rows_schema: string }>(databaseUrl, "SELECT rows_schema FROM tron.cursor"))[0]
    ?.rows_schema ?? "";

/** Waits until a block is written. */
export async function scanned(
  databaseUrl: string,
  block: number,
  lines: string[] = [],
  ms?: number,
): Promise<void> {
  const written = async () => {
    if (lines.some((line) => line.includes("again, because"))) throw new Error(lines.join("\n"));
    const rows = await query<{ number: string }>(databaseUrl, "SELECT number FROM tron.cursor");
    return Number(rows[0]?.number) >= block;
  };
  await until(`block ${block} to be written`, written, ms);
}

/** Every row of every table, and of the kept logs, as text in a fixed order. */
export async function tronContent(databaseUrl: string): Promise<Record<string, string[]>> {
  const schema = await rowsSchemaIn(databaseUrl);
  const tables = await query<{ name: string }>(
    databaseUrl,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace('${schema}') AND relkind = 'r' ORDER BY 1`,
  );
  const relations = [...tables.map(({ name }) => [schema, name] as const), ["tron", "logs"] as const];
  const each = relations.map(
    ([within, name]) =>
      `SELECT '${name}' AS name, to_jsonb(t)::text COLLATE "C" AS row FROM ${within}.${pg.escapeIdentifier(name)} t`,
  );
  const content: Record<string, string[]> = Object.fromEntries(relations.map(([, name]) => [name, []]));
  const all = `${each.join(" UNION ALL ")} ORDER BY 1, 2`;
  for (const { name, row } of await query<{ name: string; row: string }>(databaseUrl, all)) {
    content[name]?.push(row);
  }
  return content;
}

/** The transfers to the cashier: what was sent in which transaction. */
export const transfersIn = async (databaseUrl: string): Promise<{ tx_hash: string; amount: string }[]> =>
  query(
    databaseUrl,
    `SELECT tx_hash, amount FROM ${await rowsSchemaIn(databaseUrl)}.transfers ORDER BY block_number, log_index`,
  );

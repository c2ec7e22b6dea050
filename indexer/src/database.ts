import pg from "pg";
import { BUILD_SCHEMA_PREFIX } from "./build.ts";
import { MirrorFailure, oneLine } from "./failure.ts";
import { servedSchemas, serveNothing } from "./views.ts";

const LOCK = "hashtextextended('aiforge.mirror', 0)";
/** Postgres notices within moments that a killed mirror's connection is gone. */
const LOCK_WAIT_MS = 3_000;

/**
 * Connects and takes the database for this mirror alone: two mirrors writing one schema would corrupt it.
 * The lock lives as long as the connection.
 * @throws MirrorFailure when Postgres does not answer or another mirror has it
 */
export async function openDatabase(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "aiforge_mirror" });
  try {
    await client.connect();
  } catch (error) {
    const { host } = new URL(databaseUrl);
    throw new MirrorFailure(`Postgres at ${host} cannot be used (${oneLine(error)}); check DATABASE_URL.`);
  }
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const { rows } = await client.query<{ held: boolean }>(`SELECT pg_try_advisory_lock(${LOCK}) AS held`);
    if (rows[0]?.held) return client;
    if (Date.now() > deadline) {
      await client.end();
      throw new MirrorFailure("Another mirror is already running on this database; stop it first.");
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** The schemas of all builds that are in the database. */
export async function buildSchemas(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, $1) ORDER BY 1",
    [BUILD_SCHEMA_PREFIX],
  );
  return rows.map((row) => row.name);
}

/** Drops a build's tables; where `chain` still showed them, it shows empty tables until the next build is in. */
export async function dropBuild(client: pg.Client, schema: string): Promise<void> {
  if ((await servedSchemas(client)).build === schema) await serveNothing(client);
  await client.query(`DROP SCHEMA IF EXISTS ${pg.escapeIdentifier(schema)} CASCADE`);
}

/**
 * Forgets blocks and logs that Ponder fetched from a chain. They are keyed by block number, so after a reset
 * the dead chain's logs would be indexed again as if they were the new chain's.
 */
export async function forgetFetched(client: pg.Client, chainId: number): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'ponder_sync' AND column_name = 'chain_id'`,
  );
  for (const { name } of rows) {
    await client.query(`DELETE FROM ponder_sync.${pg.escapeIdentifier(name)} WHERE chain_id = $1`, [chainId]);
  }
}

/**
 * Ends what is left of a Ponder that was killed: its connections, and the lock it would otherwise hold for
 * another 25 seconds. Safe because `openDatabase` made sure that no other mirror owns it.
 */
export async function releaseBuild(client: pg.Client, schema: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND (application_name = 'ponder_sync' OR starts_with(application_name, $1))`,
    [BUILD_SCHEMA_PREFIX],
  );
  const meta = `${pg.escapeIdentifier(schema)}._ponder_meta`;
  const { rows } = await client.query<{ found: string | null }>("SELECT to_regclass($1) AS found", [meta]);
  if (!rows[0]?.found) return;
  await client.query(
    `UPDATE ${meta} SET value = jsonb_set(value, '{is_locked}', '0'::jsonb) WHERE key = 'app'`,
  );
}

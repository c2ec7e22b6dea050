import pg from "pg";

const id = pg.escapeIdentifier;

/** Every schema with rows of a Tron chain starts with this, and nothing else may. */
export const ROWS_SCHEMA_PREFIX = "tron_rows_";

/** What is shown before it is solid: what people wait for. Each row is an event; none of them is a state. */
export const SEEN_TABLES = [
  "service_purchases",
  "license_purchases",
  "plan_purchases",
  "publications",
  "usage_entries",
  "job_events",
  "transfers",
] as const;

/** SQL of what the fast path saw of a table beyond the cursor. */
export const seenRows = (schema: string, table: string, columns: string): string =>
  `SELECT ${columns} FROM (
     SELECT (jsonb_populate_record(null::${id(schema)}.${id(table)}, row)).* FROM tron.seen
     WHERE "table" = ${pg.escapeLiteral(table)}) AS seen`;

/**
 * How far Tron is mirrored, as a height that confirmations can be counted from. A block is solid when 18 are upon it at
 * the least, so every block that was written has 19 confirmations, its own included, and none that is only seen has.
 */
export const TRON_HEADS = `SELECT chain_id, (number + 18)::numeric(78,0) AS block_number,
         "timestamp"::numeric(78,0) AS block_timestamp FROM tron.cursor`;

/** The schema that a watcher keeps Tron's rows in, or null where none ever ran. */
export async function tronSchema(client: pg.ClientBase): Promise<string | null> {
  const { rows: found } = await client.query<{ found: string | null }>(
    "SELECT to_regclass('tron.cursor') AS found",
  );
  if (!found[0]?.found) return null;
  const { rows } = await client.query<{ schema: string }>(
    `SELECT rows_schema AS schema FROM tron.cursor WHERE to_regnamespace(rows_schema) IS NOT NULL`,
  );
  return rows[0]?.schema ?? null;
}

/**
 * Drops rows that other code made, except those that are shown. What the watcher keeps is looked up in the same
 * statement: a watcher that begins between two would have its new rows dropped.
 */
export async function dropOldTron(client: pg.ClientBase, shown: (string | null)[]): Promise<void> {
  const { rows: found } = await client.query<{ found: string | null }>(
    "SELECT to_regclass('tron.cursor') AS found",
  );
  if (!found[0]?.found) return;
  const { rows } = await client.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace JOIN tron.cursor ON nspname <> rows_schema
     WHERE starts_with(nspname, $1) AND nspname <> ALL($2)`,
    [ROWS_SCHEMA_PREFIX, shown.filter((each) => each !== null)],
  );
  for (const { name } of rows) await client.query(`DROP SCHEMA IF EXISTS ${id(name)} CASCADE`);
}

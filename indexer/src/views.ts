import pg from "pg";
import { SEEN_TABLES, seenRows, TRON_HEADS, tronSchema } from "../tron/shown.ts";

/**
 * The api reads schema `chain`: one view per table, over the tables of the build that is served. Ponder can
 * keep views of its own (`--views-schema`), but it drops and creates them at every start, which leaves
 * readers without and fails as soon as another view depends on one.
 *
 * To serve another build, all views are made in a second schema, the two schemas change names, and the old
 * views are dropped one at a time. A reader finds either all of the old or all of the new, and there is never
 * a transaction that holds one view while it waits for another, which readers that join views would deadlock
 * with.
 */
const CHAIN = "chain";
const NEXT = "chain_next";
const OLD = "chain_old";

const SEEN: ReadonlySet<string> = new Set(SEEN_TABLES);

const id = pg.escapeIdentifier;

/** What schema `chain` shows: the EVM chains' build, and the schema with Tron's rows; null where there is none. */
export interface Served {
  build: string | null;
  tron: string | null;
}

/** What schema `chain` shows; it is kept as the schema's comment. */
export async function servedSchemas(client: pg.Client): Promise<Served> {
  const { rows } = await client.query<{ served: string | null }>(
    "SELECT obj_description(to_regnamespace($1)::oid, 'pg_namespace') AS served",
    [CHAIN],
  );
  const [build, tron] = (rows[0]?.served ?? "").split(" ");
  return { build: build || null, tron: tron || null };
}

/** What Ponder says of a build: null until its tables exist. */
export async function buildState(
  client: pg.Client,
  schema: string,
): Promise<{ tables: string[]; ready: boolean } | null> {
  const meta = `${id(schema)}._ponder_meta`;
  const found = await client.query<{ found: string | null }>("SELECT to_regclass($1) AS found", [meta]);
  if (!found.rows[0]?.found) return null;
  const { rows } = await client.query<{ tables: string[]; ready: boolean }>(
    `SELECT value->'table_names' AS tables, value->>'is_ready' = '1' AS ready FROM ${meta} WHERE key = 'app'`,
  );
  return rows[0] ?? null;
}

/** Makes schema `chain` show a build: its tables by name, and `heads`, how far each chain is mirrored. */
export async function serveBuild(client: pg.Client, schema: string, tables: string[]): Promise<void> {
  const selects = new Map<string, string>();
  for (const table of tables) {
    const columns = (await columnsOf(client, schema, table)).map(({ name }) => id(name)).join(", ");
    selects.set(table, `SELECT ${columns} FROM ${id(schema)}.${id(table)}`);
  }
  // A checkpoint is a string of fixed-width numbers: time (10), chain (16), block (16), place in the block.
  selects.set(
    "heads",
    `SELECT 'eip155:' || chain_id AS chain_id,
            substr(latest_checkpoint, 27, 16)::numeric(78,0) AS block_number,
            substr(latest_checkpoint, 1, 10)::numeric(78,0) AS block_timestamp
     FROM ${id(schema)}._ponder_checkpoint`,
  );
  await replaceViews(client, selects, { build: schema, tron: await addTron(client, schema, selects) });
}

/** Makes the views of schema `chain` show no EVM chain, for while the build they showed is gone and the next is not there. */
export async function serveNothing(client: pg.Client): Promise<void> {
  const selects = new Map<string, string>();
  for (const view of await viewsIn(client, CHAIN)) {
    const columns = await columnsOf(client, CHAIN, view);
    const typed = columns.map(({ name, type }) => `NULL::${type} AS ${id(name)}`).join(", ");
    selects.set(view, `SELECT ${typed} WHERE false`);
  }
  await replaceViews(client, selects, { build: null, tron: await addTron(client, CHAIN, selects) });
}

/**
 * Adds Tron's rows to the views, where a watcher has made some of the same tables and columns.
 * @param like schema that has the columns of the views
 * @returns the schema of the rows, or null where there are none
 */
async function addTron(
  client: pg.Client,
  like: string,
  selects: Map<string, string>,
): Promise<string | null> {
  const schema = await tronSchema(client);
  if (schema === null) return null;
  const unions = new Map([["heads", TRON_HEADS]]);
  for (const table of selects.keys()) {
    if (table === "heads") continue;
    const wanted = await columnsOf(client, like, table);
    const there = new Set((await columnsOf(client, schema, table)).map(({ name }) => name));
    // Rows of other code: its watcher has not made its own yet.
    if (there.size !== wanted.length || !wanted.every(({ name }) => there.has(name))) return null;
    const columns = wanted.map(({ name }) => id(name)).join(", ");
    const stored = `SELECT ${columns} FROM ${id(schema)}.${id(table)}`;
    unions.set(table, SEEN.has(table) ? `${stored} UNION ALL ${seenRows(schema, table, columns)}` : stored);
  }
  for (const [view, select] of selects) selects.set(view, `${select} UNION ALL ${unions.get(view)}`);
  return schema;
}

async function replaceViews(client: pg.Client, selects: Map<string, string>, served: Served): Promise<void> {
  await dropSchema(client, NEXT);
  await dropSchema(client, OLD);
  await client.query("BEGIN");
  try {
    await client.query(`CREATE SCHEMA ${NEXT}`);
    for (const [view, select] of selects) await client.query(`CREATE VIEW ${NEXT}.${id(view)} AS ${select}`);
    const comment = `${served.build ?? ""} ${served.tron ?? ""}`;
    await client.query(`COMMENT ON SCHEMA ${NEXT} IS ${pg.escapeLiteral(comment)}`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${CHAIN}`);
    await client.query(`ALTER SCHEMA ${CHAIN} RENAME TO ${OLD}`);
    await client.query(`ALTER SCHEMA ${NEXT} RENAME TO ${CHAIN}`);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
  await dropSchema(client, OLD);
}

async function dropSchema(client: pg.Client, schema: string): Promise<void> {
  for (const view of await viewsIn(client, schema)) await client.query(`DROP VIEW ${schema}.${id(view)}`);
  await client.query(`DROP SCHEMA IF EXISTS ${schema}`);
}

async function viewsIn(client: pg.Client, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT viewname AS name FROM pg_views WHERE schemaname = $1 ORDER BY 1",
    [schema],
  );
  return rows.map((row) => row.name);
}

async function columnsOf(
  client: pg.Client,
  schema: string,
  relation: string,
): Promise<{ name: string; type: string }[]> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`${id(schema)}.${id(relation)}`],
  );
  return rows;
}

import pg from "pg";

/**
 * The api reads schema `chain`: one view per table, over `evm` (and, later, other families of chains), which
 * in turn is over the build that is served. Ponder could make `evm` itself (`--views-schema`), but it drops
 * and recreates those views at every start, which fails as soon as another view depends on them.
 */
const EVM = "evm";
const CHAIN = "chain";

const id = pg.escapeIdentifier;

/** The build whose rows schema `chain` shows, or null. */
export async function servedSchema(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query<{ served: string | null }>(
    "SELECT obj_description(to_regnamespace($1)::oid, 'pg_namespace') AS served",
    [CHAIN],
  );
  return rows[0]?.served || null;
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

/** Makes schema `chain` show a build. Readers see the old rows until the commit and the new ones after it. */
export async function serveBuild(client: pg.Client, schema: string, tables: string[]): Promise<void> {
  await transaction(client, async () => {
    await dropViews(client);
    for (const table of tables) {
      const columns = (await columnsOf(client, schema, table)).map(({ name }) => id(name)).join(", ");
      const evm = `${EVM}.${id(table)}`;
      await client.query(`CREATE VIEW ${evm} AS SELECT ${columns} FROM ${id(schema)}.${id(table)}`);
      await client.query(`CREATE VIEW ${CHAIN}.${id(table)} AS SELECT ${columns} FROM ${evm}`);
    }
    // A checkpoint is a string of fixed-width numbers: time (10), chain (16), block (16), place in the block.
    await client.query(
      `CREATE VIEW ${EVM}.heads AS
       SELECT 'eip155:' || chain_id AS chain_id,
              substr(latest_checkpoint, 27, 16)::numeric(78,0) AS block_number,
              substr(latest_checkpoint, 1, 10)::numeric(78,0) AS block_timestamp
       FROM ${id(schema)}._ponder_checkpoint`,
    );
    await client.query(
      `CREATE VIEW ${CHAIN}.heads AS SELECT chain_id, block_number, block_timestamp FROM ${EVM}.heads`,
    );
    await client.query(`COMMENT ON SCHEMA ${CHAIN} IS ${pg.escapeLiteral(schema)}`);
  });
}

/** Keeps the views of schema `chain` in place without rows, for when their build is dropped; within a transaction. */
export async function replaceByEmptyViews(client: pg.Client): Promise<void> {
  const views = await viewsIn(client, CHAIN);
  const columns = new Map<string, { name: string; type: string }[]>();
  for (const view of views) columns.set(view, await columnsOf(client, CHAIN, view));
  await dropViews(client);
  for (const [view, list] of columns) {
    const typed = list.map(({ name, type }) => `NULL::${type} AS ${id(name)}`).join(", ");
    await client.query(`CREATE VIEW ${CHAIN}.${id(view)} AS SELECT ${typed} WHERE false`);
  }
  await client.query(`COMMENT ON SCHEMA ${CHAIN} IS NULL`);
}

async function dropViews(client: pg.Client): Promise<void> {
  for (const schema of [CHAIN, EVM]) {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    for (const view of await viewsIn(client, schema)) await client.query(`DROP VIEW ${schema}.${id(view)}`);
  }
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

async function transaction(client: pg.Client, body: () => Promise<void>): Promise<void> {
  await client.query("BEGIN");
  try {
    await body();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

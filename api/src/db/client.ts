import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import * as schema from "./schema.ts";

export type Schema = typeof schema;
export type Database = NodePgDatabase<Schema> & { $client: pg.Pool };
/** Either the database or a transaction on it; queries take this. */
export type Executor = Pick<
  NodePgDatabase<Schema>,
  "select" | "selectDistinctOn" | "insert" | "update" | "delete" | "execute"
>;

/** Opens the pool. Every numeric comes back as text, so that no amount passes through a float. */
export function openDatabase(url: string, { max = 20 } = {}): Database {
  const pool = new pg.Pool({ connectionString: url, max, application_name: "aiforge-api" });
  // A connection that breaks is replaced by the pool; without a listener it would end the process, be it idle or in use.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return drizzle(pool, { schema });
}

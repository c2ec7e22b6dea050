import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import * as schema from "./schema.ts";
import { isViewGone } from "./view-gone.ts";

export type Schema = typeof schema;
export type Database = NodePgDatabase<Schema> & { $client: pg.Pool };
/** Either the database or a transaction on it; queries take this. */
export type Executor = Pick<
  NodePgDatabase<Schema>,
  "select" | "selectDistinctOn" | "insert" | "update" | "delete" | "execute"
>;

/**
 * Opens the pool. Every numeric comes back as text, so that no amount passes through a float. A statement outside a
 * transaction that met views being exchanged is asked once more: it changed nothing, and finds the new ones.
 */
export function openDatabase(url: string, { max = 20 } = {}): Database {
  const pool = new pg.Pool({ connectionString: url, max, application_name: "aiforge-api" });
  // A connection that breaks is replaced by the pool; without a listener it would end the process, be it idle or in use.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const query = pool.query.bind(pool) as (...asked: unknown[]) => Promise<unknown>;
  const again = async (...asked: unknown[]) => {
    try {
      return await query(...asked);
    } catch (error) {
      if (!isViewGone(error)) throw error;
      return query(...asked);
    }
  };
  pool.query = again as typeof pool.query;
  return drizzle(pool, { schema });
}

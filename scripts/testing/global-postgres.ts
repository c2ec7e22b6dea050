import { startPostgres } from "./postgres.ts";

/** Vitest global set-up: one Postgres cluster for a project's whole run. */
export default async function setup(): Promise<() => Promise<void>> {
  const server = await startPostgres();
  process.env.TEST_DATABASE_URL = server.url;
  return server.stop;
}

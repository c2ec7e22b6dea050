import { startPostgres } from "../../../scripts/testing/postgres.ts";
import { startStack } from "./stack.ts";

/**
 * Vitest global set-up of the api: Postgres, a chain with the contract, and the mirror, all real and shared by the
 * whole run. Test files run one after another and use users and wallets of their own.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  const stack = await startStack(postgres.url);
  process.env.API_TEST_DATABASE_URL = stack.databaseUrl;
  process.env.API_TEST_RPC_URL = stack.rpcUrl;
  return async () => {
    await stack.stop();
    await postgres.stop();
  };
}

import { afterEach } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import type { TronConfig } from "../../tron/config.ts";
import { type Made, startNode, type TestNode, transferLog } from "./node.ts";
import { CASHIER, configFor, SENDER, type TestWatcher, USDT, watch } from "./support.ts";

/** A transfer of USDT to the cashier. */
export const pay = (seed: string, amount: bigint): Made => ({
  seed,
  logs: [transferLog(USDT, SENDER, CASHIER, amount)],
});

/**
 * Databases, nodes and watchers of a file's tests, which are put away after each.
 * @param options.mayEnd whether a watcher may have ended by itself; otherwise that fails the test
 */
export function stand({ mayEnd = false } = {}) {
  const databases: Awaited<ReturnType<typeof createDatabase>>[] = [];
  const nodes: TestNode[] = [];
  const watchers: TestWatcher[] = [];
  afterEach(async () => {
    for (const watcher of watchers.splice(0)) await watcher.stop().catch(mayEnd ? () => {} : undefined);
    for (const node of nodes.splice(0)) await node.close();
    for (const database of databases.splice(0)) await database.drop();
  });
  return {
    async database(): Promise<string> {
      const created = await createDatabase();
      databases.push(created);
      return created.url;
    },
    async node(blocks: TestNode["blocks"]): Promise<TestNode> {
      const started = await startNode(blocks);
      nodes.push(started);
      return started;
    },
    /** Starts a watcher. @param env its variables @param more what they cannot set */
    run(
      url: string,
      urls: string[],
      env: Record<string, string> = {},
      more: Partial<TronConfig> = {},
    ): TestWatcher {
      const watcher = watch({ ...configFor(url, urls, env), ...more });
      watchers.push(watcher);
      return watcher;
    },
  };
}

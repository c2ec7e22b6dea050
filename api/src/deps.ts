import type { Logger } from "pino";
import type { Chains } from "./chain/chains.ts";
import type { Config } from "./config.ts";
import type { Database } from "./db/client.ts";
import type { Auth } from "./features/auth/auth.ts";
import type { Gateway } from "./features/gateway/gateway.ts";
import type { KeyCache } from "./features/keys/cache.ts";
import type { Storage } from "./features/models/storage/storage.ts";
import type { NodeHub } from "./features/nodes/hub.ts";

/** What every service gets as its first argument. Built once in `main.ts` and in the tests' harness. */
export interface Deps {
  config: Config;
  log: Logger;
  db: Database;
  chains: Chains;
  auth: Auth;
  keys: KeyCache;
  gateway: Gateway;
  storage: Storage;
  nodes: NodeHub;
}

import type { Logger } from "pino";
import { type Chains, openChains } from "./chain/chains.ts";
import type { Config } from "./config.ts";
import { createLogger } from "./core/log.ts";
import { Bus } from "./db/bus.ts";
import { type Database, openDatabase } from "./db/client.ts";
import { type Auth, createAuth } from "./features/auth/auth.ts";
import { createGateway, type Gateway } from "./features/gateway/gateway.ts";
import { Scheduler, type SchedulerTimes } from "./features/jobs/scheduler/scheduler.ts";
import { KeyCache } from "./features/keys/cache.ts";
import { openStorage, type Storage } from "./features/models/storage/storage.ts";
import { Fleet } from "./features/nodes/fleet.ts";
import { type HubTimes, NodeHub } from "./features/nodes/hub.ts";

/** What every service gets as its first argument. */
export interface Deps {
  config: Config;
  log: Logger;
  db: Database;
  chains: Chains;
  auth: Auth;
  keys: KeyCache;
  gateway: Gateway;
  storage: Storage;
  bus: Bus;
  fleet: Fleet;
  nodes: NodeHub;
  scheduler: Scheduler;
}

export interface DepsOptions {
  /** Most connections to the database. */
  connections?: number;
  /** The node hub's times, for tests. */
  nodeTimes?: Partial<HubTimes>;
  /** The scheduler's times, for tests. */
  schedulerTimes?: Partial<SchedulerTimes>;
}

/** Builds the long-lived parts. Nothing connects, listens or ticks before it is used or started. */
export function createDeps(
  config: Config,
  { connections, nodeTimes, schedulerTimes }: DepsOptions = {},
): Deps {
  const log = createLogger(config.LOG_LEVEL);
  const db = openDatabase(config.DATABASE_URL, { max: connections });
  const bus = new Bus({ url: config.DATABASE_URL, db, log });
  const fleet = new Fleet({ db, bus, log });
  return {
    config,
    log,
    db,
    chains: openChains(config),
    auth: createAuth({ config, db }),
    storage: openStorage(config),
    keys: new KeyCache({ db, log }),
    bus,
    fleet,
    nodes: new NodeHub({ db, log, bus, fleet, times: nodeTimes }),
    scheduler: new Scheduler(schedulerTimes),
    gateway: createGateway({ config, db, log }),
  };
}

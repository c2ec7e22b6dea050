import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Config } from "../../config.ts";
import type { Database } from "../../db/client.ts";
import { AccessCache } from "./access.ts";
import { UsageLog } from "./usage-log.ts";

/** The long-lived parts of the gateway. */
export interface Gateway {
  usage: UsageLog;
  access: AccessCache;
  /** Requests of one key in a minute, on this instance. */
  limiter: RateLimiterMemory;
}

export function createGateway({ config, db }: { config: Config; db: Database }): Gateway {
  return {
    usage: new UsageLog(db),
    access: new AccessCache(),
    limiter: new RateLimiterMemory({ points: config.GATEWAY_REQUESTS_PER_MINUTE, duration: 60 }),
  };
}

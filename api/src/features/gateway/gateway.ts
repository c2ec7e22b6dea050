import type { Logger } from "pino";
import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Config } from "../../config.ts";
import type { Database } from "../../db/client.ts";
import { AccessCache } from "./access.ts";
import { LiveReservations } from "./reservations.ts";
import { UsageLog } from "./usage-log.ts";

/** The long-lived parts of the gateway. */
export interface Gateway {
  usage: UsageLog;
  access: AccessCache;
  reservations: LiveReservations;
  /** Requests of one key in a minute, on this instance. */
  limiter: RateLimiterMemory;
}

export function createGateway({ config, db, log }: { config: Config; db: Database; log: Logger }): Gateway {
  return {
    usage: new UsageLog(db),
    access: new AccessCache(),
    reservations: new LiveReservations(db, log),
    limiter: new RateLimiterMemory({ points: config.GATEWAY_REQUESTS_PER_MINUTE, duration: 60 }),
  };
}

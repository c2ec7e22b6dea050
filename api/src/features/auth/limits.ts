import type { Context } from "hono";
import { RateLimiterPostgres, type RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../../config.ts";
import { AppError } from "../../core/errors.ts";
import type { AppEnv } from "../../core/http.ts";
import type { Database } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { clientAddress, networkOf } from "./client-address.ts";

/** Attempts are counted in Postgres, so that any number of instances shares one count. */
export function createAuthLimits({ config, db }: { config: Config; db: Database }) {
  const limiter = (keyPrefix: string, points: number, duration: number) =>
    new RateLimiterPostgres({
      storeClient: db.$client,
      storeType: "pool",
      schemaName: "app",
      tableName: "rate_limits",
      tableCreated: true,
      keyPrefix,
      points,
      duration,
    });
  return {
    /** Every sign-in, sign-up and wallet attempt of one client address. */
    byClient: limiter("auth-client", config.AUTH_ATTEMPTS_PER_CLIENT, 15 * 60),
    /** Wrong passwords of one account, from wherever; a right one clears the count. */
    byEmail: limiter("auth-email", config.AUTH_ATTEMPTS_PER_EMAIL, 15 * 60),
  };
}

export type AuthLimits = ReturnType<typeof createAuthLimits>;

/** @throws AppError `too_many_attempts` (429) with the seconds to wait */
export async function spend(limiter: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    if (refusal instanceof Error) throw refusal;
    const seconds = Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1000));
    throw new AppError("too_many_attempts", 429, "Too many attempts.", {
      hint: `Try again in ${seconds} seconds.`,
      retryAfter: seconds,
    });
  }
}

/** Counts an attempt against the client's address. @throws AppError `too_many_attempts` (429) */
export function limitAuth(deps: Deps, c: Context<AppEnv>): Promise<void> {
  const address = clientAddress(c, deps.config.TRUSTED_PROXIES);
  return spend(deps.auth.limits.byClient, networkOf(address));
}

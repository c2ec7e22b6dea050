import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import { RateLimiterPostgres, type RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../../config.ts";
import { AppError } from "../../core/errors.ts";
import type { AppEnv } from "../../core/http.ts";
import type { Database } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";

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
  return spend(deps.auth.limits.byClient, clientAddress(c, deps.config.TRUSTED_PROXIES));
}

/**
 * The client's address. Each trusted proxy appends whom it talked to, so with N of them the client is the Nth
 * entry of `X-Forwarded-For` from the right; what stands further left was written by the client itself.
 */
export function clientAddress(c: Context<AppEnv>, trustedProxies: number): string {
  if (trustedProxies > 0) {
    const hops = (c.req.header("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
    const hop = hops.at(-trustedProxies);
    if (hop) return hop.slice(0, 64);
  }
  // Requests of tests come without a socket.
  const bindings: unknown = c.env;
  const served = typeof bindings === "object" && bindings !== null && "incoming" in bindings;
  return (served ? getConnInfo(c).remote.address : undefined) ?? "unknown";
}

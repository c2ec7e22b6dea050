import { RateLimiterPostgres } from "rate-limiter-flexible";
import type { Database } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { spend } from "../auth/limits.ts";

const QUOTES_SECONDS = 15 * 60;
const VERIFICATIONS_SECONDS = 60;

interface PaymentLimits {
  quotes: RateLimiterPostgres;
  verifications: RateLimiterPostgres;
}

const limits = new WeakMap<Database, PaymentLimits>();

/** Counted in Postgres by user, so that any number of instances shares one count. */
function limitsOf({ config, db }: Pick<Deps, "config" | "db">): PaymentLimits {
  const known = limits.get(db);
  if (known) return known;
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
  const made = {
    quotes: limiter("payment-quote", config.QUOTES_PER_ACCOUNT, QUOTES_SECONDS),
    verifications: limiter("payment-verify", config.VERIFICATIONS_PER_ACCOUNT, VERIFICATIONS_SECONDS),
  };
  limits.set(db, made);
  return made;
}

/** Counts a quote against a user: each costs a question to the chain and may keep an amount from others. @throws AppError `too_many_attempts` (429) */
export function limitQuotes(deps: Deps, userId: string): Promise<void> {
  return spend(limitsOf(deps).quotes, userId);
}

/** Counts a look at a transaction against a user: each asks every chain. @throws AppError `too_many_attempts` (429) */
export function limitVerifications(deps: Deps, userId: string): Promise<void> {
  return spend(limitsOf(deps).verifications, userId);
}

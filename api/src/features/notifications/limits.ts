import { RateLimiterPostgres } from "rate-limiter-flexible";
import type { Database } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import { spend } from "../auth/limits.ts";

/** Webhooks of a user. */
export const MAX_WEBHOOKS = 10;
/** Of one user, on all instances: changes of webhooks and links to confirm an address in an hour, tests in ten minutes. */
const CHANGES = { points: 60, seconds: 3_600 };
const CONFIRMATIONS = { points: 5, seconds: 3_600 };
const TESTS = { points: 20, seconds: 600 };

interface NotificationLimits {
  changes: RateLimiterPostgres;
  tests: RateLimiterPostgres;
  confirmations: RateLimiterPostgres;
}

const limits = new WeakMap<Database, NotificationLimits>();

/** Counted in Postgres by user, so that any number of instances shares one count. */
function limitsOf({ db }: Pick<Deps, "db">): NotificationLimits {
  const known = limits.get(db);
  if (known) return known;
  const limiter = (keyPrefix: string, { points, seconds }: { points: number; seconds: number }) =>
    new RateLimiterPostgres({
      storeClient: db.$client,
      storeType: "pool",
      schemaName: "app",
      tableName: "rate_limits",
      tableCreated: true,
      keyPrefix,
      points,
      duration: seconds,
    });
  const made = {
    changes: limiter("webhook-change", CHANGES),
    tests: limiter("webhook-test", TESTS),
    confirmations: limiter("email-confirm", CONFIRMATIONS),
  };
  limits.set(db, made);
  return made;
}

/** Counts a change of a user's webhooks. @throws AppError `too_many_attempts` (429) */
export function limitChanges(deps: Deps, userId: string): Promise<void> {
  return spend(limitsOf(deps).changes, userId);
}

/** Counts a test message: each calls somebody's server at once. @throws AppError `too_many_attempts` (429) */
export function limitTests(deps: Deps, userId: string): Promise<void> {
  return spend(limitsOf(deps).tests, userId);
}

/** Counts a link that confirms an address: each is a mail to somebody. @throws AppError `too_many_attempts` (429) */
export function limitConfirmations(deps: Deps, userId: string): Promise<void> {
  return spend(limitsOf(deps).confirmations, userId);
}

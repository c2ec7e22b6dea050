import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv } from "../../core/http.ts";
import { requireUser, type SessionUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { invalidKey, keyLacksScope, keyNotEnough, tooManyRequests } from "./errors.ts";
import { userOfKey } from "./queries.ts";
import type { KeyScope } from "./schema.ts";
import { type ActiveKey, activeKey, KEY_PREFIX } from "./service.ts";

/** What the caller sent as `Authorization: Bearer`. */
export function bearerOf(c: Context<AppEnv>): string | undefined {
  return /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

/**
 * The key with that secret, which is good for `scope`; the request counts against it.
 * @throws AppError `invalid_api_key` (401), `key_scope` (403), `rate_limit_exceeded` (429)
 */
export async function requireKey(
  deps: Deps,
  secret: string | undefined,
  scope: KeyScope,
): Promise<ActiveKey> {
  const key = secret ? await activeKey(deps, secret) : null;
  if (!key) throw invalidKey();
  try {
    await deps.gateway.limiter.consume(key.id);
  } catch (refusal) {
    if (refusal instanceof Error) throw refusal;
    throw tooManyRequests((refusal as { msBeforeNext: number }).msBeforeNext / 1000);
  }
  if (!key.scopes.includes(scope)) throw keyLacksScope(scope);
  deps.keys.used(key.id);
  return key;
}

/**
 * On the routes after it, a key that is good for `scope` acts for its owner, as a sign-in does. What has no key at all
 * is left as it is.
 * @throws AppError as `requireKey`
 */
export function acceptKeys(deps: Deps, scope: KeyScope): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const secret = bearerOf(c);
    if (secret?.startsWith(KEY_PREFIX)) {
      const key = await requireKey(deps, secret, scope);
      c.set("user", await userOfKey(deps.db, key.userId));
      c.set("keyModelIds", key.modelIds);
    }
    await next();
  };
}

/**
 * The signed-in user, on a route that no key is enough for though others beside it take keys.
 * @throws AppError `unauthorized` (401), `session_required` (403)
 */
export function requireSession(c: Context<AppEnv>): SessionUser {
  const user = requireUser(c);
  if (c.get("keyModelIds") !== undefined) throw keyNotEnough();
  return user;
}

/** Whether the caller's key leaves a model to it; whoever signed in has no such limit. */
export function keyMayUse(c: Context<AppEnv>, modelId: string): boolean {
  return c.get("keyModelIds")?.includes(modelId) ?? true;
}

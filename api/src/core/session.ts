import type { Context, MiddlewareHandler } from "hono";
import type { Deps } from "../deps.ts";
import { AppError, unauthorized } from "./errors.ts";
import type { AppEnv } from "./http.ts";

export interface SessionUser {
  id: string;
  /** Null for an account that was created by a wallet. */
  email: string | null;
  name: string;
}

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Resolves the caller from the session cookie or a bearer JWT, and refuses a cookie-authenticated write that
 * another site's page sent (CSRF): browsers always send `Origin` with those.
 */
export function session(deps: Deps): MiddlewareHandler<AppEnv> {
  const origins = new Set([new URL(deps.config.PUBLIC_URL).origin]);
  return async (c, next) => {
    const caller = await deps.auth.callerOf(c.req.raw.headers);
    const user = caller?.user ?? null;
    if (user && !SAFE_METHODS.has(c.req.method) && !c.req.header("authorization")) {
      const origin = c.req.header("origin");
      if (origin !== undefined && !origins.has(origin)) {
        throw new AppError("foreign_origin", 403, "This request came from another site.", {
          hint: `Open ${deps.config.PUBLIC_URL} and try again there.`,
        });
      }
    }
    c.set("user", user);
    c.set("sessionId", caller?.sessionId ?? null);
    for (const cookie of caller?.cookies ?? []) c.header("Set-Cookie", cookie, { append: true });
    await next();
  };
}

/**
 * The signed-in user.
 * @throws AppError `unauthorized` (401)
 */
export function requireUser(c: Context<AppEnv>): SessionUser {
  const user = c.get("user");
  if (user) return user;
  const isKey = /^Bearer +aif_/i.test(c.req.header("authorization") ?? "");
  throw unauthorized(
    isKey ? "API keys are for /api/v1, /api/jobs and /api/files alone. Sign in." : undefined,
  );
}

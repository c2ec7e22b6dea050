import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { bearer, jwt } from "better-auth/plugins";
import type { Config } from "../../config.ts";
import type { SessionUser } from "../../core/session.ts";
import type { Database } from "../../db/client.ts";
import * as schema from "./schema.ts";

/** E-mail addresses under this name stand for wallets: better-auth wants one, no mail is ever sent there. */
export const WALLET_EMAIL_DOMAIN = "wallet.invalid";

/** better-auth with passwords, cookie sessions, bearer tokens and JWTs (JWKS in the database). */
export function createAuth({ config, db }: { config: Config; db: Database }) {
  const instance = betterAuth({
    baseURL: config.PUBLIC_URL,
    basePath: "/api/auth/core",
    secret: config.AUTH_SECRET,
    trustedOrigins: [new URL(config.PUBLIC_URL).origin],
    database: drizzleAdapter(db, { provider: "pg", schema }),
    emailAndPassword: { enabled: true, minPasswordLength: 10, maxPasswordLength: 200 },
    session: { expiresIn: 7 * 24 * 3600, updateAge: 24 * 3600 },
    advanced: {
      useSecureCookies: config.secureCookies,
      cookiePrefix: "aiforge",
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax" },
      database: { generateId: "uuid" },
    },
    plugins: [bearer(), jwt()],
    telemetry: { enabled: false },
  });
  return {
    instance,
    /** The caller behind a session cookie or a bearer token, else null. */
    async userOf(headers: Headers): Promise<SessionUser | null> {
      const found = await instance.api.getSession({ headers });
      if (!found) return null;
      const { id, email, name } = found.user;
      return { id, name, email: email.endsWith(`@${WALLET_EMAIL_DOMAIN}`) ? null : email };
    },
  };
}

export type Auth = ReturnType<typeof createAuth>;

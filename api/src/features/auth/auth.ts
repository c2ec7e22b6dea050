import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { jwt } from "better-auth/plugins";
import { and, eq, gt } from "drizzle-orm";
import { z } from "zod";
import type { Config } from "../../config.ts";
import type { SessionUser } from "../../core/session.ts";
import type { Database } from "../../db/client.ts";
import { createAuthLimits } from "./limits.ts";
import * as schema from "./schema.ts";
import { sessionPlugin } from "./session-plugin.ts";

/** E-mail addresses under this name stand for wallets: better-auth wants one, no mail is ever sent there. */
export const WALLET_EMAIL_DOMAIN = "wallet.invalid";

export const PASSWORD_LENGTH = { min: 10, max: 200 };
const SESSION_SECONDS = 7 * 24 * 3600;

/** Who is calling, by which session. */
export interface Caller {
  user: SessionUser;
  sessionId: string;
  /** Cookies to set: the session was prolonged. */
  cookies: string[];
}

/** An opened session: its cookies, and a JWT for callers that keep none. */
export interface OpenedSession {
  token: string;
  cookies: string[];
}

const claims = z.object({ sub: z.uuid(), sid: z.uuid() });

/** better-auth with passwords, cookie sessions and JWTs (JWKS in the database). Its own routes stay closed. */
export function createAuth({ config, db }: { config: Config; db: Database }) {
  const origin = new URL(config.PUBLIC_URL).origin;
  const instance = betterAuth({
    baseURL: config.PUBLIC_URL,
    basePath: "/api/auth/core",
    secret: config.AUTH_SECRET,
    trustedOrigins: [origin],
    database: drizzleAdapter(db, { provider: "pg", schema }),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: PASSWORD_LENGTH.min,
      maxPasswordLength: PASSWORD_LENGTH.max,
    },
    session: { expiresIn: SESSION_SECONDS, updateAge: 24 * 3600 },
    advanced: {
      useSecureCookies: config.secureCookies,
      cookiePrefix: "aiforge",
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax" },
      database: { generateId: "uuid" },
    },
    plugins: [
      jwt({
        disableSettingJwtHeader: true,
        jwt: { issuer: origin, audience: origin, expirationTime: `${SESSION_SECONDS}s` },
      }),
      sessionPlugin(),
    ],
    logger: { disabled: true },
    telemetry: { enabled: false },
  });

  const live = (condition: ReturnType<typeof eq>) =>
    db
      .select({
        sessionId: schema.session.id,
        id: schema.user.id,
        name: schema.user.name,
        email: schema.user.email,
      })
      .from(schema.session)
      .innerJoin(schema.user, eq(schema.user.id, schema.session.userId))
      .where(and(condition, gt(schema.session.expiresAt, new Date())));

  /** A JWT is as good as its session: signing out ends both. */
  async function callerByJwt(token: string): Promise<Caller | null> {
    const { payload } = await instance.api.verifyJWT({ body: { token } });
    const parsed = claims.safeParse(payload);
    if (!parsed.success) return null;
    const [row] = await live(eq(schema.session.id, parsed.data.sid));
    if (!row || row.id !== parsed.data.sub) return null;
    return { user: sessionUser(row), sessionId: row.sessionId, cookies: [] };
  }

  async function callerByCookie(headers: Headers): Promise<Caller | null> {
    const { response, headers: answered } = await instance.api.getSession({ headers, returnHeaders: true });
    if (!response) return null;
    return {
      user: sessionUser(response.user),
      sessionId: response.session.id,
      cookies: answered.getSetCookie(),
    };
  }

  async function opened(sessionToken: string, headers: Headers): Promise<OpenedSession> {
    const [row] = await live(eq(schema.session.token, sessionToken));
    if (!row) throw new Error("The session that was just opened is gone");
    const { token } = await instance.api.signJWT({
      body: { payload: { sub: row.id, sid: row.sessionId, iat: Math.floor(Date.now() / 1000) } },
    });
    return { token, cookies: headers.getSetCookie() };
  }

  return {
    instance,
    limits: createAuthLimits({ config, db }),

    /** @throws Error when the signing keys in the database were made with another AUTH_SECRET */
    async checkSecret(): Promise<void> {
      await instance.api.signJWT({ body: { payload: {} } }).catch((cause: unknown) => {
        if (!String(cause).includes("decrypt")) throw cause;
        throw new Error(
          "AUTH_SECRET is not the one that the signing keys in this database were made with. " +
            "Set the old one again, or empty the table app.jwks (which voids all tokens).",
          { cause },
        );
      });
    },

    /** Whoever a bearer JWT or else a session cookie names. With a bearer token the cookie does not count. */
    async callerOf(headers: Headers): Promise<Caller | null> {
      const authorization = headers.get("authorization");
      if (authorization === null) return headers.has("cookie") ? callerByCookie(headers) : null;
      const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
      return token ? callerByJwt(token) : null;
    },

    /** Opens a session for a user that a service recognised. */
    async open(userId: string): Promise<OpenedSession> {
      const { response, headers } = await instance.api.startSession({
        body: { userId },
        returnHeaders: true,
      });
      return opened(response.token, headers);
    },

    /** Opens a session by password. @returns null when e-mail or password is wrong; both take as long */
    async openByPassword(email: string, password: string): Promise<OpenedSession | null> {
      try {
        const { response, headers } = await instance.api.signInEmail({
          body: { email, password },
          returnHeaders: true,
        });
        return await opened(response.token, headers);
      } catch (error) {
        if (error instanceof Error && "statusCode" in error && error.statusCode === 401) return null;
        throw error;
      }
    },

    /** Ends a session: its cookie and its JWTs. @returns cookies that clear the browser's */
    async close(sessionId: string): Promise<string[]> {
      await db.delete(schema.session).where(eq(schema.session.id, sessionId));
      const { headers } = await instance.api.signOut({ headers: new Headers(), returnHeaders: true });
      return headers.getSetCookie();
    },

    async hashPassword(password: string): Promise<string> {
      return (await instance.$context).password.hash(password);
    },

    /** The public keys that verify the JWTs (RFC 7517). */
    jwks: () => instance.api.getJwks(),
  };
}

export type Auth = ReturnType<typeof createAuth>;

/** The placeholder address of a wallet account is nobody's e-mail address. */
export function sessionUser({ id, name, email }: SessionUser & { email: string }): SessionUser {
  return { id, name, email: email.endsWith(`@${WALLET_EMAIL_DOMAIN}`) ? null : email };
}

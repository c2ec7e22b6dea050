import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type AppEnv, createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import { label } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { PASSWORD_LENGTH } from "./auth.ts";
import { limitAuth } from "./limits.ts";
import { login, register, viewUser, walletAuthMessage, walletLogin } from "./service.ts";
import { challengeSchema, emailSchema, signedSchema, userSchema, walletOnChain } from "./shapes.ts";

const tags = ["Auth"];
const tokenSchema = z.string().describe("JWT for `Authorization: Bearer`; the session cookie is set as well");
const signedInSchema = z.object({ user: userSchema, token: tokenSchema });

const registerRoute = createRoute({
  method: "post",
  path: "/register",
  operationId: "register",
  tags,
  summary: "Create an account with e-mail and password",
  request: {
    body: jsonBody(
      z.object({
        email: emailSchema,
        password: z.string().min(PASSWORD_LENGTH.min).max(PASSWORD_LENGTH.max),
        name: label(80),
      }),
    ),
  },
  responses: { 201: json(signedInSchema, "Created and signed in"), ...errorResponses(400, 409, 429) },
});

const loginRoute = createRoute({
  method: "post",
  path: "/login",
  operationId: "login",
  tags,
  summary: "Sign in with e-mail and password",
  request: {
    // Only the sizes are checked: what is wrong with a password is nobody's business at sign-in.
    body: jsonBody(z.object({ email: emailSchema, password: z.string().min(1).max(1_000) })),
  },
  responses: { 200: json(signedInSchema), ...errorResponses(400, 401, 429) },
});

const logoutRoute = createRoute({
  method: "post",
  path: "/logout",
  operationId: "logout",
  tags,
  summary: "End the session: the cookie and its JWTs",
  responses: { 204: { description: "Signed out" } },
});

const meRoute = createRoute({
  method: "get",
  path: "/me",
  operationId: "me",
  tags,
  summary: "Who is signed in",
  responses: { 200: json(z.object({ user: userSchema })), ...errorResponses(401) },
});

const messageRoute = createRoute({
  method: "get",
  path: "/wallet/auth-message",
  operationId: "walletAuthMessage",
  tags,
  summary: "A message to sign, to sign in with a wallet (EIP-4361, and alike on Tron)",
  request: { query: walletOnChain.extend({ chainId: z.coerce.number().int().positive().optional() }) },
  responses: { 200: json(challengeSchema), ...errorResponses(400, 429) },
});

const walletLoginRoute = createRoute({
  method: "post",
  path: "/wallet/login",
  operationId: "walletLogin",
  tags,
  summary: "Sign in with a signed message; the first time, this creates the account",
  request: { body: jsonBody(signedSchema) },
  responses: {
    200: json(z.object({ user: userSchema, token: tokenSchema, created: z.boolean() })),
    ...errorResponses(400, 401, 429, 503),
  },
});

const jwksRoute = createRoute({
  method: "get",
  path: "/jwks",
  operationId: "jwks",
  tags,
  summary: "The public keys of the JWTs (RFC 7517)",
  responses: { 200: json(z.object({ keys: z.array(z.record(z.string(), z.unknown())) })) },
});

/** `/api/auth` */
export function authRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(registerRoute, async (c) => {
    await limitAuth(deps, c);
    const { user, token, cookies } = await register(deps, c.req.valid("json"));
    setCookies(c, cookies);
    return c.json({ user, token }, 201);
  });
  router.openapi(loginRoute, async (c) => {
    await limitAuth(deps, c);
    const { email, password } = c.req.valid("json");
    const { user, token, cookies } = await login(deps, email, password);
    setCookies(c, cookies);
    return c.json({ user, token }, 200);
  });
  router.openapi(logoutRoute, async (c) => {
    const sessionId = c.get("sessionId");
    if (sessionId) setCookies(c, await deps.auth.close(sessionId));
    return c.body(null, 204);
  });
  router.openapi(meRoute, async (c) => c.json({ user: await viewUser(deps, requireUser(c)) }, 200));
  router.openapi(messageRoute, async (c) => {
    await limitAuth(deps, c);
    return c.json(await walletAuthMessage(deps, c.req.valid("query")), 200);
  });
  router.openapi(walletLoginRoute, async (c) => {
    await limitAuth(deps, c);
    const { user, token, created, cookies } = await walletLogin(deps, c.req.valid("json"));
    setCookies(c, cookies);
    return c.json({ user, token, created }, 200);
  });
  router.openapi(jwksRoute, async (c) => {
    c.header("Cache-Control", "public, max-age=300");
    const { keys } = await deps.auth.jwks();
    return c.json({ keys: keys.map((key) => ({ ...key })) }, 200);
  });
  return router;
}

function setCookies(c: Context<AppEnv>, cookies: string[]): void {
  for (const cookie of cookies) c.header("Set-Cookie", cookie, { append: true });
}

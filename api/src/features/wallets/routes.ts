import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { limitAuth } from "../auth/limits.ts";
import { challengeSchema, signedSchema, walletOnChain, walletSchema } from "../auth/shapes.ts";
import { connectWallet, removeWallet, verifyWallet, walletsOf } from "./service.ts";

const tags = ["Wallets"];

const connect = createRoute({
  method: "post",
  path: "/connect",
  operationId: "connectWallet",
  tags,
  summary: "A message to sign, to link a wallet to your account",
  request: { body: jsonBody(walletOnChain) },
  responses: { 200: json(challengeSchema), ...errorResponses(400, 401, 429) },
});

const verify = createRoute({
  method: "post",
  path: "/verify",
  operationId: "verifyWallet",
  tags,
  summary: "Link the wallet that signed the message",
  request: { body: jsonBody(signedSchema) },
  responses: { 200: json(z.object({ wallet: walletSchema })), ...errorResponses(400, 401, 409, 429, 503) },
});

const list = createRoute({
  method: "get",
  path: "/my-wallets",
  operationId: "listWallets",
  tags,
  summary: "Your wallets",
  responses: { 200: json(z.object({ wallets: z.array(walletSchema) })), ...errorResponses(401) },
});

const remove = createRoute({
  method: "delete",
  path: "/{id}",
  operationId: "removeWallet",
  tags,
  summary: "Unlink a wallet, unless it is your only way to sign in",
  request: { params: z.object({ id: z.string().max(120) }) },
  responses: { 204: { description: "Unlinked" }, ...errorResponses(401, 404, 409) },
});

/** `/api/wallets` */
export function walletsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(connect, async (c) => {
    const user = requireUser(c);
    await limitAuth(deps, c);
    return c.json(await connectWallet(deps, user.id, c.req.valid("json")), 200);
  });
  router.openapi(verify, async (c) => {
    const user = requireUser(c);
    await limitAuth(deps, c);
    return c.json({ wallet: await verifyWallet(deps, user.id, c.req.valid("json")) }, 200);
  });
  router.openapi(list, async (c) => c.json({ wallets: await walletsOf(deps, requireUser(c).id) }, 200));
  router.openapi(remove, async (c) => {
    await removeWallet(deps, requireUser(c).id, c.req.valid("param").id);
    return c.body(null, 204);
  });
  return router;
}

import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { createKey, listKeys, listUsage, revokeKey } from "./service.ts";
import { createKeyBody, keySchema, usageSchema } from "./shapes.ts";

const tags = ["Keys"];

export function keysRoutes(deps: Deps): Router {
  const router = createRouter();

  const create = createRoute({
    method: "post",
    path: "/",
    operationId: "createKey",
    tags,
    summary: "Make a key for the gateway; its secret is shown this once",
    request: { body: jsonBody(createKeyBody) },
    responses: {
      201: json(z.object({ key: keySchema, secret: z.string() }), "Created"),
      ...errorResponses(400, 401, 409),
    },
  });
  router.openapi(create, async (c) =>
    c.json(await createKey(deps, requireUser(c).id, c.req.valid("json")), 201),
  );

  const list = createRoute({
    method: "get",
    path: "/",
    operationId: "listKeys",
    tags,
    summary: "The caller's keys, the newest first",
    responses: { 200: json(z.object({ keys: z.array(keySchema) })), ...errorResponses(401) },
  });
  router.openapi(list, async (c) => c.json({ keys: await listKeys(deps, requireUser(c).id) }, 200));

  const usage = createRoute({
    method: "get",
    path: "/usage",
    operationId: "listUsage",
    tags,
    summary: "The caller's calls, the newest first",
    request: {
      query: z.object({
        limit: z.coerce.number().int().min(1).max(500).default(100),
        before: z.iso.datetime({ offset: true }).optional(),
      }),
    },
    responses: { 200: json(z.object({ usage: z.array(usageSchema) })), ...errorResponses(400, 401) },
  });
  router.openapi(usage, async (c) =>
    c.json({ usage: await listUsage(deps, requireUser(c).id, c.req.valid("query")) }, 200),
  );

  const revoke = createRoute({
    method: "delete",
    path: "/{id}",
    operationId: "revokeKey",
    tags,
    summary: "Revoke a key for good",
    request: { params: z.object({ id: z.uuid() }) },
    responses: { 204: { description: "Revoked" }, ...errorResponses(400, 401, 404) },
  });
  router.openapi(revoke, async (c) => {
    await revokeKey(deps, requireUser(c).id, c.req.valid("param").id);
    return c.body(null, 204);
  });
  return router;
}

import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { noRoute } from "../admin/errors.ts";
import { isAdmin } from "../admin/service.ts";
import { createInvite, listInvites, nodeInviteSchema, revokeInvite } from "./invites.ts";

const tags = ["Admin"];

const list = createRoute({
  method: "get",
  path: "/",
  operationId: "listNodeInvites",
  tags,
  summary: "The invitations to register a node, the newest first, at most 200",
  responses: { 200: json(z.object({ invites: z.array(nodeInviteSchema) })), ...errorResponses(401, 404) },
});

const create = createRoute({
  method: "post",
  path: "/",
  operationId: "createNodeInvite",
  tags,
  summary: "Make an invitation to register one node; it is shown this once",
  request: { body: jsonBody(z.object({ days: z.number().int().min(1).max(365).default(7) })) },
  responses: {
    201: json(z.object({ id: z.uuid(), invite: z.string(), expiresAt: z.iso.datetime() }), "Made"),
    ...errorResponses(400, 401, 404),
  },
});

const revoke = createRoute({
  method: "post",
  path: "/{id}/revoke",
  operationId: "revokeNodeInvite",
  tags,
  summary: "Take an invitation back that no node registered with yet",
  request: { params: z.object({ id: z.uuid() }) },
  responses: { 200: json(nodeInviteSchema), ...errorResponses(400, 401, 404, 409) },
});

/** `/api/admin/nodes/invites`: as all of `/api/admin`, it does not exist for others. */
export function adminInvitesRoutes(deps: Deps): Router {
  const router = createRouter();
  router.use("*", async (c, next) => {
    if (!(await isAdmin(deps, requireUser(c).id))) throw noRoute(c.req.method, c.req.path);
    await next();
  });
  router.openapi(list, async (c) => c.json({ invites: await listInvites(deps) }, 200));
  router.openapi(create, async (c) => {
    const { days } = c.req.valid("json");
    return c.json(await createInvite(deps, { createdBy: requireUser(c).id, days }), 201);
  });
  router.openapi(revoke, async (c) => c.json(await revokeInvite(deps, c.req.valid("param").id), 200));
  return router;
}

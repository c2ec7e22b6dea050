import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { modelSchema, versionSchema } from "./shapes.ts";
import { listVersions, serveVersion } from "./versions.ts";

const tags = ["Models"];
const byId = z.object({ id: z.uuid() });

const list = createRoute({
  method: "get",
  path: "/{id}/versions",
  operationId: "listModelVersions",
  tags,
  summary: "The versions of a model, the newest first: those that were ever served, for its group all",
  request: { params: byId },
  responses: { 200: json(z.object({ versions: z.array(versionSchema) })), ...errorResponses(404) },
});

const serve = createRoute({
  method: "post",
  path: "/{id}/versions/{number}/serve",
  operationId: "serveModelVersion",
  tags,
  summary: "Make a version the one that nodes serve, a newer or an older one (owners of its group)",
  request: { params: byId.extend({ number: z.coerce.number().int().positive().max(2_147_483_647) }) },
  responses: { 200: json(modelSchema), ...errorResponses(400, 401, 403, 404, 409) },
});

/** `/api/models/{id}/versions` */
export function versionsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(list, async (c) => {
    const viewer = c.get("user")?.id ?? null;
    return c.json({ versions: await listVersions(deps, viewer, c.req.valid("param").id) }, 200);
  });
  router.openapi(serve, async (c) => {
    const { id, number } = c.req.valid("param");
    return c.json(await serveVersion(deps, requireUser(c).id, id, number), 200);
  });
  return router;
}

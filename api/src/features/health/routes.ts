import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, json, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { readHealth } from "./service.ts";

const dependencySchema = z
  .object({
    state: z.enum(["ok", "degraded", "down"]),
    detail: z.string(),
    latencyMs: z.number().int().optional(),
  })
  .openapi("Dependency");

const healthSchema = z
  .object({
    status: z.enum(["ok", "degraded"]),
    version: z.string(),
    dependencies: z.object({
      database: dependencySchema,
      chain: dependencySchema,
      mirror: dependencySchema,
      storage: dependencySchema,
      cashier: dependencySchema.describe("The wallet that turns plain transfers into purchases: its gas"),
      nodes: dependencySchema,
    }),
  })
  .openapi("Health");

const health = createRoute({
  method: "get",
  path: "/",
  operationId: "health",
  tags: ["Health"],
  summary: "The state of the api and of everything it depends on",
  responses: {
    200: json(healthSchema, "The api answers"),
    503: json(healthSchema, "The database is down, so next to nothing works"),
  },
});

/** `/api/health` */
export function healthRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(health, async (c) => {
    c.header("Cache-Control", "no-store");
    const answer = await readHealth(deps);
    return c.json(answer, answer.dependencies.database.state === "down" ? 503 : 200);
  });
  return router;
}

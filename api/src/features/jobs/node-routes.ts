import { createRouter, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { jobCapabilitySchema } from "../nodes/capability.ts";
import { requireNode } from "../nodes/service.ts";
import * as declared from "./node-declarations.ts";

/** `/api/nodes/work` and `/api/nodes/attempts`: what nodes say of jobs, with their token. */
export function jobNodeRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openAPIRegistry.register("JobCapability", jobCapabilitySchema);
  for (const route of [
    declared.acceptRoute,
    declared.reportsRoute,
    declared.putOutputRoute,
    declared.finishRoute,
    declared.inputRoute,
  ]) {
    router.openAPIRegistry.registerPath(route);
  }
  router.openapi(declared.workRoute, async (c) => {
    const node = await requireNode(deps, c.req.header("authorization"));
    return c.json(await deps.scheduler.poll(deps, node.id), 200);
  });
  return router;
}

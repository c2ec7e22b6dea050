import { createRouter, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { jobCapabilitySchema } from "../nodes/capability.ts";
import * as declared from "./node-declarations.ts";

/** `/api/nodes/work` and `/api/nodes/attempts`: what nodes say of jobs, with their token. */
export function jobNodeRoutes(_deps: Deps): Router {
  const router = createRouter();
  router.openAPIRegistry.register("JobCapability", jobCapabilitySchema);
  for (const route of [
    declared.workRoute,
    declared.acceptRoute,
    declared.reportsRoute,
    declared.putOutputRoute,
    declared.finishRoute,
    declared.inputRoute,
  ]) {
    router.openAPIRegistry.registerPath(route);
  }
  return router;
}

import { createRouter, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import * as declared from "./declarations.ts";

/** `/api/jobs` */
export function jobsRoutes(_deps: Deps): Router {
  const router = createRouter();
  for (const route of [
    declared.templatesRoute,
    declared.estimateRoute,
    declared.createJobRoute,
    declared.listJobsRoute,
    declared.getJobRoute,
    declared.jobLogsRoute,
    declared.jobEventsRoute,
    declared.jobOutputRoute,
    declared.cancelJobRoute,
    declared.disputeJobRoute,
    declared.approveJobRoute,
    declared.refundJobRoute,
  ]) {
    router.openAPIRegistry.registerPath(route);
  }
  return router;
}

import type { Context } from "hono";
import { notFound } from "../../core/errors.ts";
import { type AppEnv, createRouter, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { download } from "../files/download.ts";
import { modelNotFound } from "../gateway/errors.ts";
import { acceptKeys, keyMayUse, requireSession } from "../keys/access.ts";
import * as declared from "./declarations.ts";
import { estimate } from "./estimate.ts";
import { eventStream, isTold, readPlace } from "./events.ts";
import { orderJob } from "./order.ts";
import { outputOf } from "./outputs.ts";
import { prepareApprove, prepareDispute, prepareRefund } from "./prepared.ts";
import { publishOutput } from "./publish.ts";
import { cancelJob, getJob, jobLogs, listJobs, requireJob } from "./service.ts";
import { jobTemplates } from "./templates.ts";

/** `/api/jobs` */
export function jobsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.use("*", acceptKeys(deps, "jobs"));
  router.openapi(declared.templatesRoute, async (c) => c.json({ templates: await jobTemplates(deps) }, 200));
  router.openapi(declared.estimateRoute, async (c) => {
    const { spec } = c.req.valid("json");
    checkModel(c, spec.engineModelId);
    return c.json(await estimate(deps, requireUser(c).id, spec), 200);
  });
  router.openapi(declared.createJobRoute, async (c) => {
    const user = requireUser(c);
    const order = c.req.valid("json");
    checkModel(c, order.spec.engineModelId);
    return c.json(await getJob(deps, user.id, await orderJob(deps, user.id, order)), 201);
  });
  router.openapi(declared.listJobsRoute, async (c) =>
    c.json(await listJobs(deps, requireUser(c).id, c.req.valid("query")), 200),
  );
  router.openapi(declared.getJobRoute, async (c) =>
    c.json(await getJob(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(declared.jobLogsRoute, async (c) =>
    c.json(await jobLogs(deps, requireUser(c).id, c.req.valid("param").id, c.req.valid("query")), 200),
  );
  router.openapi(declared.jobEventsRoute, async (c) => {
    const { job } = await requireJob(deps, requireUser(c).id, c.req.valid("param").id);
    const seen = c.req.header("last-event-id");
    const place = readPlace(seen);
    // A browser that comes back after the end: this is how it is told to stay away.
    if (seen !== undefined && (await isTold(deps, job.id, place))) return new Response(null, { status: 204 });
    return new Response(eventStream(deps, job.id, place, c.req.raw.signal), {
      headers: {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
      },
    });
  });
  // The path of an output has slashes in it, encoded or not.
  router.openAPIRegistry.registerPath(declared.jobOutputRoute);
  router.get("/:id/outputs/:path{.+}", async (c) => {
    const { job } = await requireJob(deps, requireUser(c).id, c.req.param("id"));
    const file = await outputOf(deps, job, c.req.param("path"));
    if (!file) throw notFound("The output");
    return download(deps, c, file);
  });
  router.openapi(declared.publishOutputRoute, async (c) => {
    const wanted = c.req.valid("json");
    return c.json(await publishOutput(deps, requireSession(c).id, c.req.valid("param").id, wanted), 202);
  });
  router.openapi(declared.cancelJobRoute, async (c) =>
    c.json(await cancelJob(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(declared.disputeJobRoute, async (c) =>
    c.json({ call: await prepareDispute(deps, requireUser(c).id, c.req.valid("param").id) }, 200),
  );
  router.openapi(declared.approveJobRoute, async (c) =>
    c.json({ call: await prepareApprove(deps, requireUser(c).id, c.req.valid("param").id) }, 200),
  );
  router.openapi(declared.refundJobRoute, async (c) =>
    c.json({ call: await prepareRefund(deps, requireUser(c).id, c.req.valid("param").id) }, 200),
  );
  return router;
}

/** A job asks a model as its owner's key could. @throws AppError `model_not_found` (404) */
function checkModel(c: Context<AppEnv>, modelId: string | null | undefined): void {
  if (modelId && !keyMayUse(c, modelId)) throw modelNotFound(modelId);
}

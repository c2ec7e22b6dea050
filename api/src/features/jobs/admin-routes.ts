import { FEES } from "@aiforge/contracts";
import { createRoute, z } from "@hono/zod-openapi";
import { notFound } from "../../core/errors.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import { label, paragraphs } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { noRoute } from "../admin/errors.ts";
import { isAdmin } from "../admin/service.ts";
import { adminCallSchema } from "../admin/shapes.ts";
import { download } from "../files/download.ts";
import { judgedFile, judgedJob, listDisputes, requireAnyJob, searchJobs } from "./admin-service.ts";
import { adminJobDetailSchema, adminJobSchema, disputedJobSchema } from "./admin-shapes.ts";
import { jobLogsRoute, jobOutputRoute } from "./declarations.ts";
import { prepareResolve } from "./prepared.ts";
import { jobById } from "./queries.ts";
import { logsOfJob, stopJob } from "./service.ts";
import { jobSchema } from "./shapes.ts";
import { viewJob } from "./view.ts";

const tags = ["Admin"];
const byId = z.object({ id: z.uuid() });

const disputes = createRoute({
  method: "get",
  path: "/disputed",
  operationId: "listDisputedJobs",
  tags,
  summary:
    "Jobs whose result is disputed, the oldest first: an admin decides each within seven days, or it is halved",
  responses: {
    200: json(
      z.object({
        jobs: z.array(disputedJobSchema),
        decided: z.array(disputedJobSchema).describe("The last 50 that came to an end"),
      }),
    ),
    ...errorResponses(401, 404),
  },
});

const list = createRoute({
  method: "get",
  path: "/",
  operationId: "listAnyJobs",
  tags,
  summary: "Anybody's jobs that are not over, or those that a text finds; at most 50, the newest first",
  request: {
    query: z.object({
      q: label(120).optional().describe("An id, the id on chain, a wallet, or a part of the name"),
    }),
  },
  responses: { 200: json(z.object({ jobs: z.array(adminJobSchema) })), ...errorResponses(400, 401, 404) },
});

const detail = createRoute({
  method: "get",
  path: "/{id}",
  operationId: "getAnyJob",
  tags,
  summary: "Anybody's job, with what it takes to judge its result",
  request: { params: byId },
  responses: { 200: json(adminJobDetailSchema), ...errorResponses(400, 401, 404) },
});

const logs = createRoute({
  method: "get",
  path: "/{id}/logs",
  operationId: "getAnyJobLogs",
  tags,
  summary: "What the container of anybody's job said",
  request: { params: byId, query: jobLogsRoute.request.query },
  responses: { 200: jobLogsRoute.responses[200], ...errorResponses(400, 401, 404) },
});

const output = createRoute({
  method: "get",
  path: "/{id}/attempts/{attempt}/outputs/{path}",
  operationId: "getAnyJobOutput",
  tags,
  summary: "A file that an attempt at anybody's job put out; its path is percent-encoded",
  request: {
    params: byId.extend({ attempt: z.coerce.number().int().positive(), path: z.string().max(4_096) }),
  },
  responses: { 200: jobOutputRoute.responses[200], ...errorResponses(401, 404, 416) },
});

const resolve = createRoute({
  method: "post",
  path: "/{id}/resolve",
  operationId: "prepareResolveJob",
  tags,
  summary: "The call by which an admin's wallet decides a dispute",
  request: {
    params: byId,
    body: jsonBody(
      z.object({
        nodeBps: z
          .number()
          .int()
          .min(0)
          .max(Number(FEES.bps))
          .describe("The node's part; the rest is refunded"),
      }),
    ),
  },
  responses: { 200: json(adminCallSchema), ...errorResponses(400, 401, 404, 409) },
});

const cancel = createRoute({
  method: "post",
  path: "/{id}/cancel",
  operationId: "cancelJobAsAdmin",
  tags,
  summary: "Stop anybody's job; what was paid goes back to its client",
  request: { params: byId, body: jsonBody(z.object({ reason: paragraphs(500).min(1) })) },
  responses: { 200: json(jobSchema), ...errorResponses(400, 401, 404, 409) },
});

/** `/api/admin/jobs`: as all of `/api/admin`, it does not exist for others. */
export function adminJobsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.use("*", async (c, next) => {
    if (!(await isAdmin(deps, requireUser(c).id))) throw noRoute(c.req.method, c.req.path);
    await next();
  });
  router.openapi(disputes, async (c) => c.json(await listDisputes(deps), 200));
  router.openapi(list, async (c) =>
    c.json({ jobs: await searchJobs(deps, c.req.valid("query").q ?? "") }, 200),
  );
  router.openapi(detail, async (c) => c.json(await judgedJob(deps, c.req.valid("param").id), 200));
  router.openapi(logs, async (c) => {
    const { id } = c.req.valid("param");
    await requireAnyJob(deps, id);
    return c.json(await logsOfJob(deps, id, c.req.valid("query")), 200);
  });
  // The path of an output has slashes in it, encoded or not.
  router.openAPIRegistry.registerPath(output);
  router.get("/:id/attempts/:attempt{[0-9]+}/outputs/:path{.+}", async (c) => {
    const { id, attempt, path } = c.req.param();
    if (!z.uuid().safeParse(id).success) throw notFound("The job");
    return download(deps, c, await judgedFile(deps, id, Number(attempt), path));
  });
  router.openapi(resolve, async (c) => {
    const { nodeBps } = c.req.valid("json");
    return c.json(await prepareResolve(deps, c.req.valid("param").id, nodeBps), 200);
  });
  router.openapi(cancel, async (c) => {
    const { id } = c.req.valid("param");
    await stopJob(deps, id, {
      by: "admin",
      reason: "cancelled_by_admin",
      detail: c.req.valid("json").reason,
    });
    const found = await jobById(deps.db, id);
    if (!found) throw notFound("The job");
    return c.json(viewJob(found), 200);
  });
  return router;
}

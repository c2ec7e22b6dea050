import { FEES } from "@aiforge/contracts";
import { createRoute, z } from "@hono/zod-openapi";
import { notFound } from "../../core/errors.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import { paragraphs } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { noRoute } from "../admin/errors.ts";
import { isAdmin } from "../admin/service.ts";
import { prepareResolve } from "./prepared.ts";
import { disputedJobs, jobById } from "./queries.ts";
import { stopJob } from "./service.ts";
import { jobSchema, preparedCall } from "./shapes.ts";
import { viewDisputed, viewJob } from "./view.ts";

const tags = ["Admin"];
const byId = z.object({ id: z.uuid() });
const submission = z.object({ node: z.string(), payee: z.string(), result: z.string() });

const disputes = createRoute({
  method: "get",
  path: "/disputed",
  operationId: "listDisputedJobs",
  tags,
  summary:
    "Jobs whose result is disputed, the oldest first: an admin decides each within seven days, or it is halved",
  responses: {
    200: json(z.object({ jobs: z.array(z.object({ job: jobSchema, since: z.iso.datetime(), submission })) })),
    ...errorResponses(401, 404),
  },
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
  responses: { 200: json(preparedCall), ...errorResponses(400, 401, 404, 409) },
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
  router.openapi(disputes, async (c) =>
    c.json({ jobs: (await disputedJobs(deps.db)).map(viewDisputed) }, 200),
  );
  router.openapi(resolve, async (c) => {
    const { nodeBps } = c.req.valid("json");
    return c.json({ call: await prepareResolve(deps, c.req.valid("param").id, nodeBps) }, 200);
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

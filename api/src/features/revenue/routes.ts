import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { distributeMonth, distributionOf, inputsOf } from "./distribution.ts";
import { myEarnings } from "./service.ts";
import {
  chainQuery,
  distributionSchema,
  earningsSchema,
  monthlySchema,
  monthParams,
  scopeQuery,
  summarySchema,
} from "./shapes.ts";
import { monthlyRevenue, revenueSummary } from "./summary.ts";

const tags = ["Revenue"];

const mine = createRoute({
  method: "get",
  path: "/my-earnings",
  operationId: "getEarnings",
  tags,
  summary: "What your wallets earned, and the calls that take it out",
  responses: { 200: json(earningsSchema), ...errorResponses(401) },
});

const summary = createRoute({
  method: "get",
  path: "/summary",
  operationId: "getRevenueSummary",
  tags,
  summary: "What was paid, and whose it became: by source and by month",
  request: { query: scopeQuery },
  responses: { 200: json(summarySchema), ...errorResponses(400, 401) },
});

const monthly = createRoute({
  method: "get",
  path: "/monthly/{year}/{month}",
  operationId: "getMonthlyRevenue",
  tags,
  summary: "A month's revenue, model by model (UTC)",
  request: { params: monthParams, query: scopeQuery },
  responses: { 200: json(monthlySchema), ...errorResponses(400, 401) },
});

const distribution = createRoute({
  method: "get",
  path: "/distribution/{year}/{month}",
  operationId: "getDistribution",
  tags,
  summary: "How the creators' pool of a month is shared, and how far it is",
  request: { params: monthParams, query: chainQuery },
  responses: { 200: json(distributionSchema), ...errorResponses(400) },
});

const inputs = createRoute({
  method: "get",
  path: "/distribution/{year}/{month}/inputs",
  operationId: "getDistributionInputs",
  tags,
  summary: "What a month's root was computed from: the bytes under the published CID",
  description:
    "`usage` are the tokens that were served under paid plans. What members of a model's own group, its owner among them, used of it is not counted, whatever plan they pay.",
  request: {
    params: monthParams,
    query: chainQuery.extend({
      attempt: z.coerce.number().int().min(1).optional().describe("Left out: the last"),
    }),
  },
  responses: {
    200: {
      description: "Canonical JSON; `ETag` is the CID",
      content: { "application/json": { schema: z.object({ version: z.literal(1) }).loose() } },
    },
    304: { description: "Not changed" },
    ...errorResponses(400, 404),
  },
});

const distribute = createRoute({
  method: "post",
  path: "/distribute/{year}/{month}",
  operationId: "distributeMonth",
  tags,
  summary: "Compute, publish and post a month's distribution, as far as it goes now (admins)",
  description:
    "The platform does it by itself every hour; asking again changes nothing. Months go in order: the earlier ones are done first.",
  request: {
    params: monthParams,
    query: chainQuery.extend({
      again: z.enum(["true", "false"]).default("false").describe("Do a vetoed month again"),
    }),
  },
  responses: { 200: json(distributionSchema), ...errorResponses(400, 401, 404, 409, 503) },
});

/** `/api/revenue` */
export function revenueRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(mine, async (c) => c.json(await myEarnings(deps, requireUser(c).id), 200));
  router.openapi(summary, async (c) => {
    const { scope } = c.req.valid("query");
    const user = scope === "mine" ? requireUser(c) : c.get("user");
    return c.json(await revenueSummary(deps, user?.id ?? null, scope), 200);
  });
  router.openapi(monthly, async (c) => {
    const { scope } = c.req.valid("query");
    const user = scope === "mine" ? requireUser(c) : c.get("user");
    return c.json(await monthlyRevenue(deps, user?.id ?? null, c.req.valid("param"), scope), 200);
  });
  router.openapi(distribution, async (c) =>
    c.json(await distributionOf(deps, c.req.valid("param"), c.req.valid("query").chain), 200),
  );
  router.openapi(inputs, async (c) => {
    const { bytes, cid } = await inputsOf(deps, c.req.valid("param"), c.req.valid("query"));
    const etag = `"${cid}"`;
    // What has a CID never changes; another attempt of the month has another.
    const headers = { etag, "cache-control": "public, no-cache", "x-ipfs-cid": cid };
    if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
    return c.body(bytes, 200, { ...headers, "content-type": "application/json" }) as never;
  });
  router.openapi(distribute, async (c) => {
    const { chain, again } = c.req.valid("query");
    const user = requireUser(c);
    return c.json(
      await distributeMonth(deps, user.id, c.req.valid("param"), { chain, again: again === "true" }),
      200,
    );
  });
  return router;
}

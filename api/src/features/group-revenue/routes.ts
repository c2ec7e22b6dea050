import { createRoute, z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { monthParams } from "../revenue/shapes.ts";
import { myGroupEarnings } from "./earnings.ts";
import { getSplit, setSplit } from "./service.ts";
import { groupEarningsSchema, historySchema, splitSchema, statementSchema } from "./shapes.ts";
import { freezeStatement, statementOf } from "./statement.ts";

const tags = ["Group revenue"];
const byModel = z.object({ id: z.uuid() });

const set = createRoute({
  method: "post",
  path: "/model/{id}/split",
  operationId: "setSplit",
  tags,
  summary: "Say who shares a model's revenue (owners of its group)",
  request: {
    params: byModel,
    body: jsonBody(
      z.object({
        // What a split may be is the contract's to say; its rules have errors of their own.
        members: z.array(z.object({ address: z.string().max(100), bps: z.number() })).max(1_000),
      }),
    ),
  },
  responses: {
    200: json(
      z.object({
        split: splitSchema,
        onchain: callSchema.nullable().describe("What the owner signs when the model is published already"),
      }),
    ),
    ...errorResponses(400, 401, 403, 404),
  },
});

const get = createRoute({
  method: "get",
  path: "/model/{id}/split",
  operationId: "getSplit",
  tags,
  summary: "Who shares a model's revenue: as set, as on chain, and before",
  request: { params: byModel },
  responses: {
    200: json(
      z.object({
        draft: splitSchema.nullable(),
        current: splitSchema.nullable(),
        history: z.array(historySchema).describe("The newest first"),
      }),
    ),
    ...errorResponses(401, 404),
  },
});

const byMonth = byModel.extend(monthParams.shape);

const distribution = createRoute({
  method: "get",
  path: "/model/{id}/distribution/{year}/{month}",
  operationId: "getRevenueStatement",
  tags,
  summary: "A model's month: what came in by source, and what each member has of it (UTC)",
  request: { params: byMonth },
  responses: { 200: json(statementSchema), ...errorResponses(400, 401, 404) },
});

const distribute = createRoute({
  method: "post",
  path: "/model/{id}/distribute/{year}/{month}",
  operationId: "freezeRevenueStatement",
  tags,
  summary: "Freeze a model's month and get the calls that pay it out (owners of its group)",
  description: "Asking again gives the same statement, with the calls that are left.",
  request: { params: byMonth },
  responses: { 200: json(statementSchema), ...errorResponses(400, 401, 403, 404, 409) },
});

const groupEarnings = createRoute({
  method: "get",
  path: "/my-group-earnings",
  operationId: "getGroupEarnings",
  tags,
  summary: "What the models of your groups earned, by model and month",
  responses: { 200: json(groupEarningsSchema), ...errorResponses(401) },
});

/** `/api/group-revenue` */
export function groupRevenueRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(set, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(await setSplit(deps, requireUser(c).id, id, c.req.valid("json").members), 200);
  });
  router.openapi(get, async (c) =>
    c.json(await getSplit(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  router.openapi(distribution, async (c) => {
    const { id, ...at } = c.req.valid("param");
    return c.json(await statementOf(deps, requireUser(c).id, id, at), 200);
  });
  router.openapi(distribute, async (c) => {
    const { id, ...at } = c.req.valid("param");
    return c.json(await freezeStatement(deps, requireUser(c).id, id, at), 200);
  });
  router.openapi(groupEarnings, async (c) => c.json(await myGroupEarnings(deps, requireUser(c).id), 200));
  return router;
}

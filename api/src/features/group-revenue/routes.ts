import { createRoute, z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { splitMemberSchema } from "../publishing/onchain.ts";
import { getSplit, setSplit } from "./service.ts";

const tags = ["Group revenue"];
const byModel = z.object({ id: z.uuid() });

const splitSchema = z.object({ splitId: z.string(), members: z.array(splitMemberSchema) }).openapi("Split");

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
        history: z.array(
          splitSchema.extend({
            since: z.object({ block: z.number().int(), time: z.iso.datetime(), txHash: z.string() }),
          }),
        ),
      }),
    ),
    ...errorResponses(401, 404),
  },
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
  return router;
}

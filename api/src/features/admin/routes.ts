import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { usdtInputSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { setNodeActive, setNodeVerified } from "../nodes/service.ts";
import { nodeJobSchema, nodeSchema } from "../nodes/shapes.ts";
import { nodeJobs } from "../nodes/views.ts";
import { noRoute } from "./errors.ts";
import * as service from "./service.ts";
import { adminCallSchema, adminWalletsSchema, overviewSchema } from "./shapes.ts";

const tags = ["Admin"];
const chain = z.string().max(64).optional().describe("CAIP-2; the first chain when left out");
const refusals = errorResponses(400, 401, 404, 409);

const wallets = createRoute({
  method: "get",
  path: "/wallets",
  operationId: "listAdminWallets",
  tags,
  summary: "The wallets that hold a role of the contract",
  responses: { 200: json(adminWalletsSchema), ...errorResponses(401, 404) },
});

const roleBody = jsonBody(
  z.object({ address: addressSchema, role: z.enum(["admin", "operator"]).default("admin"), chain }),
);

const add = createRoute({
  method: "post",
  path: "/wallets/add",
  operationId: "addAdminWallet",
  tags,
  summary: "Prepare giving a wallet a role: the transaction, and who can sign it",
  request: { body: roleBody },
  responses: { 200: json(adminCallSchema), ...refusals },
});

const remove = createRoute({
  method: "post",
  path: "/wallets/remove",
  operationId: "removeAdminWallet",
  tags,
  summary: "Prepare taking a role from a wallet: the transaction, and who can sign it",
  request: { body: roleBody },
  responses: { 200: json(adminCallSchema), ...refusals },
});

const overview = createRoute({
  method: "get",
  path: "/overview",
  operationId: "getAdminOverview",
  tags,
  summary: "The platform's fees, the creators' pool and its roots, and whether new money is stopped",
  responses: { 200: json(overviewSchema), ...errorResponses(401, 404) },
});

const prepared = (path: string, operationId: string, summary: string) =>
  createRoute({
    method: "post",
    path: `/calls/${path}`,
    operationId,
    tags,
    summary,
    request: { body: jsonBody(z.object({ chain })) },
    responses: { 200: json(adminCallSchema), ...refusals },
  });

const collect = prepared(
  "collect-fees",
  "prepareCollectFees",
  "Prepare crediting the treasury with its fees",
);
const veto = prepared("veto-root", "prepareVetoRoot", "Prepare the veto of the root that waits");
const pause = prepared("pause", "preparePause", "Prepare stopping new money");
const unpause = prepared("unpause", "prepareUnpause", "Prepare letting new money in again");

const setPrice = createRoute({
  method: "post",
  path: "/calls/set-plan-price",
  operationId: "prepareSetPlanPrice",
  tags,
  summary: "Prepare another price of a plan, for later purchases",
  request: {
    body: jsonBody(
      z.object({
        plan: z.number().int().min(1).max(3),
        price: usdtInputSchema.describe("USDT for 30 days; 0: not offered"),
        chain,
      }),
    ),
  },
  responses: { 200: json(adminCallSchema), ...refusals },
});

const nodeRoute = (path: string, operationId: string, summary: string) =>
  createRoute({
    method: "post",
    path: `/nodes/{id}/${path}`,
    operationId,
    tags,
    summary,
    request: { params: z.object({ id: z.uuid() }) },
    responses: { 200: json(nodeSchema), ...errorResponses(400, 401, 404) },
  });

const verifyNode = nodeRoute("verify", "verifyNode", "Let a node have protected weights, to serve them");
const unverifyNode = nodeRoute("unverify", "unverifyNode", "Give a node no more protected weights");

const activateNode = nodeRoute("activate", "activateNode", "Put a node back into service");

const deactivateNode = createRoute({
  method: "post",
  path: "/nodes/{id}/deactivate",
  operationId: "deactivateNode",
  tags,
  summary: "Take a node out of service: it ends what it is at and is offered nothing more",
  request: {
    params: z.object({ id: z.uuid() }),
    body: jsonBody(z.object({ reason: z.string().trim().min(1).max(500) })),
  },
  responses: { 200: json(nodeSchema), ...errorResponses(400, 401, 404) },
});

const nodeJobsRoute = createRoute({
  method: "get",
  path: "/nodes/{id}/jobs",
  operationId: "listNodeJobs",
  tags,
  summary: "The last hundred attempts of a node at jobs",
  request: { params: z.object({ id: z.uuid() }) },
  responses: { 200: json(z.object({ jobs: z.array(nodeJobSchema) })), ...errorResponses(400, 401, 404) },
});

/** `/api/admin`: for users with a linked wallet that holds the contract's ADMIN; to others these paths do not exist. */
export function adminRoutes(deps: Deps): Router {
  const router = createRouter();
  // Before validation, so that a stranger learns nothing from what a body should be.
  router.use("*", async (c, next) => {
    if (!(await service.isAdmin(deps, requireUser(c).id))) throw noRoute(c.req.method, c.req.path);
    await next();
  });
  router.openapi(wallets, async (c) => c.json(await service.listWallets(deps), 200));
  router.openapi(add, async (c) => c.json(await service.addWallet(deps, c.req.valid("json")), 200));
  router.openapi(remove, async (c) => c.json(await service.removeWallet(deps, c.req.valid("json")), 200));
  router.openapi(overview, async (c) => c.json(await service.overview(deps), 200));
  router.openapi(collect, async (c) =>
    c.json(await service.collectFees(deps, c.req.valid("json").chain), 200),
  );
  router.openapi(setPrice, async (c) => c.json(await service.setPlanPrice(deps, c.req.valid("json")), 200));
  router.openapi(veto, async (c) => c.json(await service.vetoRoot(deps, c.req.valid("json").chain), 200));
  router.openapi(pause, async (c) =>
    c.json(await service.setPaused(deps, true, c.req.valid("json").chain), 200),
  );
  router.openapi(unpause, async (c) =>
    c.json(await service.setPaused(deps, false, c.req.valid("json").chain), 200),
  );
  router.openapi(verifyNode, async (c) =>
    c.json(await setNodeVerified(deps, c.req.valid("param").id, true), 200),
  );
  router.openapi(unverifyNode, async (c) =>
    c.json(await setNodeVerified(deps, c.req.valid("param").id, false), 200),
  );
  router.openapi(activateNode, async (c) =>
    c.json(await setNodeActive(deps, c.req.valid("param").id, { active: true }), 200),
  );
  router.openapi(deactivateNode, async (c) => {
    const { reason } = c.req.valid("json");
    const change = { active: false as const, by: requireUser(c).id, reason };
    return c.json(await setNodeActive(deps, c.req.valid("param").id, change), 200);
  });
  router.openapi(nodeJobsRoute, async (c) =>
    c.json({ jobs: await nodeJobs(deps, c.req.valid("param").id) }, 200),
  );
  return router;
}

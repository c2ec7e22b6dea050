import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { monthsSchema } from "../payments/routes.ts";
import { createPayment } from "../payments/service.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { cancelPlan, listPlans, mySubscription } from "./service.ts";
import { mySubscriptionSchema, planSchema } from "./shapes.ts";

const tags = ["Subscriptions"];

const plans = createRoute({
  method: "get",
  path: "/plans",
  operationId: "listPlans",
  tags,
  summary: "The platform's plans: what they cost, what they allow, who gets what of the price",
  request: { query: z.object({ chain: z.string().max(64).optional().describe("The first by default") }) },
  responses: { 200: json(z.object({ plans: z.array(planSchema) })), ...errorResponses(400) },
});

const create = createRoute({
  method: "post",
  path: "/create",
  operationId: "createPlanSubscription",
  tags,
  summary: "Quote months of a plan, for you or for a group of yours",
  request: {
    body: jsonBody(
      z.object({
        plan: z.number().int().min(1).max(3),
        months: monthsSchema,
        wallet: addressSchema,
        chain: z.string().max(64),
        groupId: z.uuid().nullish().describe("Buy for this group of yours"),
      }),
    ),
  },
  responses: {
    200: json(z.object({ payment: paymentSchema })),
    ...errorResponses(400, 401, 403, 404, 409, 429, 503),
  },
});

const mine = createRoute({
  method: "get",
  path: "/my-subscription",
  operationId: "getMySubscription",
  tags,
  summary: "Your plan: the best of your own and your groups', what is used of it, and all that was bought",
  responses: { 200: json(mySubscriptionSchema), ...errorResponses(401) },
});

const cancel = createRoute({
  method: "post",
  path: "/cancel",
  operationId: "cancelPlanSubscription",
  tags,
  summary: "Do not renew. Access lasts to the end of what is paid; buying again takes it back",
  request: {
    body: {
      required: false,
      content: {
        "application/json": {
          schema: z.object({ groupId: z.uuid().nullish().describe("The plan of this group (its owners)") }),
        },
      },
    },
  },
  responses: { 200: json(mySubscriptionSchema), ...errorResponses(400, 401, 403, 404, 409) },
});

/** `/api/subscriptions` */
export function subscriptionsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(plans, async (c) =>
    c.json({ plans: await listPlans(deps, c.req.valid("query").chain) }, 200),
  );
  router.openapi(create, async (c) => {
    const user = requireUser(c);
    const { groupId, ...quote } = c.req.valid("json");
    const payment = await createPayment(deps, user.id, {
      purpose: "plan",
      ...quote,
      ...(groupId ? { groupId } : {}),
    });
    return c.json({ payment }, 200);
  });
  router.openapi(mine, async (c) => c.json(await mySubscription(deps, requireUser(c).id), 200));
  router.openapi(cancel, async (c) => {
    // Without a body there is nothing to validate.
    const body = c.req.valid("json") as { groupId?: string | null } | undefined;
    return c.json(await cancelPlan(deps, requireUser(c).id, body?.groupId ?? null), 200);
  });
  return router;
}

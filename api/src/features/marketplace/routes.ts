import { createRoute, z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { usdtSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { modelSchema } from "../models/shapes.ts";
import { accountRefsOf } from "../payments/accounts.ts";
import { monthsSchema } from "../payments/routes.ts";
import { getPayment } from "../payments/service.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { termsSchema } from "../publishing/onchain.ts";
import { SORTS } from "./queries.ts";
import { createService, searchMarketplace, subscriptionsOf } from "./service.ts";
import { quoteSubscription } from "./subscribe.ts";
import { priceInputShape } from "./terms.ts";

const tags = ["Marketplace"];

const marketItemSchema = modelSchema.extend({ priceMonth: usdtSchema }).openapi("MarketItem");

const subscriptionSchema = z
  .object({
    modelId: z.uuid(),
    modelName: z.string(),
    activeUntil: z.iso.datetime().nullable().describe("Null as long as no purchase is confirmed"),
    active: z.boolean(),
    pending: z.boolean().describe("Whether a purchase waits for confirmations"),
    purchases: z.array(
      z.object({
        txHash: z.string(),
        price: usdtSchema,
        fee: usdtSchema,
        months: z.number().int(),
        at: z.iso.datetime(),
        confirmations: z.number().int(),
        confirmed: z.boolean(),
      }),
    ),
  })
  .openapi("Subscription");

const create = createRoute({
  method: "post",
  path: "/create",
  operationId: "createService",
  tags,
  summary: "Say what a model is offered for (owners of its group)",
  request: { body: jsonBody(z.object({ modelId: z.uuid(), ...priceInputShape })) },
  responses: {
    200: json(
      z.object({
        service: termsSchema.extend({ modelId: z.uuid() }),
        onchain: callSchema.nullable().describe("What the owner signs when the model is published already"),
      }),
    ),
    ...errorResponses(400, 401, 403, 404),
  },
});

const search = createRoute({
  method: "get",
  path: "/marketplace",
  operationId: "searchMarketplace",
  tags,
  summary: "The models that can be bought now",
  request: {
    query: z.object({
      q: z.string().max(200).default(""),
      sort: z.enum(SORTS).default("newest"),
      page: z.coerce.number().int().min(1).max(10_000).default(1),
      pageSize: z.coerce.number().int().min(1).max(100).default(24),
    }),
  },
  responses: {
    200: json(z.object({ items: z.array(marketItemSchema), total: z.number().int() })),
    ...errorResponses(400),
  },
});

const subscribe = createRoute({
  method: "post",
  path: "/{id}/subscribe",
  operationId: "subscribe",
  tags,
  summary: "Quote months of API subscription to a model",
  request: {
    params: z.object({ id: z.uuid() }),
    body: jsonBody(
      z.object({
        wallet: addressSchema,
        chain: z.string().max(64),
        months: monthsSchema,
        groupId: z.uuid().optional().describe("Buy for this group of yours"),
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
  path: "/my-subscriptions",
  operationId: "listSubscriptions",
  tags,
  summary: "What you and your groups are subscribed to",
  responses: { 200: json(z.object({ subscriptions: z.array(subscriptionSchema) })), ...errorResponses(401) },
});

/** `/api/marketplace` */
export function marketplaceRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(create, async (c) =>
    c.json(await createService(deps, requireUser(c).id, c.req.valid("json")), 200),
  );
  router.openapi(search, async (c) =>
    c.json(await searchMarketplace(deps, c.req.valid("query"), c.get("user")?.id ?? null), 200),
  );
  router.openapi(subscribe, async (c) => {
    const user = requireUser(c);
    const paymentId = await quoteSubscription(deps, user.id, {
      ...c.req.valid("json"),
      modelId: c.req.valid("param").id,
    });
    return c.json({ payment: await getPayment(deps, user.id, paymentId) }, 200);
  });
  router.openapi(mine, async (c) => {
    const accounts = await accountRefsOf(deps, requireUser(c).id);
    return c.json({ subscriptions: await subscriptionsOf(deps, accounts) }, 200);
  });
  return router;
}

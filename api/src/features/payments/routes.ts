import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { createPayment, getPayment, paymentHistory, verifyPayment } from "./service.ts";
import { paymentSchema } from "./view.ts";

const tags = ["Payments"];

/** 1 to 120 months of 30 days: the contract's own limits. */
export const monthsSchema = z.number().int().min(1).max(120);

const create = createRoute({
  method: "post",
  path: "/create",
  operationId: "createPayment",
  tags,
  summary: "Quote a payment: what to sign, who gets what, until when",
  request: {
    body: jsonBody(
      z.object({
        purpose: z.enum(["publish", "service", "listing"]),
        modelId: z.uuid(),
        months: monthsSchema.optional(),
        wallet: addressSchema,
        chain: z.string().max(64),
        groupId: z.uuid().optional().describe("Buy a service for this group of yours"),
      }),
    ),
  },
  responses: { 200: json(paymentSchema), ...errorResponses(400, 401, 403, 404, 409, 503) },
});

const verify = createRoute({
  method: "post",
  path: "/verify",
  operationId: "verifyPayment",
  tags,
  summary: "Where a transaction stands, and why it is not the payment if it is not",
  request: {
    body: jsonBody(
      z.object({
        paymentId: z.uuid(),
        txHash: z
          .string()
          .regex(/^0x[0-9a-fA-F]{64}$/, "not a transaction hash: 0x and 64 hexadecimal digits")
          .toLowerCase()
          .transform((text) => text as `0x${string}`)
          .openapi({ type: "string" }),
      }),
    ),
  },
  responses: { 200: json(paymentSchema), ...errorResponses(400, 401, 404, 503) },
});

const history = createRoute({
  method: "get",
  path: "/history/all",
  operationId: "listPayments",
  tags,
  summary: "All payments of yours and your groups, the newest first",
  responses: { 200: json(z.object({ payments: z.array(paymentSchema) })), ...errorResponses(401) },
});

const get = createRoute({
  method: "get",
  path: "/{id}",
  operationId: "getPayment",
  tags,
  summary: "A payment as it stands",
  request: { params: z.object({ id: z.string().max(200) }) },
  responses: { 200: json(paymentSchema), ...errorResponses(401, 404) },
});

/** `/api/payments` */
export function paymentsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(create, async (c) =>
    c.json(await createPayment(deps, requireUser(c).id, c.req.valid("json")), 200),
  );
  router.openapi(verify, async (c) =>
    c.json(await verifyPayment(deps, requireUser(c).id, c.req.valid("json")), 200),
  );
  router.openapi(history, async (c) =>
    c.json({ payments: await paymentHistory(deps, requireUser(c).id) }, 200),
  );
  router.openapi(get, async (c) =>
    c.json(await getPayment(deps, requireUser(c).id, c.req.valid("param").id), 200),
  );
  return router;
}

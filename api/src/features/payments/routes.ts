import { createRoute, z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { usdtInputSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { myTransfers } from "./cashier/received.ts";
import { mountHeld } from "./held-routes.ts";
import { paymentHistory } from "./history.ts";
import { createPayment, getPayment, permitPayment, verifyPayment } from "./service.ts";
import { paymentSchema, receivedSchema } from "./shapes.ts";

export { paymentSchema } from "./shapes.ts";

const tags = ["Payments"];

/** 1 to 120 months of 30 days: the contract's own limits. */
export const monthsSchema = z.number().int().min(1).max(120);

const payer = { wallet: addressSchema, chain: z.string().max(64) };
const forGroup = z.uuid().nullish().describe("Buy for this group of yours");
const modelId = z.uuid();
const months = monthsSchema.optional();

const createSchema = z
  .discriminatedUnion("purpose", [
    z.object({ purpose: z.literal("publish"), modelId, ...payer }),
    z.object({ purpose: z.literal("listing"), modelId, months, ...payer }),
    z.object({ purpose: z.literal("service"), modelId, months, groupId: forGroup, ...payer }),
    z.object({ purpose: z.literal("license"), modelId, groupId: forGroup, ...payer }),
    z.object({
      purpose: z.literal("plan"),
      plan: z.number().int().min(1).max(3).describe("1 Basic, 2 Pro, 3 Enterprise"),
      months,
      groupId: forGroup,
      ...payer,
    }),
    z.object({
      purpose: z.literal("usage"),
      amount: usdtInputSchema,
      dailyCap: usdtInputSchema.optional().describe("The most that may be charged in a day"),
      groupId: forGroup,
      ...payer,
    }),
  ])
  .openapi("CreatePayment");

const create = createRoute({
  method: "post",
  path: "/create",
  operationId: "createPayment",
  tags,
  summary: "Quote a payment: what to sign, who gets what, until when",
  request: { body: jsonBody(createSchema) },
  responses: { 200: json(paymentSchema), ...errorResponses(400, 401, 403, 404, 409, 429, 503) },
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
          .regex(/^(0x)?[0-9a-fA-F]{64}$/, "not a transaction hash: 64 hexadecimal digits")
          .toLowerCase()
          .transform((text) => `0x${text.slice(-64)}` as `0x${string}`)
          .openapi({ type: "string" }),
      }),
    ),
  },
  responses: { 200: json(paymentSchema), ...errorResponses(400, 401, 404, 429, 503) },
});

const history = createRoute({
  method: "get",
  path: "/history/all",
  operationId: "listPayments",
  tags,
  summary: "The payments of yours and your groups, the newest first, a page at a time",
  request: {
    query: z.object({
      cursor: z.string().max(300).optional().describe("`next` of the page before"),
      limit: z.coerce.number().int().min(1).max(200).optional().describe("50 by default"),
    }),
  },
  responses: {
    200: json(z.object({ payments: z.array(paymentSchema), next: z.string().nullable() })),
    ...errorResponses(400, 401, 503),
  },
});

const transfers = createRoute({
  method: "get",
  path: "/transfers",
  operationId: "listTransfers",
  tags,
  summary: "Plain transfers of yours and what became of each, the newest first",
  responses: { 200: json(z.object({ transfers: z.array(receivedSchema) })), ...errorResponses(401) },
});

const permit = createRoute({
  method: "post",
  path: "/{id}/permit",
  operationId: "permitPayment",
  tags,
  summary: "Pay by a Permit2 signature: the call that carries it, which anyone may send",
  request: {
    params: z.object({ id: z.uuid() }),
    body: jsonBody(
      z.object({
        signature: z
          .string()
          .max(20_000)
          .regex(/^0x([0-9a-fA-F]{2})+$/, "not a signature: 0x and hexadecimal digits")
          .transform((text) => text as `0x${string}`)
          .openapi({ type: "string" }),
      }),
    ),
  },
  responses: { 200: json(z.object({ call: callSchema })), ...errorResponses(400, 401, 404, 409, 503) },
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
    c.json(await paymentHistory(deps, requireUser(c).id, c.req.valid("query")), 200),
  );
  router.openapi(transfers, async (c) =>
    c.json({ transfers: await myTransfers(deps, requireUser(c).id) }, 200),
  );
  // Before what takes any word for a payment's id.
  mountHeld(router, deps);
  router.openapi(permit, async (c) => {
    const { id } = c.req.valid("param");
    const { signature } = c.req.valid("json");
    return c.json({ call: await permitPayment(deps, requireUser(c).id, { id, signature }) }, 200);
  });
  router.openapi(get, async (c) =>
    c.json(await getPayment(deps, requireUser(c).id, c.req.valid("param").id, { fresh: false }), 200),
  );
  return router;
}

import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { usdtSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { addressSchema } from "../auth/shapes.ts";
import { priceInputSchema } from "../marketplace/terms.ts";
import { monthsSchema } from "../payments/routes.ts";
import { createPayment, getPayment } from "../payments/service.ts";
import { paymentSchema } from "../payments/shapes.ts";
import { onchainSchema, splitMemberSchema, termsSchema } from "./onchain.ts";
import { quotePublication } from "./quote.ts";
import { publishingOf } from "./service.ts";

const tags = ["Publishing"];
const byModel = z.object({ id: z.uuid() });

const publishingSchema = z
  .object({
    state: z.enum(["draft", "ready", "published"]),
    missing: z
      .array(z.enum(["file", "terms", "wallet"]))
      .describe("What it needs before it can be published"),
    wallet: z.string().nullable().describe("The wallet that the fee is for"),
    fee: usdtSchema.nullable().describe("Publishing from that wallet; null without one, or when published"),
    firstFree: z.boolean().describe("Whether the fee is 0 because it is that wallet's first model"),
    listing: z.object({
      fee: usdtSchema.describe("For each period; the first is in the publishing"),
      days: z.number().int(),
      graceDays: z.number().int(),
      paidUntil: z.iso.datetime().nullable(),
      listedUntil: z.iso.datetime().nullable(),
      listed: z.boolean(),
      daysLeft: z
        .number()
        .int()
        .nullable()
        .describe("Days of paid time, rounded up; 0 in the grace and after"),
      inGrace: z.boolean().describe("The paid time is over, and the model is still listed"),
      graceEndsAt: z.iso
        .datetime()
        .nullable()
        .describe("When it leaves the marketplace unless it is paid for"),
    }),
    terms: termsSchema.nullable(),
    split: z
      .object({
        splitId: z.string(),
        members: z.array(splitMemberSchema),
        isDefault: z.boolean().describe("Nobody set one: all goes to the publishing wallet"),
      })
      .nullable(),
    onchain: onchainSchema.nullable(),
  })
  .openapi("Publishing");

const status = createRoute({
  method: "get",
  path: "/model/{id}/publishing",
  operationId: "getPublishing",
  tags,
  summary: "Where a model stands on its way to the chain, and what publishing costs",
  request: { params: byModel, query: z.object({ wallet: addressSchema.optional() }) },
  responses: { 200: json(publishingSchema), ...errorResponses(400, 401, 403, 404, 503) },
});

const publish = createRoute({
  method: "post",
  path: "/model/{id}/publish",
  operationId: "publishModel",
  tags,
  summary: "Quote publishing a model: the call that its wallet signs (owners of its group)",
  request: {
    params: byModel,
    body: jsonBody(
      z.object({
        wallet: addressSchema,
        chain: z.string().max(64),
        terms: priceInputSchema.optional().describe("Left out: those set with the service"),
      }),
    ),
  },
  responses: {
    200: json(z.object({ payment: paymentSchema })),
    ...errorResponses(400, 401, 403, 404, 409, 429, 503),
  },
});

const listingFee = createRoute({
  method: "post",
  path: "/model/{id}/listing-fee",
  operationId: "payListingFee",
  tags,
  summary: "Quote more listing time for a published model; one that left the marketplace comes back with it",
  request: {
    params: byModel,
    body: jsonBody(z.object({ wallet: addressSchema, chain: z.string().max(64), months: monthsSchema })),
  },
  responses: {
    200: json(z.object({ payment: paymentSchema })),
    ...errorResponses(400, 401, 403, 404, 409, 429, 503),
  },
});

/** `/api/publishing` */
export function publishingRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(status, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(await publishingOf(deps, requireUser(c).id, id, c.req.valid("query").wallet), 200);
  });
  router.openapi(publish, async (c) => {
    const user = requireUser(c);
    const quote = { ...c.req.valid("json"), modelId: c.req.valid("param").id };
    const paymentId = await quotePublication(deps, user.id, quote);
    return c.json({ payment: await getPayment(deps, user.id, paymentId) }, 200);
  });
  router.openapi(listingFee, async (c) => {
    const payment = await createPayment(deps, requireUser(c).id, {
      purpose: "listing",
      ...c.req.valid("json"),
      modelId: c.req.valid("param").id,
    });
    return c.json({ payment }, 200);
  });
  return router;
}

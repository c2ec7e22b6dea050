import { createRoute, z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { createRouter, errorResponses, json, type Router } from "../../core/http.ts";
import { usdtSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { myEarnings } from "./service.ts";

const earningsSchema = z
  .object({
    totals: z.object({
      earned: usdtSchema.describe("In the life of all splits that your wallets share in"),
      drawn: usdtSchema,
      drawable: usdtSchema,
      credit: usdtSchema.describe("Already yours in the contract, not withdrawn yet"),
    }),
    models: z.array(
      z.object({
        modelId: z.uuid(),
        name: z.string(),
        chain: z.string(),
        splitId: z.string(),
        revenue: usdtSchema,
        platformFee: usdtSchema,
        creators: usdtSchema,
        mine: z
          .object({
            member: z.string().describe("Your wallet; with several, the one with the largest share"),
            bps: z.number().int(),
            earned: usdtSchema,
            drawn: usdtSchema,
            drawable: usdtSchema,
          })
          .nullable()
          .describe("Null when it is your group's model but no wallet of yours shares in it"),
        members: z.array(
          z.object({ address: z.string(), bps: z.number().int(), earned: usdtSchema, drawn: usdtSchema }),
        ),
      }),
    ),
    claims: z.array(
      z.object({
        chain: z.string(),
        splitId: z.string(),
        split: z.object({ members: z.array(z.string()), bps: z.array(z.number().int()) }),
        member: z.string().describe("The wallet that signs, and that is paid"),
        drawable: usdtSchema,
        call: callSchema,
      }),
    ),
    credits: z.array(
      z.object({ chain: z.string(), address: z.string(), amount: usdtSchema, call: callSchema }),
    ),
    platform: z.object({ earned: usdtSchema.describe("The platform's part of the revenue of these models") }),
    entries: z.array(
      z.object({
        at: z.iso.datetime(),
        kind: z.enum([
          "earned",
          "draw",
          "withdraw",
          "deposit",
          "debit",
          "fee_collected",
          "refund",
          "job",
          "usage_exit",
        ]),
        amount: usdtSchema.describe("Negative for what went out"),
        chain: z.string(),
        address: z.string().describe("Your wallet"),
        counterparty: z.string().nullable(),
        modelId: z.uuid().nullable(),
        modelName: z.string().nullable(),
        txHash: z.string(),
      }),
    ),
  })
  .openapi("Earnings");

const mine = createRoute({
  method: "get",
  path: "/my-earnings",
  operationId: "getEarnings",
  tags: ["Revenue"],
  summary: "What your wallets earned, and the calls that take it out",
  responses: { 200: json(earningsSchema), ...errorResponses(401) },
});

/** `/api/revenue` */
export function revenueRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(mine, async (c) => c.json(await myEarnings(deps, requireUser(c).id), 200));
  return router;
}

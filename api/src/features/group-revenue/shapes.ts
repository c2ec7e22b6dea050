import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtSchema } from "../../core/money.ts";
import { splitMemberSchema } from "../publishing/onchain.ts";

export const splitSchema = z
  .object({ splitId: z.string(), members: z.array(splitMemberSchema) })
  .openapi("Split");

const monthText = z.string().openapi({ example: "2026-11", description: "UTC" });

/** A model's month, as it stands or as it was frozen. */
export const statementSchema = z
  .object({
    modelId: z.uuid(),
    name: z.string(),
    chain: z.string().describe("CAIP-2, of the addresses and calls"),
    month: monthText,
    frozenAt: z.iso.datetime().nullable().describe("Null: may still change"),
    sources: z
      .object({ service: usdtSchema, license: usdtSchema, usage: usdtSchema, pool: usdtSchema })
      .describe("What was paid for the model; `pool`: its part of the creators' pool, without fee"),
    gross: usdtSchema,
    fee: usdtSchema.describe("The platform's part"),
    creators: usdtSchema,
    poolState: z
      .enum(["open", "computed", "published", "posted", "active", "vetoed", "empty"])
      .describe("How far the month's distribution of the pool is"),
    members: z.array(
      z.object({
        splitId: z.string().describe("A split that was changed within the month stands beside the new one"),
        address: z.string(),
        bps: z.number().int(),
        amount: usdtSchema.describe("The member's part of this month"),
        drawn: usdtSchema.describe("What the member drew from the split in its life"),
      }),
    ),
    calls: z
      .array(
        z.object({
          kind: z.enum(["claim", "draw"]),
          splitId: z.string(),
          member: z.string().nullable().describe("Whom the call pays; null for the split itself"),
          amount: usdtSchema,
          call: callSchema,
        }),
      )
      .describe("What can be claimed and drawn now, by anyone: it goes to whose it is"),
  })
  .openapi("RevenueStatement");

const amounts = {
  gross: usdtSchema,
  fee: usdtSchema,
  creators: usdtSchema.describe("Earned at once: subscriptions, licences and metered use, less the fee"),
  pool: usdtSchema.describe("Its part of the creators' pool"),
  mine: usdtSchema.describe("The part of your wallets"),
};

export const groupEarningsSchema = z
  .object({
    groups: z.array(
      z.object({
        groupId: z.uuid(),
        name: z.string(),
        role: z.enum(["owner", "member"]),
        ...amounts,
        models: z.array(z.object({ modelId: z.uuid(), name: z.string(), ...amounts })),
        months: z.array(z.object({ month: monthText, ...amounts })).describe("The newest first"),
      }),
    ),
  })
  .openapi("GroupEarnings");

export const historySchema = splitSchema.extend({
  since: z.object({ block: z.number().int(), time: z.iso.datetime(), txHash: z.string() }),
  until: z.iso.datetime().nullable().describe("Null: earns now"),
  earned: usdtSchema.describe("What the model earned through it, without the creators' pool"),
});

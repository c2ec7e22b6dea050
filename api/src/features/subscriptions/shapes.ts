import { z } from "@hono/zod-openapi";
import { usdtSchema } from "../../core/money.ts";

export const planIdSchema = z.enum(["free", "basic", "pro", "enterprise"]);
const planNumber = z.number().int().min(0).max(3);

export const planSchema = z
  .object({
    plan: planNumber.describe("The contract's number; 0: free"),
    id: planIdSchema,
    name: z.string(),
    priceMonth: usdtSchema.describe("For 30 days, USDT"),
    requestsPerDay: z.number().int().describe("Calls in a UTC day"),
    tokensPerMonth: z.number().int().describe("Tokens in and out, in a UTC month"),
    platform: usdtSchema.describe("The platform's part of a month's price"),
    pool: usdtSchema.describe("The part that goes to the creators' pool"),
    offered: z.boolean().describe("Whether it can be bought now"),
  })
  .openapi("Plan");
export type PlanView = z.infer<typeof planSchema>;

const periodSchema = z
  .object({
    plan: planNumber,
    id: planIdSchema,
    via: z.enum(["user", "group"]),
    groupId: z.uuid().nullable(),
    months: z.number().int(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    txHash: z.string(),
    chain: z.string(),
    price: usdtSchema,
    confirmed: z.boolean(),
    confirmations: z.number().int(),
    required: z.number().int(),
  })
  .openapi("PlanPeriod");
export type PeriodView = z.infer<typeof periodSchema>;

export const mySubscriptionSchema = z
  .object({
    current: z.object({
      plan: planNumber,
      id: planIdSchema,
      name: z.string(),
      activeUntil: z.iso.datetime().nullable().describe("null: the free plan, which does not end"),
      cancelled: z.boolean().describe("Not to be renewed; it lasts until activeUntil all the same"),
      via: z.enum(["user", "group"]),
      groupId: z.uuid().nullable(),
    }),
    usage: z
      .object({
        requestsToday: z.number().int(),
        requestsPerDay: z.number().int(),
        tokensThisMonth: z.number().int(),
        tokensPerMonth: z.number().int(),
        resetsAt: z.object({ day: z.iso.datetime(), month: z.iso.datetime() }),
      })
      .describe("Of the current plan's account; a group's is shared by its members"),
    periods: z.array(periodSchema).describe("Confirmed purchases of yours and your groups, the newest first"),
    pending: z
      .array(periodSchema)
      .describe("Purchases that wait for confirmations; from and to as they will be"),
  })
  .openapi("MySubscription");
export type MySubscriptionView = z.infer<typeof mySubscriptionSchema>;

import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtSchema } from "../../core/money.ts";

export const monthParams = z.object({
  year: z.coerce.number().int().min(2020).max(5460).openapi({ example: 2026 }),
  month: z.coerce.number().int().min(1).max(12).openapi({ example: 11 }),
});

export const chainQuery = z.object({
  chain: z.string().max(100).optional().describe("CAIP-2; left out: the first that is served"),
});

export const scopeQuery = z.object({
  scope: z
    .enum(["all", "mine"])
    .default("all")
    .describe("Everything that the contract took in, or only what your wallets and groups have a part in"),
});

const monthText = z.string().openapi({ example: "2026-11", description: "UTC" });

export const SOURCES = ["publish", "listing", "service", "license", "plan", "usage", "job", "pool"] as const;
export type Source = (typeof SOURCES)[number];
export const sourceSchema = z
  .enum(SOURCES)
  .describe("What was paid for; `pool`: the creators' part of the plans, shared by use");

const amounts = {
  gross: usdtSchema.describe("What was paid: the platform's, the creators' and the pool's part"),
  fee: usdtSchema.describe("The platform's part"),
  creators: usdtSchema.describe("What went to splits and nodes at once"),
  pool: usdtSchema.describe("What went into the creators' pool"),
  mine: usdtSchema.describe("The part of your wallets"),
};

export const summarySchema = z
  .object({
    totals: z.object({
      gross: usdtSchema,
      platform: usdtSchema,
      creators: usdtSchema.describe("Earned by splits and nodes, what the pool paid not counted twice"),
      mine: usdtSchema,
      pool: z.object({
        funded: usdtSchema.describe("Paid in by plans"),
        claimed: usdtSchema,
        claimable: usdtSchema.describe("In the root that pays now, not claimed"),
      }),
    }),
    bySource: z.array(z.object({ source: sourceSchema, ...amounts })),
    months: z.array(z.object({ month: monthText, ...amounts })).describe("The newest first"),
  })
  .openapi("RevenueSummary");

export const monthlySchema = z
  .object({
    month: monthText,
    totals: z.object(amounts),
    models: z.array(
      z.object({
        modelId: z.uuid().nullable().describe("Null: a model that this platform does not know"),
        onchainId: z.string(),
        name: z.string().nullable(),
        chain: z.string(),
        source: sourceSchema,
        gross: usdtSchema,
        fee: usdtSchema,
        creators: usdtSchema,
        mine: usdtSchema,
      }),
    ),
    other: z
      .array(z.object({ source: sourceSchema, ...amounts }))
      .describe("What no model's creators have a direct part in: publishing, listing, plans, jobs"),
  })
  .openapi("MonthlyRevenue");

export const distributionSchema = z
  .object({
    month: monthText,
    chain: z.string(),
    state: z
      .enum(["open", "computed", "published", "posted", "active", "vetoed", "empty"])
      .describe(
        "open: the month goes on, or waits for its turn; posted: waits out the veto window; active: pays; empty: nothing to post",
      ),
    attempt: z.number().int().describe("0: not computed yet; over 1: done again after a veto"),
    note: z.string().nullable().describe("What it waits for, in words"),
    root: z.string().nullable(),
    total: usdtSchema.nullable().describe("What the root pays in all, every month until this one"),
    pool: usdtSchema.nullable().describe("What there was to share"),
    carry: usdtSchema.nullable().describe("What is left for the next month"),
    cid: z.string().nullable().describe("Of the inputs, on IPFS"),
    activeAt: z.iso.datetime().nullable(),
    txHash: z.string().nullable(),
    models: z.array(
      z.object({
        modelId: z.uuid().nullable(),
        onchainId: z.string(),
        name: z.string().nullable(),
        splitId: z.string(),
        tokens: z.string().openapi({ example: "12345" }),
        share: z.string().openapi({ example: "40.00", description: "Per cent of all tokens, rounded down" }),
        amount: usdtSchema,
      }),
    ),
    inputsUrl: z.string().nullable(),
  })
  .openapi("Distribution");

const splitShape = z.object({ members: z.array(z.string()), bps: z.array(z.number().int()) });

const claimShape = {
  kind: z.enum(["split", "pool", "credit", "usage"]),
  chain: z.string(),
  member: z.string().describe("The wallet that signs, and that is paid"),
  amount: usdtSchema,
  splitId: z.string().nullable(),
  split: splitShape.nullable(),
};

export const earningsSchema = z
  .object({
    totals: z.object({
      earned: usdtSchema.describe("In the life of all splits that your wallets share in"),
      drawn: usdtSchema,
      drawable: usdtSchema,
      pool: usdtSchema.describe("Your part of what your splits can claim from the creators' pool"),
      credit: usdtSchema.describe("Already yours in the contract, not withdrawn yet"),
      usage: usdtSchema.describe("Deposits for metered use that you left and can take back"),
      claimable: usdtSchema.describe("All of it together"),
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
        pool: usdtSchema.describe(
          "What was claimed of the creators' pool for it, shared like the creators' part",
        ),
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
    claims: z
      .array(
        z.object({
          ...claimShape,
          drawable: usdtSchema.describe("The same as `amount`"),
          cumulative: usdtSchema.nullable().describe("Of a pool claim: what the split is owed in its life"),
          proof: z.array(z.string()).nullable().describe("Of a pool claim: from its leaf to the root"),
          call: callSchema.describe("A pool claim's also draws what the member can draw already"),
        }),
      )
      .describe("Everything that can be taken out now, wherever it is"),
    upcoming: z
      .array(z.object({ ...claimShape, availableAt: z.iso.datetime() }))
      .describe("What can be taken out later: a root in its veto window, a deposit in its delay"),
    credits: z.array(
      z.object({ chain: z.string(), address: z.string(), amount: usdtSchema, call: callSchema }),
    ),
    platform: z.object({ earned: usdtSchema.describe("The platform's part of the revenue of these models") }),
    entries: z.array(
      z.object({
        at: z.iso.datetime(),
        kind: z.string().describe("earned, pool, draw, withdraw, deposit, debit, refund, job, usage_exit …"),
        source: sourceSchema.nullable().describe("Of what was earned"),
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

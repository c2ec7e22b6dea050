import { z } from "@hono/zod-openapi";
import { usdtSchema } from "../../core/money.ts";
import { jobDetailSchema, jobDisputeSchema, jobSchema } from "./shapes.ts";

const client = z.object({ id: z.uuid(), name: z.string() }).describe("The user who ordered it");

export const adminJobSchema = z.object({ job: jobSchema, client }).openapi("AdminJob");

export const disputedJobSchema = adminJobSchema
  .extend({
    since: z.iso.datetime().describe("Of the escrow's status"),
    status: z.enum(["disputed", "paid", "resolved"]),
    submission: z.object({ node: z.string(), payee: z.string(), result: z.string() }),
    dispute: jobDisputeSchema,
    paid: usdtSchema,
    fee: usdtSchema,
    refunded: usdtSchema,
    txHash: z.string().describe("Of the escrow's last transaction"),
  })
  .openapi("DisputedJob");
export type DisputedJob = z.infer<typeof disputedJobSchema>;

export const adminJobDetailSchema = z
  .object({
    job: jobDetailSchema,
    client,
    verified: z
      .boolean()
      .nullable()
      .describe("Whether the submitted result is the one that was checked here, of its node; null: none was"),
    files: z
      .array(
        z.object({
          attempt: z.number().int(),
          path: z.string(),
          cid: z.string(),
          size: z.number().int(),
          sha256: z.string(),
        }),
      )
      .describe("What its attempts put out, also those that came to nothing, as long as it is kept"),
  })
  .openapi("AdminJobDetail");
export type AdminJobDetail = z.infer<typeof adminJobDetailSchema>;

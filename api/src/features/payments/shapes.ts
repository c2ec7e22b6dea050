import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtSchema } from "../../core/money.ts";
import { PURPOSES } from "./schema.ts";

export const reasonSchema = z
  .object({ code: z.string(), message: z.string(), hint: z.string() })
  .openapi("PaymentReason");

export type Reason = z.infer<typeof reasonSchema>;

export const shareSchema = z
  .object({
    kind: z.enum(["platform", "pool", "member", "deposit", "node"]),
    label: z.string(),
    address: z
      .string()
      .nullable()
      .describe("Whose it is; null for the creators' pool and for who will do a job"),
    bps: z.number().int().describe("A member's of the creators' part, anybody else's of the amount"),
    amount: usdtSchema.describe("Rounded down"),
  })
  .openapi("PaymentShare");

export type Share = z.infer<typeof shareSchema>;

const typedDataSchema = z
  .object({
    domain: z.object({ name: z.string(), chainId: z.number().int(), verifyingContract: z.string() }),
    types: z.record(z.string(), z.array(z.object({ name: z.string(), type: z.string() }))),
    primaryType: z.string(),
    message: z.record(z.string(), z.unknown()).describe("Integers as decimal strings"),
  })
  .openapi("TypedData", { description: "For eth_signTypedData_v4" });

const approvalFields = {
  allowanceReset: callSchema.nullable().describe("Sign first: USDT lets an allowance change only from zero"),
  allowance: callSchema.nullable().describe("Sign before the rest: the wallet's allowance is short"),
};

export const waysSchema = z
  .object({
    wallet: z
      .object({ ...approvalFields, call: callSchema })
      .nullable()
      .describe("From the wallet; null while the chain does not tell what the wallet allows already"),
    credit: z
      .object({ available: usdtSchema, call: callSchema })
      .nullable()
      .describe("From the wallet's credit in the contract; null when that is not enough"),
    permit2: z
      .object({ ...approvalFields, typedData: typedDataSchema })
      .nullable()
      .describe("By a signature, which goes to `POST /api/payments/{id}/permit`"),
    transfer: z
      .object({
        to: z.string(),
        amount: usdtSchema.describe("Exactly this: the last digits tell whose it is"),
        uri: z.string().describe("For a QR code: EIP-681, and `tron:<T…>?amount=<USDT>` on Tron"),
        network: z.string(),
        token: z.string().describe("Contract of the USDT to send"),
        expiresAt: z.iso.datetime(),
      })
      .nullable()
      .describe("By a plain transfer from anywhere, an exchange for one; null when that is not possible"),
    noTransfer: reasonSchema
      .nullable()
      .describe("Why it cannot be paid so, where that is because it costs too little for it"),
  })
  .openapi("PaymentWays");

export type Ways = z.infer<typeof waysSchema>;

export const receivedSchema = z
  .object({
    txHash: z.string(),
    explorer: z.string().nullable(),
    from: z.string(),
    amount: usdtSchema,
    outcome: z.enum(["arriving", "purchase", "credit", "held"]),
    confirmations: z.number().int(),
    payee: z.string().nullable().describe("Whose credit it becomes, or what is left of it"),
    credited: usdtSchema.describe("What has become credit so far"),
    waiting: usdtSchema.describe(
      "What becomes credit together with more: too little for a transaction of its own",
    ),
    creditTxHash: z.string().nullable(),
    reason: reasonSchema.nullable(),
  })
  .openapi("ReceivedTransfer", { description: "A plain transfer and what became of it" });

export type Received = z.infer<typeof receivedSchema>;

export const paymentSchema = z
  .object({
    id: z.string().describe("UUID; of a payment that was made without a quote, the id of its event"),
    quoted: z.boolean(),
    purpose: z.enum(PURPOSES),
    chain: z.string(),
    status: z
      .enum(["quoted", "seen", "confirmed", "expired", "failed", "late", "short", "reorged"])
      .describe(
        "late and short: a plain transfer came after the quote's end, or was too little, and became credit",
      ),
    amount: usdtSchema,
    fee: usdtSchema.describe("The platform's part"),
    creators: usdtSchema.describe("The rest, for the members of the split or the creators' pool"),
    shares: z.array(shareSchema).describe("What goes to whom"),
    dust: usdtSchema.describe("What rounding leaves in the split, to be shared with later revenue"),
    account: z.string().describe("The account reference that the payment is for"),
    wallet: z.string(),
    modelId: z.uuid().nullable(),
    modelName: z.string().nullable(),
    plan: z.number().int().nullable().describe("1 Basic, 2 Pro, 3 Enterprise"),
    months: z.number().int(),
    dailyCap: usdtSchema.nullable().describe("Deposits: the most that may be charged in a day"),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    txHash: z.string().nullable(),
    explorer: z
      .object({ transaction: z.string().nullable(), contract: z.string().nullable() })
      .describe("Pages of the chain's explorer, where it has one"),
    confirmations: z.number().int(),
    required: z.number().int(),
    allowanceReset: approvalFields.allowanceReset,
    allowance: approvalFields.allowance,
    call: callSchema,
    ways: waysSchema.nullable().describe("How it can be paid; null when it cannot any more"),
    received: receivedSchema.nullable().describe("The plain transfer that came for it"),
    unmatched: z
      .array(receivedSchema)
      .describe(
        "Plain transfers of another amount, from wallets of yours, that came while the quote was open and became credit",
      ),
    reason: reasonSchema.nullable(),
  })
  .openapi("Payment");

export type PaymentView = z.infer<typeof paymentSchema>;

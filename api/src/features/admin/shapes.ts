import { z } from "@hono/zod-openapi";
import { callSchema } from "../../chain/calls.ts";
import { usdtSchema } from "../../core/money.ts";

export const adminWalletSchema = z
  .object({
    chain: z.string(),
    address: z.string(),
    role: z.enum(["default_admin", "admin", "operator"]),
    user: z.object({ id: z.uuid(), name: z.string() }).nullable().describe("Whose linked wallet it is"),
  })
  .openapi("AdminWallet");

export const adminWalletsSchema = z
  .object({
    wallets: z.array(adminWalletSchema),
    canSign: z.array(z.string()).describe("Wallets that grant and revoke the role admin: default admins"),
  })
  .openapi("AdminWallets");

export const adminCallSchema = z
  .object({
    call: callSchema,
    signers: z.array(z.string()).describe("The wallets that can sign it; any one of them"),
  })
  .openapi("AdminCall");
export type AdminCallView = z.infer<typeof adminCallSchema>;

const rootSchema = z.object({
  month: z.string().openapi({ example: "2026-11" }),
  root: z.string(),
  total: usdtSchema.describe("Of all months up to this one"),
  activeAt: z.iso.datetime(),
  state: z.enum(["waiting", "active", "vetoed"]),
  cid: z.string(),
  txHash: z.string(),
});

export const overviewSchema = z
  .object({
    chains: z.array(
      z.object({
        chain: z.string(),
        name: z.string(),
        aiforge: z.string(),
        explorer: z.string().nullable(),
        paused: z.boolean(),
        treasury: z.string().nullable(),
        uncollectedFees: usdtSchema.describe(
          "The platform's fees that the treasury was not credited with yet",
        ),
        fees: usdtSchema.describe("The platform's fees of all time"),
        pool: z.object({
          funded: usdtSchema.describe("What plans brought the creators' pool, of all time"),
          claimed: usdtSchema,
        }),
        plans: z.array(z.object({ plan: z.number().int(), name: z.string(), priceMonth: usdtSchema })),
        roots: z.array(rootSchema).describe("The last 24, the newest first"),
        headBlock: z.number().int().nullable().describe("How far the chain is mirrored"),
      }),
    ),
    users: z.number().int(),
    models: z.object({ all: z.number().int(), listed: z.number().int() }),
  })
  .openapi("AdminOverview");
export type OverviewView = z.infer<typeof overviewSchema>;

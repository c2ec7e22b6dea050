import { createRoute, z } from "@hono/zod-openapi";
import { errorResponses, json, jsonBody, type Router } from "../../core/http.ts";
import { usdtSchema } from "../../core/money.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { noRoute } from "../admin/errors.ts";
import { isAdmin } from "../admin/service.ts";
import { addressSchema } from "../auth/shapes.ts";
import { assignTransfer, heldTransfers } from "./cashier/held.ts";
import { reasonSchema } from "./shapes.ts";

const tags = ["Admin"];

const transfer = {
  id: z.uuid(),
  chain: z.string(),
  txHash: z.string(),
  explorer: z.string().nullable(),
  from: z.string(),
  amount: usdtSchema,
  receivedAt: z.iso.datetime(),
};

export const heldSchema = z
  .object({
    held: z
      .array(
        z.object({
          ...transfer,
          code: z
            .string()
            .describe("unmatched: fits no quote; dust: under a cent; not_payable: its payee takes no credit"),
        }),
      )
      .describe("The oldest first"),
    assigned: z
      .array(
        z.object({
          ...transfer,
          payee: z.string().describe("Whose credit it is, or what the purchase leaves of it"),
          paymentId: z.uuid().nullable().describe("The quote that it was given to; null: credit"),
          note: z.string(),
          by: z.object({ id: z.uuid(), name: z.string().nullable() }),
          at: z.iso.datetime(),
          outcome: z.enum(["purchase", "credit", "held"]),
          reason: reasonSchema.nullable().describe("What became of it, where the purchase does not say it"),
        }),
      )
      .describe("What admins gave away, the newest first"),
  })
  .openapi("HeldTransfers");

const list = createRoute({
  method: "get",
  path: "/held",
  operationId: "listHeldTransfers",
  tags,
  summary: "Plain transfers that nobody is known to have sent, and what admins did with such ones",
  responses: { 200: json(heldSchema), ...errorResponses(401, 404) },
});

const assign = createRoute({
  method: "post",
  path: "/held/{id}/assign",
  operationId: "assignTransfer",
  tags,
  summary: "Give a held transfer to its owner: as credit of a linked wallet, or for a quote",
  description: "The cashier carries it out once. Asked again for the same it changes nothing.",
  request: {
    params: z.object({ id: z.uuid() }),
    body: jsonBody(
      z
        .object({
          wallet: addressSchema.optional().describe("Whose credit it becomes"),
          paymentId: z.uuid().optional().describe("The quote that it was sent for"),
          note: z.string().trim().min(1).max(500).describe("How you know whose it is"),
        })
        .refine(({ wallet, paymentId }) => (wallet === undefined) !== (paymentId === undefined), {
          message: "either a wallet or a quote",
          path: ["wallet"],
        }),
    ),
  },
  responses: { 200: json(heldSchema), ...errorResponses(400, 401, 404, 409) },
});

/** `/api/payments/held`: for admins; to others these paths do not exist. */
export function mountHeld(router: Router, deps: Deps): void {
  router.use("/held/*", async (c, next) => {
    if (!(await isAdmin(deps, requireUser(c).id))) throw noRoute(c.req.method, c.req.path);
    await next();
  });
  router.openapi(list, async (c) => c.json(await heldTransfers(deps, requireUser(c).id), 200));
  router.openapi(assign, async (c) => {
    const { wallet, paymentId, note } = c.req.valid("json");
    const userId = requireUser(c).id;
    const target = wallet === undefined ? { paymentId: paymentId! } : { wallet };
    await assignTransfer(deps, userId, c.req.valid("param").id, target, note);
    return c.json(await heldTransfers(deps, userId), 200);
  });
}

import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, json, type Router } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { listChains } from "./service.ts";

const chainSchema = z
  .object({
    chain: z.string().describe("CAIP-2 id").openapi({ example: "eip155:31337" }),
    namespace: z
      .enum(["eip155", "tron"])
      .describe("What kind of chain: of Ethereum's kind with an RPC node, or Tron with its node's own API"),
    chainId: z.number().int().describe("As CHAINID says inside the chain's VM"),
    name: z.string(),
    rpcUrl: z.string().describe("The node that browsers ask; a path is relative to this site"),
    aiforge: z.string().describe("The contract"),
    usdt: z.string().describe("The token it takes"),
    treasury: z.string().nullable().describe("Where platform fees go; null while the chain is unreachable"),
    confirmations: z.number().int().describe("Blocks a purchase waits for, its own included"),
    explorer: z.string().nullable(),
    demo: z.boolean().describe("The local chain, whose money is play money"),
    headBlock: z.number().int().nullable().describe("Null while the chain is unreachable"),
    mirroredBlock: z.number().int().nullable().describe("How far the mirror is; null before it began"),
  })
  .openapi("Chain");

const list = createRoute({
  method: "get",
  path: "/",
  operationId: "listChains",
  tags: ["Chains"],
  summary: "The chains that payments can be made on",
  responses: { 200: json(z.object({ chains: z.array(chainSchema) })) },
});

/** `/api/chains` */
export function chainsRoutes(deps: Deps): Router {
  const router = createRouter();
  router.openapi(list, async (c) => c.json({ chains: await listChains(deps) }, 200));
  return router;
}

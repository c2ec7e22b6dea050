import type { IncomingMessage, ServerResponse } from "node:http";
import { isJson, MAX_BODY, passOn, readBody } from "./passOn.ts";
import { onlyCalls, refuseRpc } from "./rpcMethods.ts";

/** Answers `POST /rpc/<chainId>` with the chain's node. `chainId` is what followed /rpc/ in the path. */
export function createRpcProxy(rpcUrls: Record<string, string>) {
  return async function rpc(req: IncomingMessage, res: ServerResponse, chainId: string): Promise<void> {
    const target = Object.hasOwn(rpcUrls, chainId) ? rpcUrls[chainId] : undefined;
    if (!target) return refuse(res, 404, -32001, "No such chain here");
    if (req.method !== "POST") return refuse(res.setHeader("allow", "POST"), 405, -32600, "POST only");
    if (!isJson(req)) return refuse(res, 415, -32600, "content-type: application/json");
    const body = await readBody(req);
    if (body === null)
      return refuse(res.setHeader("connection", "close"), 413, -32600, `At most ${MAX_BODY} bytes`);
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      return refuse(res, 400, -32700, "Not JSON");
    }
    const refusal = refuseRpc(parsed);
    if (refusal) return refuse(res, 403, refusal.code, refusal.message, refusal.id);
    // Nodes differ in how they read a name that stands twice or in other letters: they get what was checked.
    const asked = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(onlyCalls(parsed)),
    } as const;
    await passOn(target, asked, res, () => refuse(res, 502, -32000, "The chain's node is not answering"));
  };
}

function refuse(
  res: ServerResponse,
  status: number,
  code: number,
  message: string,
  id: string | number | null = null,
): void {
  res
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { onlyCalls, refuseRpc } from "./rpcMethods.ts";

/** The largest transaction that a node accepts is 128 KiB, which is twice that in hex. */
const MAX_BODY = 512 * 1024;
const TIMEOUT_MS = 30_000;

/** Answers `POST /rpc/<chainId>` with the chain's node. `chainId` is what followed /rpc/ in the path. */
export function createRpcProxy(rpcUrls: Record<string, string>) {
  return async function rpc(req: IncomingMessage, res: ServerResponse, chainId: string): Promise<void> {
    const target = Object.hasOwn(rpcUrls, chainId) ? rpcUrls[chainId] : undefined;
    if (!target) return refuse(res, 404, -32001, "No such chain here");
    if (req.method !== "POST") return refuse(res.setHeader("allow", "POST"), 405, -32600, "POST only");
    // A form on another site can post text, but not JSON without being asked first.
    if (!/^application\/json\b/i.test(req.headers["content-type"] ?? "")) {
      return refuse(res, 415, -32600, "content-type: application/json");
    }
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
    await forward(target, JSON.stringify(onlyCalls(parsed)), res);
  };
}

async function forward(target: string, body: string, res: ServerResponse): Promise<void> {
  const gone = new AbortController();
  res.once("close", () => gone.abort());
  try {
    const answer = await fetch(target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    res.writeHead(answer.status, { "content-type": "application/json", "cache-control": "no-store" });
    if (!answer.body) return void res.end();
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), res);
  } catch {
    if (res.headersSent) res.destroy();
    else refuse(res, 502, -32000, "The chain's node is not answering");
  }
}

/** The body as text, or null when it is longer than allowed. */
async function readBody(req: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Returning early must leave the connection open, or the refusal would never arrive.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
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

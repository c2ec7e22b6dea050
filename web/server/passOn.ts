import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

/** The largest transaction that a node accepts is 128 KiB on an EVM chain and less on Tron, twice that in hex. */
export const MAX_BODY = 512 * 1024;
const TIMEOUT_MS = 30_000;

interface Asked {
  method: "GET" | "POST";
  headers: Record<string, string>;
  body?: string;
}

/** Asks a chain's node and passes its answer on as it comes; calls `unavailable` when there is none. */
export async function passOn(
  target: string,
  asked: Asked,
  res: ServerResponse,
  unavailable: () => void,
): Promise<void> {
  const gone = new AbortController();
  res.once("close", () => gone.abort());
  try {
    const answer = await fetch(target, {
      ...asked,
      // A node that sends elsewhere is not the one that was named.
      redirect: "error",
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    res.writeHead(answer.status, { "content-type": "application/json", "cache-control": "no-store" });
    if (!answer.body) return void res.end();
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), res);
  } catch {
    if (res.headersSent) res.destroy();
    else unavailable();
  }
}

/** The body as text, or null when it is longer than {@link MAX_BODY}. */
export async function readBody(req: IncomingMessage): Promise<string | null> {
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

/** A form on another site can post text, but not JSON without being asked first. */
export const isJson = (req: IncomingMessage): boolean =>
  /^application\/json\b/i.test(req.headers["content-type"] ?? "");

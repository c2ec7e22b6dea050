import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, Transform } from "node:stream";
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

interface Bounds {
  timeoutMs?: number;
  /** The longest answer; one that gets longer is cut off, so that it is never taken for a whole one. */
  maxBytes?: number;
}

/** Asks a chain's node and passes its answer on as it comes; calls `unavailable` when there is none. */
export async function passOn(
  target: string,
  asked: Asked,
  res: ServerResponse,
  unavailable: () => void,
  { timeoutMs = TIMEOUT_MS, maxBytes = Number.POSITIVE_INFINITY }: Bounds = {},
): Promise<void> {
  const gone = new AbortController();
  res.once("close", () => gone.abort());
  try {
    const answer = await fetch(target, {
      ...asked,
      // A node that sends elsewhere is not the one that was named.
      redirect: "error",
      signal: AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (Number(answer.headers.get("content-length")) > maxBytes) throw new Error("The answer is too long");
    const wait = answer.headers.get("retry-after");
    res.writeHead(answer.status, {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...(wait && { "retry-after": wait }),
    });
    if (!answer.body) return void res.end();
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), atMost(maxBytes), res);
  } catch {
    // What comes yet is not waited for.
    gone.abort();
    if (res.headersSent) res.destroy();
    else unavailable();
  }
}

function atMost(maxBytes: number): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > maxBytes) done(new Error("The answer is too long"));
      else done(null, chunk);
    },
  });
}

/** The body as text, or null when it is longer than that. */
export async function readBody(req: IncomingMessage, maxBytes = MAX_BODY): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Returning early must leave the connection open, or the refusal would never arrive.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A form on another site can post text, but not JSON without being asked first. */
export const isJson = (req: IncomingMessage): boolean =>
  /^application\/json\b/i.test(req.headers["content-type"] ?? "");

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

export interface Answer {
  status: number;
  retryAfter: string | null;
  body: Buffer;
}

interface Bounds {
  timeoutMs: number;
  /** The longest answer, in bytes. */
  maxBytes: number;
  /** Ends when nobody waits for it any more. */
  signal: AbortSignal;
}

/** A node's answer, the whole of it. @throws when there is none in time, or it is too long */
export async function askNode(
  target: string,
  asked: Asked,
  { timeoutMs, maxBytes, signal }: Bounds,
): Promise<Answer> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const { status, headers, body } = await fetchNode(target, asked, ended);
  const chunks: Buffer[] = [];
  let size = Number(headers.get("content-length")) > maxBytes ? Number.POSITIVE_INFINITY : 0;
  // Leaving the loop ends the connection.
  for await (const chunk of body ? Readable.fromWeb(body as ReadableStream) : []) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("The answer is too long");
    chunks.push(chunk);
  }
  return { status, retryAfter: headers.get("retry-after"), body: Buffer.concat(chunks) };
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
    const ended = AbortSignal.any([gone.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const answer = await fetchNode(target, asked, ended);
    res.writeHead(answer.status, headersOf(answer.headers.get("retry-after")));
    if (!answer.body) return void res.end();
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), res);
  } catch {
    // What comes yet is not waited for.
    gone.abort();
    if (res.headersSent) res.destroy();
    else unavailable();
  }
}

/** A node that sends elsewhere is not the one that was named. */
const fetchNode = (target: string, asked: Asked, signal: AbortSignal) =>
  fetch(target, { ...asked, redirect: "error", signal });

/** What goes with a node's answer. */
export const headersOf = (retryAfter: string | null) => ({
  "content-type": "application/json",
  "cache-control": "no-store",
  ...(retryAfter && { "retry-after": retryAfter }),
});

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

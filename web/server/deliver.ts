import type { ServerResponse } from "node:http";
import { type Answer, headersOf } from "./passOn.ts";

interface Bounds {
  /** Milliseconds that a client may take to read an answer. */
  timeoutMs: number;
  /** What may lie unread at one time, of all clients together. */
  maxBytes: number;
}

/**
 * Hands answers to clients, who may be slow or not read at all: whoever takes too long is cut off, and where too much
 * lies unread, whoever has had the longest for it.
 */
export function createDelivery({ timeoutMs, maxBytes }: Bounds) {
  const unread = new Map<ServerResponse, { bytes: number; slow: NodeJS.Timeout }>();
  let total = 0;

  function forget(res: ServerResponse): void {
    const known = unread.get(res);
    if (!known) return;
    clearTimeout(known.slow);
    unread.delete(res);
    total -= known.bytes;
  }
  // An answer behind another one on its connection has no socket of its own yet.
  function cutOff(res: ServerResponse): void {
    forget(res);
    res.req.socket.destroy();
  }

  return function deliver(res: ServerResponse, { status, retryAfter, body }: Answer): void {
    unread.set(res, { bytes: body.length, slow: setTimeout(cutOff, timeoutMs, res) });
    total += body.length;
    for (const [oldest] of unread) {
      if (total <= maxBytes) break;
      cutOff(oldest);
    }
    res.once("close", () => forget(res));
    res.writeHead(status, { ...headersOf(retryAfter), "content-length": body.length }).end(body);
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../backoff.ts";
import { describe, MinerError } from "../errors.ts";

export interface DownloadParameters {
  url: URL;
  /** Sent as a bearer token, or null to send none. */
  token: string | null;
  /** Bytes that are already here. */
  offset: number;
  /** Bytes of the whole file. */
  size: number;
  signal: AbortSignal;
  /** Gives up after this many cuts in a row without a single new byte: few, as others wait for the turn. */
  attempts?: number;
  /** A connection that brings nothing for this long counts as cut. */
  idleMs?: number;
  /** Upper bound of the first wait after a cut, milliseconds. */
  backoffBaseMs?: number;
  /** What it is, for messages. */
  what?: string;
  /** Told of each cut after which it goes on. */
  onCut?: (cut: Cut) => void;
}

export interface Cut {
  /** Bytes that are here. */
  position: number;
  /** Of the whole file. */
  size: number;
  reason: string;
}

/**
 * The bytes of a file from `offset` to its end, over as many HTTP requests as it takes: after a cut it goes
 * on from the last byte with a Range request.
 * @throws MinerError when the server refuses, sends more than `size`, or stays away
 */
export async function* download(parameters: DownloadParameters): AsyncGenerator<Uint8Array> {
  const { size, signal, attempts = 3, backoffBaseMs = 1_000, what = "weights" } = parameters;
  let position = parameters.offset;
  let failures = 0;
  while (position < size) {
    let cut = "the connection ended early";
    try {
      for await (const chunk of request({ ...parameters, offset: position })) {
        position += chunk.byteLength;
        if (position > size)
          throw new MinerError(`The server sends more than the ${size} bytes the ${what} should have.`);
        failures = 0;
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MinerError && !error.retryable) throw error;
      cut = describe(error);
    }
    if (position >= size) return;
    failures += 1;
    if (failures >= attempts)
      throw new MinerError(`The ${what} stopped at byte ${position} of ${size}: ${cut}.`, {
        retryable: true,
      });
    parameters.onCut?.({ position, size, reason: cut });
    await sleep(backoffDelay(failures, { baseMs: backoffBaseMs }), undefined, { signal });
  }
}

/** One HTTP request for the bytes from `offset`. */
async function* request(parameters: DownloadParameters): AsyncGenerator<Uint8Array> {
  const { url, token, offset, signal, idleMs = 30_000, what = "weights" } = parameters;
  const idle = new AbortController();
  const giveUp = () => idle.abort(new Error(`nothing arrived for ${idleMs / 1_000} s`));
  let timer = setTimeout(giveUp, idleMs);
  try {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (offset > 0) headers.range = `bytes=${offset}-`;
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, idle.signal]) });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      const retryable = response.status >= 500 || response.status === 429 || response.status === 408;
      throw new MinerError(`The ${what} were refused with status ${response.status}.`, { retryable });
    }
    // A server without ranges starts again at the first byte: what is already here is passed over.
    let skip = offset - startOf(response, offset);
    if (skip < 0) throw new MinerError("The server answered with another range than the one asked for.");
    for await (const chunk of response.body) {
      clearTimeout(timer);
      const fresh = skip >= chunk.byteLength ? null : chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.byteLength);
      // The clock stands still while the reader of this generator is busy: a slow disk is not a cut.
      if (fresh !== null) yield fresh;
      timer = setTimeout(giveUp, idleMs);
    }
  } finally {
    clearTimeout(timer);
    // Closes the connection when the reader stops early.
    idle.abort();
  }
}

/** The first byte that a response holds. */
function startOf(response: Response, offset: number): number {
  if (response.status !== 206) return 0;
  const match = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  return match ? Number(match[1]) : offset;
}

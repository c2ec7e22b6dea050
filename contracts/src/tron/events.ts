import type { Hex } from "viem";
import { showTronAddress } from "../tronAddress.ts";
import { isObject, tronError } from "./node.ts";

/** Events a page, the most that an event server gives. */
const PAGE = 200;

/** Where an event is, as an event server says. */
export interface TronEventPlace {
  txHash: Hex;
  /** NaN when it does not say. */
  block: number;
  /** Milliseconds since 1970. */
  timestamp: number;
}

export interface TronEventPage {
  places: TronEventPlace[];
  /** Whether there may be more. */
  full: boolean;
  /** What the next page is asked with. */
  fingerprint: string | null;
}

/**
 * Reads an answer of `v1/contracts/:address/events`.
 * @throws RpcRequestError when it is none
 */
export function readTronEvents(json: unknown): TronEventPage {
  if (!isObject(json) || json.success !== true || !Array.isArray(json.data))
    throw tronError("events", -32603, "The event server gave no page of events.");
  const places = json.data.map((each: unknown): TronEventPlace => {
    const {
      transaction_id: id,
      block_number: block,
      block_timestamp: timestamp,
    } = isObject(each) ? each : {};
    if (typeof id !== "string" || !/^[0-9a-f]{64}$/i.test(id))
      throw tronError("events", -32603, "The event server gave an event without a transaction.");
    return {
      txHash: `0x${id.toLowerCase()}`,
      block: Number(block ?? Number.NaN),
      timestamp: Number(timestamp ?? 0),
    };
  });
  const fingerprint = isObject(json.meta) ? json.meta.fingerprint : null;
  return {
    places,
    full: places.length >= PAGE,
    fingerprint: typeof fingerprint === "string" && fingerprint !== "" ? fingerprint : null,
  };
}

/**
 * The transactions with a contract's confirmed events from a time on, once each, the oldest first. A page that is full
 * is followed by the next even without a `fingerprint`, and when the fingerprint is refused: then from the time of the
 * page's last event on.
 * @param readPage asks for a path of the event server's, and reads it by {@link readTronEvents}
 * @param since milliseconds since 1970
 * @throws what `readPage` throws
 */
export async function tronEventsSince(
  readPage: (path: string) => Promise<TronEventPage>,
  contract: Hex,
  since: number,
  { signal, onPage }: { signal?: AbortSignal | undefined; onPage?: (found: number) => void } = {},
): Promise<TronEventPlace[]> {
  const found = new Map<Hex, TronEventPlace>();
  let from = since;
  let fingerprint: string | null = null;
  for (;;) {
    signal?.throwIfAborted();
    const query: URLSearchParams = new URLSearchParams({
      only_confirmed: "true",
      order_by: "block_timestamp,asc",
      limit: String(PAGE),
      min_block_timestamp: String(from),
      ...(fingerprint && { fingerprint }),
    });
    const asked: Promise<TronEventPage> = readPage(
      `v1/contracts/${showTronAddress(contract)}/events?${query}`,
    );
    const page: TronEventPage | null = await asked.catch((error: unknown) => {
      if (fingerprint === null || signal?.aborted) throw error;
      return null;
    });
    if (page) for (const place of page.places) found.set(place.txHash, place);
    onPage?.(found.size);
    if (page && !page.full) return [...found.values()];
    fingerprint = page?.fingerprint ?? null;
    if (fingerprint !== null) continue;
    const last = Math.max(from, ...[...found.values()].map(({ timestamp }) => timestamp));
    // More events in one millisecond than fit on a page cannot be told apart without a fingerprint.
    from = last > from ? last : from + 1;
  }
}

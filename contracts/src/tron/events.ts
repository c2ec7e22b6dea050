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

/** A page of what an event server lists. */
export interface TronEventPage<Place = TronEventPlace> {
  places: Place[];
  /** Whether there may be more. */
  full: boolean;
  /** What the next page is asked with. */
  fingerprint: string | null;
}

/**
 * Reads a page of an event server.
 * @param readPlace reads one entry of it
 * @throws RpcRequestError when it is none, and what `readPlace` throws
 */
export function readTronPage<Place>(
  json: unknown,
  readPlace: (entry: Record<string, unknown>) => Place,
): TronEventPage<Place> {
  if (!isObject(json) || json.success !== true || !Array.isArray(json.data))
    throw tronError("events", -32603, "The event server gave no page of events.");
  const places = json.data.map((each: unknown) => readPlace(isObject(each) ? each : {}));
  const fingerprint = isObject(json.meta) ? json.meta.fingerprint : null;
  return {
    places,
    full: places.length >= PAGE,
    fingerprint: typeof fingerprint === "string" && fingerprint !== "" ? fingerprint : null,
  };
}

/**
 * Reads where an entry of an event server's is.
 * @throws RpcRequestError when it does not say a transaction
 */
export function readTronPlace(entry: Record<string, unknown>): TronEventPlace {
  const { transaction_id: id, block_number: block, block_timestamp: timestamp } = entry;
  if (typeof id !== "string" || !/^[0-9a-f]{64}$/i.test(id))
    throw tronError("events", -32603, "The event server gave an event without a transaction.");
  return {
    txHash: `0x${id.toLowerCase()}`,
    block: Number(block ?? Number.NaN),
    timestamp: Number(timestamp ?? 0),
  };
}

/**
 * Reads an answer of `v1/contracts/:address/events`.
 * @throws RpcRequestError when it is none
 */
export const readTronEvents = (json: unknown): TronEventPage => readTronPage(json, readTronPlace);

/** One of an event server's lists. */
export interface TronList {
  path: string;
  /** Its parameter for the time that it begins at. */
  since: "min_block_timestamp" | "min_timestamp";
  query?: Record<string, string>;
}

/** The list of a contract's events. */
export const tronEventList = (contract: Hex): TronList => ({
  path: `v1/contracts/${showTronAddress(contract)}/events`,
  since: "min_block_timestamp",
});

/**
 * The confirmed entries of a list from a time on, page by page, the oldest first. A page that is full is followed by
 * the next even without a `fingerprint`, and when the fingerprint is refused: then from the time of the page's last
 * entry on, so that entries can come twice.
 * @param readPage asks for a path of the event server's, and reads it
 * @param since milliseconds since 1970
 * @throws what `readPage` throws, and RpcRequestError for a full page that is not in order or wholly before the time that
 * was asked for: what follows it could not be found, or would never end
 */
export async function* tronPages<Place extends Pick<TronEventPlace, "timestamp">>(
  readPage: (path: string) => Promise<TronEventPage<Place>>,
  list: TronList,
  since: number,
  signal?: AbortSignal,
): AsyncGenerator<Place[], void, void> {
  let from = since;
  let last = since;
  let fingerprint: string | null = null;
  for (;;) {
    signal?.throwIfAborted();
    const query: URLSearchParams = new URLSearchParams({
      ...list.query,
      only_confirmed: "true",
      order_by: "block_timestamp,asc",
      limit: String(PAGE),
      [list.since]: String(from),
      ...(fingerprint && { fingerprint }),
    });
    const page: TronEventPage<Place> | null = await readPage(`${list.path}?${query}`).catch(
      (error: unknown) => {
        if (fingerprint === null || signal?.aborted) throw error;
        return null;
      },
    );
    const times = page?.places.map(({ timestamp }) => timestamp) ?? [];
    // By a fingerprint a page goes on where the one before it ended.
    const ordered = times.every((time, at) => time >= (times[at - 1] ?? (fingerprint ? last : 0)));
    if (page?.full && (!ordered || Math.max(...times) < from))
      throw tronError(
        "events",
        -32603,
        "The event server's page is not in the order or of the time asked for.",
      );
    if (page) yield page.places;
    if (page && !page.full) return;
    last = Math.max(last, ...times);
    fingerprint = page?.fingerprint ?? null;
    if (fingerprint !== null) continue;
    // More entries in one millisecond than fit on a page cannot be told apart without a fingerprint.
    from = last > from ? last : from + 1;
  }
}

/**
 * The transactions with a contract's confirmed events from a time on, once each, the oldest first.
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
  for await (const places of tronPages(readPage, tronEventList(contract), since, signal)) {
    for (const place of places) found.set(place.txHash, place);
    onPage?.(found.size);
  }
  return [...found.values()];
}

import { setTimeout as sleep } from "node:timers/promises";
import { showTronAddress } from "@aiforge/contracts";
import type pg from "pg";
import type { Hex } from "viem";
import { oneLine } from "../src/failure.ts";
import type { TronChain } from "./chain.ts";
import type { TronConfig } from "./config.ts";
import { logsOf } from "./events.ts";
import { type Asked, NodeFailure, type TronNode } from "./node.ts";
import type { Progress } from "./progress.ts";
import { BadAnswer } from "./wire.ts";

/** Events a page, the most that the events API gives. */
const PAGE = 200;
const TRIES = 5;
/** Looked at again each time: the events API can learn of an event after its neighbours. */
const OVERLAP_MS = 3_600_000;

/** Where an event is, as the events API says it. */
interface Place {
  txHash: Hex;
  block: number;
  /** Milliseconds. */
  timestamp: number;
}

function parsePage(json: unknown): { places: Place[]; full: boolean; fingerprint: string | null } {
  const page = json as { success?: unknown; data?: unknown; meta?: { fingerprint?: unknown } } | null;
  if (page?.success !== true || !Array.isArray(page.data))
    throw new BadAnswer("The page of events is not one");
  const places = page.data.map((each: unknown) => {
    const { transaction_id, block_number, block_timestamp } = each as Record<string, unknown>;
    if (typeof transaction_id !== "string" || !/^[0-9a-f]{64}$/i.test(transaction_id)) {
      throw new BadAnswer("An event has no transaction");
    }
    return {
      txHash: `0x${transaction_id.toLowerCase()}` as Hex,
      block: Number(block_number ?? Number.NaN),
      timestamp: Number(block_timestamp ?? 0),
    };
  });
  const fingerprint = page.meta?.fingerprint;
  return {
    places,
    full: places.length >= PAGE,
    fingerprint: typeof fingerprint === "string" && fingerprint !== "" ? fingerprint : null,
  };
}

/**
 * Every confirmed event of a contract from a time on. A page that is full is followed by the next even without a
 * `fingerprint`, and when the fingerprint is refused: then from the time of the page's last event on (R16).
 * @param since milliseconds since 1970
 */
export async function eventsSince(
  node: TronNode,
  contract: Hex,
  since: number,
  signal: AbortSignal,
): Promise<Place[]> {
  const found = new Map<Hex, Place>();
  let from = since;
  let fingerprint: string | null = null;
  for (;;) {
    const query: URLSearchParams = new URLSearchParams({
      only_confirmed: "true",
      order_by: "block_timestamp,asc",
      limit: String(PAGE),
      min_block_timestamp: String(from),
      ...(fingerprint && { fingerprint }),
    });
    const asked: Asked<ReturnType<typeof parsePage>> | null = await node
      .ask("events", {
        path: `v1/contracts/${showTronAddress(contract)}/events?${query}`,
        read: parsePage,
        tries: TRIES,
        signal,
      })
      .catch((error: unknown) => {
        if (fingerprint && error instanceof NodeFailure) return null;
        throw error;
      });
    if (asked) for (const place of asked.value.places) found.set(place.txHash, place);
    if (asked && !asked.value.full) return [...found.values()];
    fingerprint = asked?.value.fingerprint ?? null;
    if (fingerprint) continue;
    const last = Math.max(from, ...[...found.values()].map(({ timestamp }) => timestamp));
    // More events in one millisecond than fit on a page cannot be told apart without a fingerprint.
    from = last > from ? last : from + 1;
  }
}

/**
 * Compares the events that the events API knows with the logs that the scan kept. The scan is the authority: an event
 * that only the other knows is looked up in the solidified block, and counts as missing when it is there.
 * @returns the first block with an event that is missing, or null
 */
export async function reconcile(options: {
  node: TronNode;
  chain: TronChain;
  client: pg.ClientBase;
  config: TronConfig;
  progress: Progress;
  signal: AbortSignal;
}): Promise<number | null> {
  const { node, chain, client, config, progress, signal } = options;
  const since = Math.max(0, progress.reconciledAt - OVERLAP_MS);
  const upTo = progress.cursor;
  const reached = progress.cursorTimestamp * 1000;
  const places = await eventsSince(node, config.aiforge, since, signal);
  const { rows } = await client.query<{ tx_hash: Hex }>(
    "SELECT DISTINCT tx_hash FROM tron.logs WHERE tx_hash = ANY($1)",
    [places.map(({ txHash }) => txHash)],
  );
  const kept = new Set(rows.map(({ tx_hash }) => tx_hash));
  let first: number | null = null;
  for (const { txHash, block } of places) {
    if (kept.has(txHash) || (Number.isFinite(block) && (block > upTo || block < config.startBlock))) continue;
    const info = await chain.info("solidity", txHash, TRIES);
    if (!info || info.blockNumber > upTo || info.blockNumber < config.startBlock) continue;
    const solid = await chain.fullBlock("solidity", info.blockNumber, TRIES);
    if (!logsOf(solid, config).some((log) => log.txHash === txHash)) continue;
    progress.missing++;
    first = Math.min(first ?? info.blockNumber, info.blockNumber);
  }
  if (first === null) progress.reconciledAt = reached;
  return first;
}

/**
 * Reconciles again and again.
 * @param onMissing is told the first block that is to be scanned again
 */
export async function reconcileForever(
  options: Parameters<typeof reconcile>[0] & {
    log: (line: string) => void;
    onMissing: (block: number) => void;
  },
): Promise<never> {
  const { config, progress, log, onMissing, signal } = options;
  for (;;) {
    await sleep(config.reconcileMs, undefined, { signal });
    if (!progress.caughtUp) continue;
    try {
      const block = await reconcile(options);
      if (block !== null) onMissing(block);
    } catch (error) {
      signal.throwIfAborted();
      log(`The events could not be reconciled: ${oneLine(error)}`);
    }
  }
}

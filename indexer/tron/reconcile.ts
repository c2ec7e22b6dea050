import { setTimeout as sleep } from "node:timers/promises";
import {
  readTronEvents,
  type TronEventPage,
  type TronEventPlace,
  tronEventsSince,
} from "@aiforge/contracts/tron";
import type pg from "pg";
import type { Hex } from "viem";
import { oneLine } from "../src/failure.ts";
import type { TronChain } from "./chain.ts";
import type { TronConfig } from "./config.ts";
import { logsOf } from "./events.ts";
import type { TronNode } from "./node.ts";
import type { Progress } from "./progress.ts";
import { BadAnswer } from "./wire.ts";

const TRIES = 5;
/** Looked at again each time: the events API can learn of an event after its neighbours. */
const OVERLAP_MS = 3_600_000;

/**
 * Every confirmed event of a contract from a time on.
 * @param since milliseconds since 1970
 */
export function eventsSince(
  node: TronNode,
  contract: Hex,
  since: number,
  signal: AbortSignal,
): Promise<TronEventPlace[]> {
  const readPage = async (path: string) =>
    (await node.ask("events", { path, read: readPageOf, tries: TRIES, signal })).value;
  return tronEventsSince(readPage, contract, since, { signal });
}

function readPageOf(json: unknown): TronEventPage {
  try {
    return readTronEvents(json);
  } catch {
    throw new BadAnswer("The page of events is not one");
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

import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { Hex } from "viem";
import { oneLine } from "../src/failure.ts";
import type { FullBlock, TronChain } from "./chain.ts";
import type { TronConfig } from "./config.ts";
import { type ChainLog, logsOf } from "./events.ts";
import { type KeptList, keptLists, type Listed, listedSince, notKept } from "./lists.ts";
import type { TronNode } from "./node.ts";
import type { Progress } from "./progress.ts";
import type { Mended } from "./store.ts";
import { BadAnswer } from "./wire.ts";

const TRIES = 5;
/** Looked at again each time: an event server can learn of an event after its neighbours. */
const OVERLAP_MS = 3_600_000;

interface Options {
  node: TronNode;
  chain: TronChain;
  client: pg.ClientBase;
  config: TronConfig;
  progress: Progress;
  signal: AbortSignal;
  log: (line: string) => void;
}

/** Up to where the scan has written. */
interface Written {
  block: number;
  id: Hex | null;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/**
 * Compares what the event servers list with the logs that the scan kept, a page at a time, from where the last
 * comparison ended. The scan is the authority: what only they know is looked up in the solidified block, and is missing
 * when it is there. What no node knows is told and passed over, so that an entry that was made up holds nothing up.
 * @param begin time of the start block, in milliseconds since 1970
 * @returns the blocks of a page with logs that are missing, or null when there are none at all
 */
export async function reconcile(options: Options, begin: number): Promise<Mended | null> {
  const { node, client, config, signal } = options;
  for (const list of keptLists(config)) {
    const upTo = await written(client);
    const since = Math.max(begin, (await reconciledAt(client, list)) - OVERLAP_MS);
    for await (const page of listedSince(node, list, since, signal)) {
      const missing = await missingOf(options, upTo, await notKept(client, list, page));
      if (missing.size > 0) return missing;
      const last = Math.max(0, ...page.map(({ timestamp }) => timestamp));
      await reconciled(client, list, Math.min(last, upTo.timestamp));
    }
    await reconciled(client, list, upTo.timestamp);
  }
  return null;
}

/** What the solidified blocks have of these and the scan did not keep. */
async function missingOf(options: Options, upTo: Written, unknown: Listed[]): Promise<Mended> {
  const { chain, client, config, progress, log } = options;
  const found = new Map<number, ChainLog[]>();
  const unresolved: Hex[] = [];
  const within = (block: number) => block <= upTo.block && block >= config.startBlock;
  for (const { txHash, block, timestamp } of unknown) {
    const named = Number.isSafeInteger(block);
    if (timestamp > upTo.timestamp || (named && (!within(block) || found.has(block)))) continue;
    let solid = named ? await solidBlock(chain, block, upTo) : null;
    if (!solid?.transactions.includes(txHash)) {
      const number = await chain.solidBlockOf(txHash, TRIES);
      if (number !== null && (!within(number) || found.has(number))) continue;
      solid = number === null ? null : await solidBlock(chain, number, upTo);
    }
    if (!solid?.transactions.includes(txHash)) {
      unresolved.push(txHash);
      continue;
    }
    const logs = logsOf(solid, config);
    const { rows } = await client.query<{ tx_hash: Hex; log_index: number }>(
      "SELECT tx_hash, log_index FROM tron.logs WHERE block_number = $1",
      [solid.number],
    );
    const kept = new Set(rows.map(({ tx_hash, log_index }) => `${tx_hash} ${log_index}`));
    const missing = logs.filter((each) => !kept.has(`${each.txHash} ${each.logIndex}`));
    if (missing.length === 0) continue;
    progress.missing += missing.length;
    found.set(solid.number, logs);
  }
  if (unresolved.length > 0) {
    const some = unresolved.slice(0, 5).join(", ");
    log(`No node knows ${unresolved.length} of the listed transactions, they are passed over: ${some}.`);
  }
  return found;
}

/**
 * A solidified block that the scanned ones link to.
 * @throws BadAnswer when they do not
 */
async function solidBlock(chain: TronChain, number: number, upTo: Written): Promise<FullBlock> {
  const solid = await chain.fullBlock("solidity", number, TRIES);
  const id =
    number === upTo.block ? upTo.id : (await chain.block("solidity", number + 1, TRIES)).value.parentId;
  if (id !== null && solid.id !== id) {
    solid.distrust();
    throw new BadAnswer(`Block ${number} is not the one that the next links to`);
  }
  return solid;
}

async function written(client: pg.ClientBase): Promise<Written> {
  const { rows } = await client.query<{ number: string; id: Hex | null; timestamp: string }>(
    `SELECT number, id, "timestamp" FROM tron.cursor`,
  );
  const { number = -1, id = null, timestamp = 0 } = rows[0] ?? {};
  return { block: Number(number), id, timestamp: 1000 * Number(timestamp) };
}

async function reconciledAt(client: pg.ClientBase, { name }: KeptList): Promise<number> {
  const { rows } = await client.query<{ timestamp: string }>(
    `SELECT "timestamp" FROM tron.reconciled WHERE list = $1`,
    [name],
  );
  return Number(rows[0]?.timestamp ?? 0);
}

async function reconciled(client: pg.ClientBase, { name }: KeptList, timestamp: number): Promise<void> {
  await client.query(
    `INSERT INTO tron.reconciled AS known VALUES ($1, $2)
     ON CONFLICT (list) DO UPDATE SET "timestamp" = greatest(known."timestamp", excluded."timestamp")`,
    [name, timestamp],
  );
}

/**
 * Reconciles again and again.
 * @param onMissing is told all logs of blocks of which some are missing
 */
export async function reconcileForever(
  options: Options & { onMissing: (blocks: Mended) => void },
): Promise<never> {
  const { chain, config, progress, log, onMissing, signal } = options;
  let begin: number | null = null;
  for (;;) {
    await sleep(config.reconcileMs, undefined, { signal });
    if (!progress.caughtUp) continue;
    try {
      // Of what came before, nothing is kept.
      begin ??= 1000 * (await chain.block("solidity", config.startBlock, TRIES)).value.timestamp;
      const missing = await reconcile(options, begin);
      if (missing !== null) onMissing(missing);
    } catch (error) {
      signal.throwIfAborted();
      log(`The events could not be reconciled: ${oneLine(error)}`);
    }
  }
}

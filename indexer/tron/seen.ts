import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { oneLine } from "../src/failure.ts";
import type { FullBlock, TronChain } from "./chain.ts";
import type { TronConfig, TronSources } from "./config.ts";
import { applyLog, concernsUs, logsOf } from "./events.ts";
import { NodeFailure } from "./node.ts";
import type { Progress } from "./progress.ts";
import { type Row, RowChanges, rowsIn } from "./rows.ts";
import { SEEN_TABLES } from "./shown.ts";
import { type Cursor, inTransaction, type TronStore } from "./store.ts";

/** The most blocks asked for at a time; some 18 are not solid. */
const WINDOW = 40;
const TRIES = 3;

/**
 * The fast path: reads blocks that are not solid yet, only so that a payment can be shown as seen, with n of 19
 * confirmations. It keeps the newest blocks by hash, each linked to the one before; where the link is broken, the
 * blocks were replaced and are fetched again. Its rows credit nobody: they are never confirmed before the scan has
 * written them itself, and then they are gone from here.
 */
export async function watchSeen(options: {
  chain: TronChain;
  store: TronStore;
  client: pg.Client;
  progress: Progress;
  config: TronConfig;
  log: (line: string) => void;
  signal: AbortSignal;
}): Promise<never> {
  const { chain, store, client, progress, config, log, signal } = options;
  let blocks: FullBlock[] = [];
  let quiet = true;
  for (;;) {
    try {
      blocks = await follow(chain, config, blocks, store.cursor, progress.solidHead);
      progress.head = blocks.at(-1)?.number ?? progress.solidHead;
      await show(client, store, config, blocks);
      quiet = true;
    } catch (error) {
      signal.throwIfAborted();
      // Showing payments early is a courtesy; the scan does not depend on it.
      if (quiet) log(`Payments cannot be shown before they are solid: ${oneLine(error)}`);
      quiet = false;
      if (!(error instanceof NodeFailure)) blocks = [];
    }
    await sleep(config.pollingMs, undefined, { signal });
  }
}

/**
 * The blocks beyond the cursor: those that are known and still linked, and the new ones. One request tells both, as it
 * begins with the newest known; a node that is behind leaves things as they are.
 */
async function follow(
  chain: TronChain,
  sources: TronSources,
  known: FullBlock[],
  cursor: Cursor,
  solidHead: number,
): Promise<FullBlock[]> {
  const blocks = known.filter(({ number }) => number > cursor.number);
  for (;;) {
    const last = blocks.at(-1);
    const from = last?.number ?? Math.max(cursor.number, solidHead) + 1;
    const { value: answer } = await chain.blocksFrom("full", from, WINDOW, TRIES);
    const [first] = answer;
    if (last && first) {
      // Replaced by another of its height: so may those before it be.
      if (first.id !== last.id) {
        blocks.pop();
        continue;
      }
      answer.shift();
    } else if (first?.number === cursor.number + 1 && cursor.id !== null && first.parentId !== cursor.id) {
      return [];
    }
    for (const block of answer) {
      // Who calls the contract through another one is shown only once it is solid: that spares a request a block.
      const infos = concernsUs(block, sources) ? await chain.infos("full", block, TRIES) : [];
      blocks.push({ ...block, infos });
    }
    return blocks;
  }
}

/** Replaces what was seen by what these blocks hold. */
async function show(
  client: pg.Client,
  store: TronStore,
  config: TronConfig,
  blocks: FullBlock[],
): Promise<void> {
  await inTransaction(client, async () => {
    // Holds the scan's next commit back, so that what it writes does not appear here as well.
    const { rows } = await client.query<{ number: string }>("SELECT number FROM tron.cursor FOR SHARE");
    const cursor = Number(rows[0]?.number);
    const beyond = blocks.filter(({ number }) => number > cursor);
    const ids = beyond.map(({ id }) => id);
    await client.query("DELETE FROM tron.seen_blocks WHERE id <> ALL($1)", [ids]);
    const { rows: shown } = await client.query<{ id: string }>("SELECT id FROM tron.seen_blocks");
    if (shown.length === ids.length) return;
    const done = new Set(shown.map(({ id }) => id));
    const changes = new RowChanges(rowsIn(client, store.schema));
    const counted = new Map<string, number>(SEEN_TABLES.map((table) => [table, 0]));
    for (const block of beyond) {
      for (const log of logsOf(block, config)) {
        // A block that is not linked to the scanned ones yet may lack what its events build on.
        await applyLog(log, store.chainId, config, changes).catch(() => false);
      }
      const isNew = !done.has(block.id);
      if (isNew) await client.query("INSERT INTO tron.seen_blocks VALUES ($1, $2)", [block.id, block.number]);
      for (const table of SEEN_TABLES) {
        const added: Row[] = changes.added(table);
        for (const row of isNew ? added.slice(counted.get(table)) : []) {
          await client.query("INSERT INTO tron.seen VALUES ($1, $2, $3)", [
            block.id,
            table,
            JSON.stringify(row),
          ]);
        }
        counted.set(table, added.length);
      }
    }
  });
}

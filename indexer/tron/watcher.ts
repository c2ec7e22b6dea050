import { setTimeout as sleep } from "node:timers/promises";
import { MirrorFailure, oneLine } from "../src/failure.ts";
import { TronChain } from "./chain.ts";
import { requireStart, type TronConfig } from "./config.ts";
import { TronNode } from "./node.ts";
import { Progress } from "./progress.ts";
import { reconcileForever } from "./reconcile.ts";
import { ChainReplaced, confirmCursor, scan } from "./scan.ts";
import { watchSeen } from "./seen.ts";
import { serve } from "./server.ts";
import { connect, type Mended, NoPostgres, type Step, Taken, TronStore } from "./store.ts";

const AGAIN_MS = 1_000;
const ALERTING_MS = 5_000;
/** For how long a database that was ours may be taken: Postgres still has to notice that our session is lost. */
const TAKEN_MS = 300_000;

/** The main net, Shasta and Nile. */
const PUBLIC_CHAINS = new Set(["tron:0x2b6653dc", "tron:0x94a9059e", "tron:0xcd8690dc"]);

interface Options {
  signal: AbortSignal;
  log: (line: string) => void;
  /** Told of each step of each commit, for tests that end the process there. */
  onStep?: (step: Step, block: number) => void;
}

/**
 * Watches a Tron chain until the signal is aborted. What fails on the way (a node, the database) is tried again; only
 * what a person has to change ends it.
 * @throws MirrorFailure
 */
export async function runWatcher(config: TronConfig, options: Options): Promise<void> {
  const { log, onStep } = options;
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const node = new TronNode(config);
  const chain = new TronChain(node, signal);
  const progress = new Progress(config.stuckMs, config.local);
  let chainId: string | null = null;
  let store: TronStore | null = null;
  const server = await serve(config.port, {
    get chainId() {
      return chainId ?? "tron";
    },
    chain,
    node,
    progress,
    store: () => store,
  });
  const alerts = alertForever(progress, log, signal);
  alerts.catch(() => {});
  try {
    chainId = await chain.caip2();
    // One's own node of a public chain may well be on this machine.
    if (PUBLIC_CHAINS.has(chainId)) requireStart(config.startBlock);
    let opened = false;
    let failedAt = 0;
    for (;;) {
      try {
        store = await TronStore.open(config.databaseUrl, chainId, config);
        opened = true;
        if (onStep) store.onStep = onStep;
        await watch({ node, chain, store, progress, config, signal, log });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Taken)) failedAt = performance.now();
        // Postgres that was there comes back, and ends the session that was lost.
        const passes =
          error instanceof NoPostgres || (error instanceof Taken && performance.now() - failedAt < TAKEN_MS);
        if (error instanceof MirrorFailure && !(opened && passes)) throw error;
        log(`Watching ${chainId} again, because ${oneLine(error)}.`);
        if (error instanceof ChainReplaced) await begun(store, config, error);
      } finally {
        await store?.close().catch(() => {});
        store = null;
      }
      await sleep(AGAIN_MS, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    end.abort();
    server.closeAllConnections();
    server.close();
  }
}

/**
 * A chain on this machine was reset: its rows go. A public chain's solidified blocks do not change: it is the node that
 * is on another chain, and nothing is thrown away for that.
 */
async function begun(store: TronStore | null, config: TronConfig, error: ChainReplaced): Promise<void> {
  if (!config.local) {
    throw new MirrorFailure(`${oneLine(error)}: TRON_SOLIDITY_URL leads to another chain than was mirrored.`);
  }
  await store?.restart();
}

/** Runs the scan, the fast path and the reconciliation side by side; the first that ends, ends all. */
async function watch(options: {
  node: TronNode;
  chain: TronChain;
  store: TronStore;
  progress: Progress;
  config: TronConfig;
  signal: AbortSignal;
  log: (line: string) => void;
}): Promise<void> {
  const { store, progress, config, log } = options;
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const chain = new TronChain(options.node, signal);
  await agree(chain, store);
  progress.cursor = store.cursor.number;
  const client = await connect(config.databaseUrl);
  const lost = new Promise<never>((_, reject) => {
    for (const each of [client, store.client]) each.on("error", reject);
  });
  let mended: Mended | null = null;
  const running: Promise<unknown>[] = [
    scan({ chain, store, progress, config, signal }),
    watchSeen({ chain, store, client, progress, config, log, signal }),
    lost,
  ];
  if (config.reconcileMs > 0) {
    const onMissing = (blocks: Mended) => {
      log(`Events were not written; their blocks are read again: ${[...blocks.keys()].join(", ")}.`);
      mended = blocks;
      end.abort();
    };
    const reconciling = { node: options.node, chain, client, config, progress, signal };
    running.push(reconcileForever({ ...reconciling, log, onMissing }));
  }
  log(`Watching ${store.chainId} from block ${store.cursor.number + 1} into ${store.schema}.`);
  try {
    await Promise.race(running);
  } catch (error) {
    if (mended === null) throw error;
  } finally {
    end.abort();
    await Promise.allSettled(running.filter((each) => each !== lost));
    await client.end().catch(() => {});
  }
  if (mended !== null) await store.mend(mended);
}

/**
 * Holds the last scanned block to the chain.
 * @throws ChainReplaced
 */
async function agree(chain: TronChain, store: TronStore): Promise<void> {
  const head = await chain.head("solidity");
  // A node that is behind cannot tell; the link of the next block does.
  if (head.number >= store.cursor.number) await confirmCursor(chain, store);
}

/** Says once that the cursor is stuck, and once that it moves again (R18). */
async function alertForever(
  progress: Progress,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<never> {
  let told = false;
  for (;;) {
    const reason = progress.stuck();
    if (reason && !told) log(`ALERT: the Tron watcher is stuck. ${reason}`);
    if (!reason && told) log("The Tron watcher moves again.");
    told = reason !== null;
    await sleep(ALERTING_MS, undefined, { signal });
  }
}

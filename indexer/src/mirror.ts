import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { dropOldTron, tronSchema } from "../tron/shown.ts";
import { compare, hasAnchors, recordAnchors } from "./agreement.ts";
import { buildSchema } from "./build.ts";
import { waitForChain } from "./chain.ts";
import type { MirrorConfig } from "./config.ts";
import { buildSchemas, dropBuild, forgetFetched, openDatabase, releaseBuild } from "./database.ts";
import { MirrorFailure, oneLine } from "./failure.ts";
import { type Ponder, startPonder } from "./ponder.ts";
import { buildState, serveBuild, servedSchemas } from "./views.ts";

/** Between two looks at whether the build is ready: someone is waiting for it. */
const STARTING_MS = 100;
/** Between two comparisons with the chains. */
const COMPARING_MS = 2_000;

const PORT_WAIT_MS = 3_000;

/**
 * Mirrors the chains until the signal is aborted: one Ponder at a time, on this build's schema, with schema
 * `chain` showing its rows. When a chain turns out not to be the one that was mirrored, the rows are dropped
 * and it starts over.
 * @throws MirrorFailure
 */
export async function runMirror(
  config: MirrorConfig,
  { signal, log }: { signal: AbortSignal; log: (line: string) => void },
): Promise<void> {
  const client = await openDatabase(config.databaseUrl);
  const lost = new AbortController();
  client.on("error", (error) => lost.abort(new MirrorFailure(`The database was lost (${oneLine(error)}).`)));
  const stop = AbortSignal.any([signal, lost.signal]);
  const schema = buildSchema(config.chains);
  try {
    while (!stop.aborted) {
      await Promise.all(config.chains.map((chain) => waitForChain(chain, stop)));
      await prepare(client, schema, config, log);
      await waitForPort(config.port, stop);
      const ponder = startPonder({ schema, port: config.port, log });
      try {
        const reason = await watch(client, schema, config, ponder, stop, log);
        log(`Indexing again, because ${reason}.`);
      } finally {
        await ponder.stop();
      }
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    if (!lost.signal.aborted) await client.end();
  }
  if (lost.signal.aborted && !signal.aborted) throw lost.signal.reason;
}

/** Drops what no longer agrees with its chain and leaves this build's schema free to be taken. */
async function prepare(
  client: pg.Client,
  schema: string,
  config: MirrorConfig,
  log: (line: string) => void,
): Promise<void> {
  await releaseBuild(client, schema);
  for (const build of await buildSchemas(client)) {
    const reason = (await hasAnchors(client, build))
      ? await disagreement(client, build, config, { resuming: build === schema })
      : "it was not begun properly";
    if (reason === null) continue;
    log(`Dropping ${build}, because ${reason}.`);
    await dropBuild(client, build);
    // A cache of a public chain costs hours to fill and is only wrong if the chain itself is another one.
    for (const chain of config.chains) await forgetFetched(client, chain.id);
  }
  if (!(await hasAnchors(client, schema))) {
    for (const chain of config.chains) if (chain.local) await forgetFetched(client, chain.id);
  }
  for (const chain of config.chains) await recordAnchors(client, schema, chain);
}

/** Why a build disagrees with one of its chains, or null. */
async function disagreement(
  client: pg.Client,
  schema: string,
  config: MirrorConfig,
  options: { resuming: boolean },
): Promise<string | null> {
  for (const chain of config.chains) {
    const verdict = await compare(client, schema, chain, options);
    if (!verdict.agrees) return verdict.reason;
  }
  return null;
}

/**
 * Watches over a running Ponder: shows its rows once it has any, drops older builds once it has all of them,
 * and compares it with the chains.
 * @returns the reason to index again
 * @throws MirrorFailure when Ponder ends, the signal's reason when it is aborted
 */
async function watch(
  client: pg.Client,
  schema: string,
  config: MirrorConfig,
  ponder: Ponder,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<string> {
  let ended: string | null = null;
  const wake = new AbortController();
  ponder.exited.then((how) => {
    ended = how;
    wake.abort();
  });
  const pause = AbortSignal.any([signal, wake.signal]);
  let ready = false;
  let unreachable = false;
  let nextComparison = Date.now() + COMPARING_MS;
  for (;;) {
    signal.throwIfAborted();
    if (ended !== null) throw new MirrorFailure(`The mirror stopped, because Ponder did: ${ended}.`);
    const shown = await serve(client, schema);
    if (!ready) {
      ready = shown;
      if (ready) log(`Mirroring ${config.chains.map((chain) => chain.caip2).join(", ")} into ${schema}.`);
    }
    if (Date.now() >= nextComparison) {
      nextComparison = Date.now() + COMPARING_MS;
      try {
        const reason = await disagreement(client, schema, config, { resuming: false });
        if (reason !== null) return reason;
        for (const chain of config.chains) await recordAnchors(client, schema, chain);
        if (unreachable) log("The chain answers again.");
        unreachable = false;
      } catch (error) {
        // Ponder itself keeps trying for ten minutes; a chain that restarts is back long before.
        signal.throwIfAborted();
        if (!unreachable) log(`The chain cannot be compared at the moment: ${oneLine(error)}`);
        unreachable = true;
      }
    }
    await sleep(ready ? COMPARING_MS : STARTING_MS, undefined, { signal: pause }).catch(() => {});
  }
}

/**
 * Shows this build in schema `chain` as soon as that loses nothing: at once when no other build is shown,
 * else when it is ready; and beside it the rows that the Tron watcher has made.
 * @returns whether the build is ready and shown
 */
async function serve(client: pg.Client, schema: string): Promise<boolean> {
  const state = await buildState(client, schema);
  if (!state) return false;
  const served = await servedSchemas(client);
  const tron = await tronSchema(client);
  const stale = served.build !== schema ? state.ready || served.build === null : served.tron !== tron;
  if (stale) await serveBuild(client, schema, state.tables);
  if (!state.ready) return false;
  for (const other of await buildSchemas(client)) if (other !== schema) await dropBuild(client, other);
  await dropOldTron(client, [tron, (await servedSchemas(client)).tron]);
  return true;
}

/**
 * Waits for the port, which the Ponder of a killed mirror may still be letting go of.
 * @throws MirrorFailure when it stays in use
 */
async function waitForPort(port: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + PORT_WAIT_MS;
  for (;;) {
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return;
    if (Date.now() > deadline) {
      throw new MirrorFailure(`Port ${port} is in use; stop what uses it or set INDEXER_PORT.`);
    }
    await sleep(200, undefined, { signal });
  }
}

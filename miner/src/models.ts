import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "./backoff.ts";
import type { Engine, EngineLoader } from "./engines/engine.ts";
import { SharedEngine } from "./engines/shared.ts";
import { describe } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { ModelState, WantedModel } from "./protocol.ts";
import type { WeightsStore } from "./weights/store.ts";

/** Between two lines in the log about one download. */
const LINE_MS = 60_000;

/** Models that are fetched or loaded at a time; the others wait their turn. */
const PARALLEL = 2;

export interface ModelsParameters {
  loader: EngineLoader;
  store: WeightsStore;
  /** Whether the operator lets this node serve the model. */
  selects: (modelId: string) => boolean;
  onChange: (states: ModelState[]) => void;
  log: Logger;
  /** Upper bound of the wait before a failed model is tried again. */
  retryBaseMs?: number;
}

interface Entry {
  wanted: WantedModel;
  state: ModelState;
  engine: SharedEngine | null;
  /** Another version of the model, which serves until this one is ready. */
  before: Entry | null;
  stop: AbortController;
  /** Settles when nothing of this entry runs any more. */
  work: Promise<void>;
}

/** A loaded model, and the CID of the weights that it answers with. */
export interface Served {
  engine: Engine;
  cid: string;
}

/** Brings what is served in line with what is wanted: fetches, checks, loads, frees. */
export class Models {
  readonly #parameters: ModelsParameters;
  readonly #entries = new Map<string, Entry>();
  /** Loaded weights by CID: models with the same weights share one engine. */
  readonly #engines = new Map<string, Promise<SharedEngine>>();
  readonly #slot = limiter(PARALLEL);

  constructor(parameters: ModelsParameters) {
    this.#parameters = parameters;
  }

  get states(): ModelState[] {
    return [...this.#entries.values()].map(({ state, before }) => ({ ...(before ?? { state }).state }));
  }

  get ready(): string[] {
    return this.states.filter(({ state }) => state === "ready").map(({ modelId }) => modelId);
  }

  /** What answers for a model now; null when nothing does. */
  servedOf(modelId: string): Served | null {
    const entry = this.#entries.get(modelId);
    const serving = entry?.before ?? entry;
    return serving?.engine ? { engine: serving.engine, cid: serving.wanted.cid } : null;
  }

  /** Replaces the list of wanted models. What is under way and still wanted goes on. */
  want(list: WantedModel[]): void {
    const wanted = new Map(
      list.filter((m) => this.#parameters.selects(m.modelId)).map((m) => [m.modelId, m]),
    );
    let changed = false;
    for (const [modelId, entry] of this.#entries) {
      if (wanted.has(modelId)) continue;
      this.#entries.delete(modelId);
      void this.#end(entry);
      changed = true;
    }
    for (const [modelId, model] of wanted) {
      const entry = this.#entries.get(modelId);
      if (entry && sameFile(entry.wanted, model)) continue;
      changed = true;
      if (entry) this.#replace(entry, model);
      else this.#begin(model, null);
    }
    if (changed) this.#parameters.onChange(this.states);
  }

  /** Brings another version of a model; the one that answers does so until that one is ready. */
  #replace(entry: Entry, model: WantedModel): void {
    const serving = entry.before ?? (entry.state.state === "ready" ? entry : null);
    entry.before = null;
    if (serving !== entry) void this.#end(entry);
    if (serving && sameFile(serving.wanted, model)) this.#entries.set(model.modelId, serving);
    else this.#begin(model, serving);
  }

  #begin(model: WantedModel, before: Entry | null): void {
    const { modelId } = model;
    const entry: Entry = {
      wanted: model,
      state: { modelId, state: "fetching" },
      engine: null,
      before,
      stop: new AbortController(),
      work: Promise.resolve(),
    };
    this.#entries.set(modelId, entry);
    entry.work = this.#provide(entry);
  }

  /** Ends all work and frees every model. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map((entry) => this.#end(entry)));
  }

  async #end(entry: Entry): Promise<void> {
    entry.stop.abort();
    await entry.work;
    const { engine, before } = entry;
    entry.engine = null;
    entry.before = null;
    await Promise.all([engine?.dispose(), before && this.#end(before)]);
  }

  async #provide(entry: Entry): Promise<void> {
    const { log, retryBaseMs = 30_000 } = this.#parameters;
    const { signal } = entry.stop;
    const { modelId, name } = entry.wanted;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#slot(() => this.#serve(entry));
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.error({ modelId, name, reason: describe(error) }, "a model cannot be served");
        this.#report(entry, { modelId, state: "failed" });
      }
      const delay = backoffDelay(failures, { baseMs: retryBaseMs, capMs: 3_600_000 });
      await sleep(delay, undefined, { signal }).catch(() => {});
    }
  }

  async #serve(entry: Entry): Promise<void> {
    const { loader, store, log } = this.#parameters;
    const { signal } = entry.stop;
    const { wanted } = entry;
    const { modelId, name, cid } = wanted;
    signal.throwIfAborted();
    let path: string | null = null;
    if (loader.needsWeights) {
      this.#report(entry, { modelId, state: "fetching", progress: 0 });
      log.info({ modelId, name, cid, bytes: wanted.size }, "fetching or checking its weights");
      let told = 0;
      let line = performance.now();
      path = await store.ensure(wanted, signal, (progress) => {
        if (performance.now() - line > LINE_MS) {
          line = performance.now();
          log.info({ modelId, name, share: Math.floor(progress * 100) / 100 }, "still fetching");
        }
        // Once a second is often enough for a progress bar.
        if (performance.now() - told < 1_000) return;
        told = performance.now();
        this.#report(entry, { modelId, state: "fetching", progress });
      });
      log.info({ modelId, name, cid }, "weights checked");
    }
    signal.throwIfAborted();
    this.#report(entry, { modelId, state: "loading" });
    const key = loader.needsWeights ? cid : modelId;
    entry.engine = await this.#load(key, { modelId, path, contextLength: wanted.contextLength ?? null });
    if (signal.aborted) return;
    const { before } = entry;
    entry.before = null;
    this.#report(entry, { modelId, state: "ready", cid });
    log.info({ modelId, name, cid }, "ready");
    // What it was asked already it answers to the end.
    if (before) void this.#end(before);
  }

  async #load(key: string, model: Parameters<EngineLoader["load"]>[0]): Promise<SharedEngine> {
    for (let known = this.#engines.get(key); known; known = this.#engines.get(key)) {
      const loaded = await known.catch(() => null);
      if (loaded?.tryShare()) return loaded;
      // It failed, or was freed while we waited.
      if (this.#engines.get(key) === known) this.#engines.delete(key);
    }
    // Nothing is awaited between the look above and the entry below: nobody else loads the same.
    const forget = () => {
      if (this.#engines.get(key) === loading) this.#engines.delete(key);
    };
    const loading = this.#parameters.loader.load(model).then((engine) => new SharedEngine(engine, forget));
    this.#engines.set(key, loading);
    loading.catch(forget);
    return loading;
  }

  #report(entry: Entry, state: ModelState): void {
    entry.state = state;
    // An entry that is no longer wanted has nothing to tell, and one that is to replace another only when it does.
    if (this.#entries.get(state.modelId) === entry && !entry.before) this.#parameters.onChange(this.states);
  }
}

const sameFile = (one: WantedModel, other: WantedModel) =>
  one.cid === other.cid && one.sha256 === other.sha256;

/** Runs at most `count` tasks at a time, in the order they came. */
function limiter(count: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

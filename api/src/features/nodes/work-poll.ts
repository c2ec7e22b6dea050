import type { Logger } from "pino";
import type { NodeConnection } from "./connection.ts";
import type { WantedModel } from "./protocol.ts";
import type { NodeWork } from "./wanted.ts";

/** What each of these nodes is to serve and may not. */
type ReadWork = (nodeIds: string[]) => Promise<Map<string, NodeWork>>;

export interface WorkPollOptions {
  log: Logger;
  /** Milliseconds between two looks. */
  ms: number;
  connections: ReadonlyMap<string, NodeConnection>;
  /** A model that the connection offered is not its to serve any more. */
  onTaken: (connection: NodeConnection) => void;
  /** A model became the connection's to serve. */
  onGiven: (connection: NodeConnection) => void;
}

/** Tells connected nodes which models are wanted, whenever that changed. */
export class WorkPoll {
  readonly #options: WorkPollOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: WorkPollOptions) {
    this.#options = options;
  }

  start(read: ReadWork): void {
    const poll = async () => {
      try {
        await this.#refresh(read);
      } catch (error) {
        if (!this.#stopped) {
          this.#options.log.warn({ err: error }, "The models to serve could not be read.");
        }
      }
      if (!this.#stopped) this.#timer = setTimeout(poll, this.#options.ms);
    };
    void poll();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #refresh(read: ReadWork): Promise<void> {
    const { connections, onTaken, onGiven } = this.#options;
    const work = await read([...connections.keys()]);
    const differs = comparing();
    for (const [nodeId, connection] of connections) {
      const now = work.get(nodeId);
      if (!now) continue;
      const before = connection.work;
      connection.work = now;
      const taken = [...now.forbidden].filter((modelId) => connection.offered.delete(modelId));
      // What it said it has may have become its to serve.
      const given = [...before.forbidden].some((modelId) => !now.forbidden.has(modelId));
      if (taken.length > 0) onTaken(connection);
      if (given) onGiven(connection);
      if (!differs(before.wanted, now.wanted)) continue;
      connection.send({ type: "wanted", wanted: now.wanted });
    }
  }
}

/** Compares lists that many nodes share, each pair of them once. */
function comparing(): (before: readonly WantedModel[], now: readonly WantedModel[]) => boolean {
  const known = new Map<readonly WantedModel[], Map<readonly WantedModel[], boolean>>();
  return (before, now) => {
    const results = known.get(before) ?? new Map<readonly WantedModel[], boolean>();
    known.set(before, results);
    const result = results.get(now) ?? JSON.stringify(before) !== JSON.stringify(now);
    results.set(now, result);
    return result;
  };
}

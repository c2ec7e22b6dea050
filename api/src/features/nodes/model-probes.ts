import type { Logger } from "pino";
import type { Database } from "../../db/client.ts";
import type { NodeConnection } from "./connection.ts";
import { once, type ProbeOutcome, probe } from "./probe.ts";
import { recordProbe } from "./probes.ts";

export interface ModelProbesOptions {
  db: Database;
  log: Logger;
  /** Milliseconds, as in `HubTimes`. */
  times: { probeRetry: number; probeAgain: number };
  /** A connection offers a model that it did not before. */
  onOffered: (connection: NodeConnection) => void;
  /** A connection does not offer a model any more. */
  onWithdrawn: (connection: NodeConnection) => void;
}

/** Canary inferences: a node offers a model only after it answered one, and as long as it answers the next. */
export class ModelProbes {
  readonly #options: ModelProbesOptions;
  #stopped = false;

  constructor(options: ModelProbesOptions) {
    this.#options = options;
  }

  /** Probes what a node says is ready and is not offered yet. */
  begin(connection: NodeConnection): void {
    for (const { modelId, state } of connection.models.values()) {
      if (state === "ready" && !connection.offered.has(modelId)) void this.#probe(connection, modelId);
    }
  }

  /** Probes anew what passed a while ago. */
  again(connections: Iterable<NodeConnection>): void {
    for (const connection of connections) {
      for (const modelId of connection.offered) {
        const age = Date.now() - (connection.probedAt.get(modelId) ?? 0);
        if (age >= this.#options.times.probeAgain * (0.9 + Math.random() * 0.2)) {
          this.check(connection, modelId);
        }
      }
    }
  }

  /** Probes what is offered, and takes it back when that fails. */
  check(connection: NodeConnection, modelId: string): void {
    void this.#ask(connection, modelId);
  }

  /** Takes a model back until a probe passes. */
  doubt(connection: NodeConnection, modelId: string): void {
    if (!connection.offered.delete(modelId)) return;
    this.#options.onWithdrawn(connection);
    void this.#probe(connection, modelId);
  }

  /** From now on what cannot be written down is not worth a word. */
  stop(): void {
    this.#stopped = true;
  }

  async #probe(connection: NodeConnection, modelId: string): Promise<void> {
    if (connection.work.forbidden.has(modelId)) return;
    const { times, onOffered } = this.#options;
    const passed = await probe(connection, modelId, times.probeRetry, (outcome) =>
      this.#probed(connection, modelId, outcome),
    );
    if (!passed || connection.work.forbidden.has(modelId)) return;
    connection.offered.add(modelId);
    onOffered(connection);
  }

  async #ask(connection: NodeConnection, modelId: string): Promise<void> {
    const passed = await once(connection, modelId, (outcome) => this.#probed(connection, modelId, outcome));
    if (passed === false) this.doubt(connection, modelId);
  }

  #probed({ nodeId }: NodeConnection, modelId: string, { why, ms }: ProbeOutcome): void {
    const { db, log } = this.#options;
    if (why !== null) log.warn({ nodeId, modelId, why }, "A probe of a node's model failed.");
    const result = { kind: "inference" as const, modelId, ok: why === null, ms, detail: why ?? undefined };
    recordProbe(db, nodeId, result).catch((error) => {
      if (!this.#stopped) log.warn({ err: error }, "A probe could not be written down.");
    });
  }
}

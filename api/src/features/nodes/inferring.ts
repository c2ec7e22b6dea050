import type { Logger } from "pino";
import type { NodeConnection } from "./connection.ts";
import { InferenceError } from "./errors.ts";
import type { InferenceEvent, InferenceJob, InferenceStream } from "./inference.ts";
import { SlotQueue } from "./slots.ts";

/** Why another node may be asked when the first token has not come. */
const RETRIED = new Set(["busy", "node_lost", "stalled", "engine_failed"]);

export interface InferringOptions {
  log: Logger;
  /** Milliseconds that a request waits for a slot when every node is at its capacity. */
  queueMs: number;
  /** The live nodes that offer a model now. */
  offering: (modelId: string) => NodeConnection[];
}

/** Chooses nodes for inferences and follows them to their end. */
export class Inferring {
  readonly #log: Logger;
  readonly #queueMs: number;
  readonly #offering: (modelId: string) => NodeConnection[];
  readonly #slots = new SlotQueue();

  constructor({ log, queueMs, offering }: InferringOptions) {
    this.#log = log;
    this.#queueMs = queueMs;
    this.#offering = offering;
  }

  /** A node may have a free slot, or be gone: those that wait look again. */
  wake(): void {
    this.#slots.wake();
  }

  /**
   * Runs an inference on the least loaded live node that offers the model. Until the first token another node is
   * tried when one fails. Aborting stops the node's generation; the events then end with a `done` of `cancelled`.
   * @throws InferenceError
   */
  async *infer(job: InferenceJob, { signal }: { signal: AbortSignal }): AsyncGenerator<InferenceEvent> {
    const tried = new Set<string>();
    let failure: InferenceError | undefined;
    for (;;) {
      const running = await this.#startOn(job, tried, signal, failure);
      if (!running) {
        yield { type: "done", usage: { promptTokens: 0, completionTokens: 0 }, finishReason: "cancelled" };
        return;
      }
      const { connection, stream } = running;
      tried.add(connection.nodeId);
      let started = false;
      try {
        for await (const event of follow(connection, stream, signal)) {
          if (!started) {
            yield { type: "start", nodeId: connection.nodeId, weightsCid: stream.weightsCid };
          }
          started = true;
          if (event.type === "done" && event.finishReason === "cancelled" && !signal.aborted) {
            throw new InferenceError("node_lost", "The node stopped the answer by itself.");
          }
          yield event;
        }
        return;
      } catch (error) {
        if (started || !(error instanceof InferenceError) || !RETRIED.has(error.code)) throw error;
        this.#log.warn({ nodeId: connection.nodeId, modelId: job.modelId, code: error.code }, error.message);
        failure = error;
      }
    }
  }

  /**
   * Chooses a node and takes its slot in one step, so that no two requests take the same.
   * @returns undefined when the caller went away while waiting
   */
  async #startOn(
    job: InferenceJob,
    tried: ReadonlySet<string>,
    signal: AbortSignal,
    failure: InferenceError | undefined,
  ): Promise<{ connection: NodeConnection; stream: InferenceStream } | undefined> {
    const deadline = Date.now() + this.#queueMs;
    for (;;) {
      if (signal.aborted) return undefined;
      const candidates = this.#offering(job.modelId).filter(({ nodeId }) => !tried.has(nodeId));
      if (candidates.length === 0) {
        throw failure ?? new InferenceError("no_node", "No node serves this model at the moment.");
      }
      const free = candidates.filter((connection) => connection.free);
      if (free.length > 0) {
        const connection = free.reduce((best, next) => (load(next) < load(best) ? next : best));
        return { connection, stream: connection.start(job) };
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new InferenceError("busy", "Every node that serves this model is busy.");
      await this.#slots.wait(left, signal);
    }
  }
}

const load = ({ active, capacity }: NodeConnection) => active / capacity;

async function* follow(connection: NodeConnection, stream: InferenceStream, signal: AbortSignal) {
  const cancel = () => connection.cancel(stream);
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    yield* stream.events();
  } finally {
    signal.removeEventListener("abort", cancel);
    // A reader that stops half-way stops the node too.
    if (!stream.ended) cancel();
  }
}

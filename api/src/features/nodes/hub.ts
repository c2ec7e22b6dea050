import type { Logger } from "pino";
import type { WebSocket } from "ws";
import type { Database } from "../../db/client.ts";
import { type ConnectionTimes, NodeConnection } from "./connection.ts";
import { InferenceError } from "./errors.ts";
import type { InferenceEvent, InferenceJob, InferenceStream } from "./inference.ts";
import { probe } from "./probe.ts";
import { CLOSE, HEARTBEAT_SECONDS, INACTIVE_SECONDS, type NodeFrame } from "./protocol.ts";
import { storeAbsence, storeHeartbeat, storePresence } from "./queries.ts";
import type { NodeWork } from "./service.ts";
import { SlotQueue } from "./slots.ts";

/** Milliseconds. */
export interface HubTimes extends ConnectionTimes {
  /** Between two looks at which models are wanted. */
  poll: number;
  /** How long a request waits for a slot when every node is at its capacity. */
  queue: number;
  /** Between a failed probe and the next one, doubled each time up to five minutes. */
  probeRetry: number;
}

const TIMES: HubTimes = {
  hello: 10_000,
  ping: 15_000,
  stall: 60_000,
  cancel: 2_000,
  poll: 2_000,
  queue: 5_000,
  probeRetry: 5_000,
};

/** Why another node may be asked when the first token has not come. */
const RETRIED = new Set(["busy", "node_lost", "stalled", "engine_failed"]);

/** The nodes that are connected to this instance, and the way to have one of them infer. */
export class NodeHub {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #times: HubTimes;
  readonly #connections = new Map<string, NodeConnection>();
  readonly #slots = new SlotQueue();
  /** By node: the writes that wait for the one under way. */
  readonly #writes = new Map<string, Map<string, Write>>();
  #poller: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ db, log, times }: { db: Database; log: Logger; times?: Partial<HubTimes> }) {
    this.#db = db;
    this.#log = log;
    this.#times = { ...TIMES, ...times };
  }

  /** Begins to tell the nodes which models to serve. */
  start(workOf: (nodeIds: string[]) => Promise<Map<string, NodeWork>>): void {
    const poll = async () => {
      try {
        await this.#refreshWork(workOf);
      } catch (error) {
        if (!this.#stopped) this.#log.warn({ err: error }, "The models to serve could not be read.");
      }
      if (!this.#stopped) this.#poller = setTimeout(poll, this.#times.poll);
    };
    void poll();
  }

  /** Ends every connection; the nodes come back by themselves. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#poller);
    for (const connection of this.#connections.values()) {
      connection.close(CLOSE.goingAway, "the api is stopping");
    }
  }

  get connected(): number {
    return this.#connections.size;
  }

  /** Takes over the open socket of a registered node, in place of an older one of the same node. */
  connect(nodeId: string, socket: WebSocket, work: NodeWork): void {
    this.#connections.get(nodeId)?.close(CLOSE.replaced, "the node connected again");
    const connection: NodeConnection = new NodeConnection(nodeId, socket, this.#times, {
      onFrame: (frame) => this.#told(connection, frame),
      onSlot: () => this.#slots.wake(),
      onDoubt: (modelId) => this.#doubt(connection, modelId),
      onClose: () => this.#closed(connection),
    });
    connection.work = work;
    this.#connections.set(nodeId, connection);
    connection.send({
      type: "welcome",
      nodeId,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      wanted: work.wanted,
    });
  }

  /** Ends the connection of a node whose token is not good any more. */
  disconnect(nodeId: string): void {
    this.#connections.get(nodeId)?.close(CLOSE.replaced, "the node registered again");
  }

  /** A heartbeat that came by HTTP counts for the connection too. */
  heard(nodeId: string): void {
    const connection = this.#connections.get(nodeId);
    if (connection) connection.lastHeartbeatAt = Date.now();
  }

  /** How many live nodes offer a model, and whether one of them has it in memory (those that offer it do). */
  serving(modelId: string): { nodes: number; warm: boolean } {
    const nodes = this.#offering(modelId).length;
    return { nodes, warm: nodes > 0 };
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
          if (!started) yield { type: "start", nodeId: connection.nodeId };
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
    const deadline = Date.now() + this.#times.queue;
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

  #offering(modelId: string): NodeConnection[] {
    const oldest = Date.now() - INACTIVE_SECONDS * 1000;
    const found: NodeConnection[] = [];
    for (const connection of this.#connections.values()) {
      if (connection.offered.has(modelId) && connection.lastHeartbeatAt > oldest) found.push(connection);
    }
    return found;
  }

  #told(
    connection: NodeConnection,
    frame: Extract<NodeFrame, { type: "hello" | "models" | "heartbeat" }>,
  ): void {
    connection.lastHeartbeatAt = Date.now();
    if (frame.type === "heartbeat") {
      const { type: _, ...figures } = frame;
      this.#store(connection.nodeId, "figures", (id) => storeHeartbeat(this.#db, id, figures));
      return;
    }
    const told =
      frame.type === "hello"
        ? frame.models.map((modelId) => ({ modelId, state: "ready" as const }))
        : frame.models;
    // A frame tells of every model the node has; what it no longer names is gone.
    connection.models.clear();
    for (const model of told) connection.models.set(model.modelId, model);
    for (const modelId of connection.offered) {
      if (connection.models.get(modelId)?.state !== "ready") connection.offered.delete(modelId);
    }
    this.#probeNew(connection);
    this.#present(connection);
  }

  #probeNew(connection: NodeConnection): void {
    for (const { modelId, state } of connection.models.values()) {
      if (state === "ready" && !connection.offered.has(modelId)) void this.#probe(connection, modelId);
    }
  }

  async #probe(connection: NodeConnection, modelId: string): Promise<void> {
    if (connection.work.forbidden.has(modelId)) return;
    const passed = await probe(connection, modelId, this.#times.probeRetry, (why) =>
      this.#log.warn({ nodeId: connection.nodeId, modelId, why }, "A probe of a node's model failed."),
    );
    if (!passed || connection.work.forbidden.has(modelId)) return;
    connection.offered.add(modelId);
    this.#present(connection);
    this.#slots.wake();
  }

  #doubt(connection: NodeConnection, modelId: string): void {
    if (connection.offered.delete(modelId)) void this.#probe(connection, modelId);
  }

  #present(connection: NodeConnection): void {
    const { version, capacity } = connection;
    const models = [...connection.models.values()];
    const offered = [...connection.offered];
    this.#store(connection.nodeId, "presence", (id) =>
      storePresence(this.#db, id, { version, capacity, models, offered }),
    );
  }

  #closed(connection: NodeConnection): void {
    if (this.#connections.get(connection.nodeId) !== connection) return;
    this.#connections.delete(connection.nodeId);
    this.#slots.wake();
    if (!this.#stopped) this.#store(connection.nodeId, "absence", (id) => storeAbsence(this.#db, id));
  }

  async #refreshWork(read: (nodeIds: string[]) => Promise<Map<string, NodeWork>>): Promise<void> {
    const work = await read([...this.#connections.keys()]);
    for (const [nodeId, connection] of this.#connections) {
      const now = work.get(nodeId);
      if (!now) continue;
      const before = connection.work;
      connection.work = now;
      const taken = [...now.forbidden].filter((modelId) => connection.offered.delete(modelId));
      // What it said it has may have become its to serve.
      const given = [...before.forbidden].some((modelId) => !now.forbidden.has(modelId));
      if (taken.length > 0) this.#present(connection);
      if (given) this.#probeNew(connection);
      if (JSON.stringify(now.wanted) === JSON.stringify(before.wanted)) continue;
      connection.send({ type: "wanted", wanted: now.wanted });
    }
  }

  /**
   * Writes what the list of nodes shows, one write of a node after another. Of those of a kind that wait, the newest
   * takes the place of the others: a node that floods us costs one write at a time and no memory. A write that fails
   * must not stop inference.
   */
  #store(nodeId: string, kind: "figures" | "presence" | "absence", write: Write): void {
    const waiting = this.#writes.get(nodeId) ?? new Map<string, Write>();
    waiting.delete(kind);
    waiting.set(kind, write);
    if (this.#writes.has(nodeId)) return;
    this.#writes.set(nodeId, waiting);
    void this.#write(nodeId, waiting);
  }

  async #write(nodeId: string, waiting: Map<string, Write>): Promise<void> {
    // What is added meanwhile is visited too.
    for (const [kind, write] of waiting) {
      waiting.delete(kind);
      await write(nodeId).catch((error) => {
        if (!this.#stopped) this.#log.warn({ err: error }, "A node's state could not be stored.");
      });
    }
    this.#writes.delete(nodeId);
  }
}

type Write = (nodeId: string) => Promise<void>;

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

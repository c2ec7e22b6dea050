import type { Logger } from "pino";
import type { WebSocket } from "ws";
import type { Bus } from "../../db/bus.ts";
import type { Database } from "../../db/client.ts";
import type { JobCapability } from "./capability.ts";
import { type ConnectionEvents, type ConnectionTimes, NodeConnection } from "./connection.ts";
import type { Fleet } from "./fleet.ts";
import type { InferenceEvent, InferenceJob } from "./inference.ts";
import { Inferring } from "./inferring.ts";
import { ModelProbes } from "./model-probes.ts";
import { answerProbe } from "./probes.ts";
import {
  type ApiFrame,
  CLOSE,
  HEARTBEAT_SECONDS,
  INACTIVE_SECONDS,
  type NodeFrame,
  type WantedModel,
} from "./protocol.ts";
import { storeAbsence, storePresence } from "./queries.ts";
import { type KnownNode, nodeById } from "./queries-fleet.ts";
import type { NodeWork } from "./wanted.ts";
import { NodeWrites } from "./writes.ts";

/** Milliseconds. */
export interface HubTimes extends ConnectionTimes {
  /** Between two looks at which models are wanted. */
  poll: number;
  /** How long a request waits for a slot when every node is at its capacity. */
  queue: number;
  /** Between a failed probe and the next one, doubled each time up to five minutes. */
  probeRetry: number;
  /** Between two probes of a model that passes them, give or take a tenth. */
  probeAgain: number;
}

const TIMES: HubTimes = {
  hello: 10_000,
  ping: 15_000,
  stall: 60_000,
  cancel: 2_000,
  poll: 2_000,
  queue: 5_000,
  probeRetry: 5_000,
  probeAgain: 600_000,
};

export interface HubOptions {
  db: Database;
  log: Logger;
  bus: Bus;
  fleet: Fleet;
  times?: Partial<HubTimes> | undefined;
}

/** The nodes that are connected to this instance, and the way to have one of them infer. */
export class NodeHub {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #times: HubTimes;
  readonly #connections = new Map<string, NodeConnection>();
  readonly #inferring: Inferring;
  readonly #probes: ModelProbes;
  readonly #fleet: Fleet;
  readonly #writes: NodeWrites;
  #poller: NodeJS.Timeout | undefined;
  #prober: NodeJS.Timeout | undefined;
  #stopped = false;

  /** Told of a node whose answer to a container probe is taken, and of one that offers containers now. */
  onJobs: ((nodeId: string) => void) | undefined;

  constructor({ db, log, bus, fleet, times }: HubOptions) {
    this.#db = db;
    this.#log = log;
    this.#fleet = fleet;
    this.#times = { ...TIMES, ...times };
    this.#writes = new NodeWrites(log);
    this.#inferring = new Inferring({
      log,
      queueMs: this.#times.queue,
      offering: (modelId) => this.#offering(modelId),
    });
    this.#probes = new ModelProbes({
      db,
      log,
      times: this.#times,
      onOffered: (connection) => {
        this.#present(connection);
        this.#inferring.wake();
      },
    });
    bus.on("node", ({ nodeId }) => {
      const connection = this.#connections.get(nodeId);
      if (connection)
        void this.#check(connection).catch((err) => log.debug({ err }, "a node was not looked at"));
    });
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
    const again = () => this.#probes.again(this.#connections.values());
    this.#prober = setInterval(again, this.#times.probeAgain / 20).unref();
  }

  /** Ends every connection; the nodes come back by themselves. */
  stop(): void {
    this.#stopped = true;
    this.#writes.stop();
    this.#probes.stop();
    clearTimeout(this.#poller);
    clearInterval(this.#prober);
    for (const connection of this.#connections.values()) {
      connection.close(CLOSE.goingAway, "the api is stopping");
    }
  }

  get connected(): number {
    return this.#connections.size;
  }

  connectedIds(): string[] {
    return [...this.#connections.keys()];
  }

  /** Whether a node is connected to this instance. */
  has(nodeId: string): boolean {
    return this.#connections.has(nodeId);
  }

  /** Sends to a node that is connected here; one that is not learns of it elsewhere or asks. */
  send(nodeId: string, frame: ApiFrame): void {
    this.#connections.get(nodeId)?.send(frame);
  }

  /** Takes over the open socket of a registered node, in place of an older one of the same node. */
  connect({ id: nodeId, tokenHash, deactivated }: KnownNode, socket: WebSocket, work: NodeWork): void {
    this.#connections.get(nodeId)?.close(CLOSE.replaced, "the node connected again");
    const connection: NodeConnection = new NodeConnection(nodeId, socket, this.#times, {
      onFrame: (frame) => this.#told(connection, frame),
      onSlot: () => this.#inferring.wake(),
      onDoubt: (modelId) => this.#probes.doubt(connection, modelId),
      onClose: () => this.#closed(connection),
    });
    connection.work = work;
    connection.tokenHash = tokenHash;
    connection.deactivated = deactivated;
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
    const ready = ({ models, deactivated }: NodeConnection) =>
      !deactivated && models.get(modelId)?.state === "ready";
    return { nodes, warm: nodes > 0 || [...this.#connections.values()].some(ready) };
  }

  /**
   * Runs an inference on the least loaded live node that offers the model, as `Inferring` does.
   * @throws InferenceError
   */
  infer(job: InferenceJob, options: { signal: AbortSignal }): AsyncGenerator<InferenceEvent> {
    return this.#inferring.infer(job, options);
  }

  #offering(modelId: string): NodeConnection[] {
    const oldest = Date.now() - INACTIVE_SECONDS * 1000;
    const found: NodeConnection[] = [];
    for (const connection of this.#connections.values()) {
      const { offered, lastHeartbeatAt, deactivated } = connection;
      if (offered.has(modelId) && lastHeartbeatAt > oldest && !deactivated) found.push(connection);
    }
    return found;
  }

  #told(connection: NodeConnection, frame: ToldFrame): void {
    connection.lastHeartbeatAt = Date.now();
    if (frame.type === "job_probe_result") {
      void this.#answered(connection, frame);
      return;
    }
    if ("jobs" in frame && frame.jobs) this.#tellJobs(connection, frame.jobs);
    else if (frame.type === "hello") {
      this.#writes.add(connection.nodeId, "jobs", (nodeId) => this.#fleet.tellNoJobs(nodeId));
    }
    if (frame.type === "heartbeat") {
      const { type: _, jobs: __, attempts = [], ...figures } = frame;
      this.#writes.add(connection.nodeId, "figures", async (nodeId) => {
        for (const attemptId of await this.#fleet.beat({ nodeId, figures, attempts })) {
          connection.send({ type: "job_cancel", attemptId, reason: "over" });
        }
      });
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
    this.#probes.begin(connection);
    this.#present(connection);
  }

  #tellJobs(connection: NodeConnection, jobs: JobCapability): void {
    connection.instance = jobs.instance;
    this.#writes.add(connection.nodeId, "jobs", async (nodeId) => {
      if (await this.#fleet.tellJobs(nodeId, jobs)) this.onJobs?.(nodeId);
      else connection.close(CLOSE.replacedInstance, "another process of this node took its place");
    });
  }

  async #answered(connection: NodeConnection, answer: Extract<NodeFrame, { type: "job_probe_result" }>) {
    try {
      const passed = await answerProbe(this.#db, connection.nodeId, answer);
      if (passed !== undefined) this.onJobs?.(connection.nodeId);
    } catch (error) {
      if (!this.#stopped) this.#log.warn({ err: error }, "A node's answer to a probe could not be stored.");
    }
  }

  /** Looks whether a connection is still as it was let in. */
  async #check(connection: NodeConnection): Promise<void> {
    const now = await nodeById(this.#db, connection.nodeId);
    if (!now || now.tokenHash !== connection.tokenHash) {
      connection.close(CLOSE.replaced, "the node registered again");
    } else if (connection.instance !== null && now.pastInstances.includes(connection.instance)) {
      connection.close(CLOSE.replacedInstance, "another process of this node took its place");
    }
    connection.deactivated = now?.deactivated ?? true;
    this.#inferring.wake();
  }

  #present(connection: NodeConnection): void {
    const { version, capacity } = connection;
    const models = [...connection.models.values()];
    const offered = [...connection.offered];
    this.#writes.add(connection.nodeId, "presence", (id) =>
      storePresence(this.#db, id, { version, capacity, models, offered }),
    );
  }

  #closed(connection: NodeConnection): void {
    if (this.#connections.get(connection.nodeId) !== connection) return;
    this.#connections.delete(connection.nodeId);
    this.#inferring.wake();
    if (!this.#stopped) this.#writes.add(connection.nodeId, "absence", (id) => storeAbsence(this.#db, id));
  }

  async #refreshWork(read: (nodeIds: string[]) => Promise<Map<string, NodeWork>>): Promise<void> {
    const work = await read([...this.#connections.keys()]);
    const differs = comparing();
    for (const [nodeId, connection] of this.#connections) {
      const now = work.get(nodeId);
      if (!now) continue;
      const before = connection.work;
      connection.work = now;
      const taken = [...now.forbidden].filter((modelId) => connection.offered.delete(modelId));
      // What it said it has may have become its to serve.
      const given = [...before.forbidden].some((modelId) => !now.forbidden.has(modelId));
      if (taken.length > 0) this.#present(connection);
      if (given) this.#probes.begin(connection);
      if (!differs(before.wanted, now.wanted)) continue;
      connection.send({ type: "wanted", wanted: now.wanted });
    }
  }
}

type ToldFrame = Parameters<ConnectionEvents["onFrame"]>[0];

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

import type { Logger } from "pino";
import type { WebSocket } from "ws";
import type { Bus } from "../../db/bus.ts";
import type { Database } from "../../db/client.ts";
import { type ConnectionEvents, type ConnectionTimes, NodeConnection } from "./connection.ts";
import type { Fleet } from "./fleet.ts";
import type { InferenceEvent, InferenceJob } from "./inference.ts";
import { Inferring } from "./inferring.ts";
import { ModelProbes } from "./model-probes.ts";
import { Presence } from "./presence.ts";
import { answerProbe } from "./probes.ts";
import { type ApiFrame, CLOSE, HEARTBEAT_SECONDS, INACTIVE_SECONDS, type NodeFrame } from "./protocol.ts";
import { type KnownNode, nodeById } from "./queries-fleet.ts";
import type { NodeWork } from "./wanted.ts";
import { WorkPoll } from "./work-poll.ts";

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
  readonly #presence: Presence;
  readonly #work: WorkPoll;
  #prober: NodeJS.Timeout | undefined;
  #stopped = false;

  /** Told of a node whose answer to a container probe is taken, and of one that offers containers now. */
  onJobs: ((nodeId: string) => void) | undefined;

  constructor({ db, log, bus, fleet, times }: HubOptions) {
    this.#db = db;
    this.#log = log;
    this.#times = { ...TIMES, ...times };
    this.#presence = new Presence({ db, log, fleet, onJobs: (nodeId) => this.onJobs?.(nodeId) });
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
        this.#presence.present(connection);
        this.#inferring.wake();
      },
      onWithdrawn: (connection) => this.#presence.present(connection),
    });
    this.#work = new WorkPoll({
      log,
      ms: this.#times.poll,
      connections: this.#connections,
      onTaken: (connection) => this.#presence.present(connection),
      onGiven: (connection) => this.#probes.begin(connection),
    });
    bus.on("node", ({ nodeId }) => {
      const connection = this.#connections.get(nodeId);
      if (connection)
        void this.#check(connection).catch((err) => log.debug({ err }, "a node was not looked at"));
    });
  }

  /** Begins to tell the nodes which models to serve. */
  start(workOf: (nodeIds: string[]) => Promise<Map<string, NodeWork>>): void {
    this.#work.start(workOf);
    const again = () => this.#probes.again(this.#connections.values());
    this.#prober = setInterval(again, this.#times.probeAgain / 20).unref();
  }

  /** Ends every connection; the nodes come back by themselves. */
  stop(): void {
    this.#stopped = true;
    this.#presence.stop();
    this.#probes.stop();
    this.#work.stop();
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
    if ("jobs" in frame && frame.jobs) this.#presence.offers(connection, frame.jobs);
    else if (frame.type === "hello") this.#presence.offers(connection, null);
    if (frame.type === "heartbeat") {
      const { type: _, jobs: __, attempts = [], ...figures } = frame;
      this.#presence.beat(connection, figures, attempts);
      return;
    }
    const told =
      frame.type === "hello"
        ? frame.models.map((modelId) => ({ modelId, state: "ready" as const }))
        : frame.models;
    const before = new Map(connection.models);
    // A frame tells of every model the node has; what it no longer names is gone.
    connection.models.clear();
    for (const model of told) connection.models.set(model.modelId, model);
    for (const modelId of connection.offered) {
      const now = connection.models.get(modelId);
      if (now?.state !== "ready") connection.offered.delete(modelId);
      // Another version answers now: offered on, so that no call finds nobody, and probed at once.
      else if (now.cid !== before.get(modelId)?.cid) this.#probes.check(connection, modelId);
    }
    this.#probes.begin(connection);
    this.#presence.present(connection);
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

  #closed(connection: NodeConnection): void {
    if (this.#connections.get(connection.nodeId) !== connection) return;
    this.#connections.delete(connection.nodeId);
    this.#inferring.wake();
    this.#presence.absent(connection);
  }
}

type ToldFrame = Parameters<ConnectionEvents["onFrame"]>[0];

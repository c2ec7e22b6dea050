import { randomUUID } from "node:crypto";
import type { RawData, WebSocket } from "ws";
import { InferenceError } from "./errors.ts";
import { type InferenceJob, InferenceStream } from "./inference.ts";
import { type ApiFrame, CLOSE, type NodeFrame, type NodeModel, parseNodeFrame } from "./protocol.ts";
import type { NodeWork } from "./wanted.ts";

export interface ConnectionTimes {
  /** Milliseconds until the first `hello` frame. */
  hello: number;
  /** Milliseconds between two pings; a node silent for three of them is gone. */
  ping: number;
  /** Milliseconds without a token, the first one included, after which an inference is given up. */
  stall: number;
  /** Milliseconds that a cancelled node has to report what it used. */
  cancel: number;
}

export interface ConnectionEvents {
  onFrame: (
    frame: Extract<NodeFrame, { type: "hello" | "models" | "heartbeat" | "job_probe_result" }>,
  ) => void;
  /** An inference ended and its slot is free. */
  onSlot: () => void;
  /** The node failed an inference of `modelId` in a way that puts the model itself in doubt. */
  onDoubt: (modelId: string) => void;
  onClose: () => void;
}

/** The api's end of one node's WebSocket. */
export class NodeConnection {
  readonly nodeId: string;
  readonly id: string = randomUUID();
  /** Whether the node's row was told of this connection. */
  presented = false;
  capacity = 0;
  version = "";
  /** The node's process, when it takes jobs. */
  instance: string | null = null;
  /** Of the token that it was opened with. */
  tokenHash = "";
  /** An admin took the node out of service. */
  deactivated = false;
  lastHeartbeatAt = Date.now();
  /** State of each model as the node last told it. */
  readonly models = new Map<string, NodeModel>();
  /** Models whose probe passed: only these are offered. */
  readonly offered = new Set<string>();
  /** By model: when it was last probed. */
  readonly probedAt = new Map<string, number>();
  /** Models that are being probed now. */
  readonly probing = new Set<string>();
  /** What it should serve, and what it may not, as of the last look. */
  work: NodeWork = { wanted: [], forbidden: new Set() };
  readonly #socket: WebSocket;
  readonly #times: ConnectionTimes;
  readonly #events: ConnectionEvents;
  readonly #running = new Map<string, InferenceStream>();
  readonly #pinger: NodeJS.Timeout;
  readonly #helloTimer: NodeJS.Timeout;
  #heardAt = Date.now();

  constructor(nodeId: string, socket: WebSocket, times: ConnectionTimes, events: ConnectionEvents) {
    this.nodeId = nodeId;
    this.#socket = socket;
    this.#times = times;
    this.#events = events;
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("close", () => this.#closed());
    // `close` follows; without a listener a broken peer would end the process.
    socket.on("error", () => undefined);
    this.#pinger = setInterval(() => this.#ping(), times.ping);
    this.#helloTimer = setTimeout(() => this.close(CLOSE.badFrame, "no hello frame"), times.hello);
  }

  /** Inferences that hold a slot, cancelled ones that the node has not ended included. */
  get active(): number {
    return this.#running.size;
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get free(): boolean {
    return this.#running.size < this.capacity;
  }

  send(frame: ApiFrame): void {
    if (this.open) this.#socket.send(JSON.stringify(frame));
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    // A peer that does not answer the closing handshake is cut off.
    setTimeout(() => this.#socket.terminate(), 1_000).unref();
  }

  /** Starts an inference, which holds a slot until the node ends it. */
  start({ modelId, request }: InferenceJob, stallMs = this.#times.stall): InferenceStream {
    const id = randomUUID();
    const stream = new InferenceStream({
      id,
      modelId,
      stallMs,
      onBroken: () => {
        this.#cancelFrame(id);
        this.#events.onDoubt(modelId);
      },
    });
    if (!this.open) {
      stream.fail(new InferenceError("node_lost", "The node's connection ended."));
      return stream;
    }
    this.#running.set(id, stream);
    this.send({ type: "inference", id, modelId, request });
    return stream;
  }

  /** Stops the node's generation; the stream then ends with the node's own count, or with none after a moment. */
  cancel(stream: InferenceStream): void {
    if (!this.#running.has(stream.id)) return;
    this.#cancelFrame(stream.id);
    setTimeout(
      () => stream.push({ type: "done", usage: null, finishReason: "cancelled" }),
      this.#times.cancel,
    ).unref();
  }

  #cancelFrame(id: string): void {
    this.send({ type: "cancel", id });
    // The slot of a node that ignores a cancel is not lost for ever: the node is taken for broken.
    setTimeout(() => {
      if (this.#running.has(id)) this.close(CLOSE.unresponsive, "a cancelled inference was not ended");
    }, this.#times.cancel * 5).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heardAt = Date.now();
    const parsed = isBinary ? { problem: "not a text frame" } : parseNodeFrame(data.toString());
    if ("problem" in parsed) {
      this.close(CLOSE.badFrame, parsed.problem);
      return;
    }
    const { frame } = parsed;
    if (this.capacity === 0 && frame.type !== "hello" && frame.type !== "pong") {
      this.close(CLOSE.badFrame, "the first frame must be hello");
      return;
    }
    switch (frame.type) {
      case "hello":
        clearTimeout(this.#helloTimer);
        this.capacity = frame.capacity;
        this.version = frame.version;
        this.#events.onFrame(frame);
        return;
      case "models":
      case "heartbeat":
      case "job_probe_result":
        this.#events.onFrame(frame);
        return;
      case "delta": {
        const stream = this.#running.get(frame.id);
        if (stream && frame.cid) stream.weightsCid ??= frame.cid;
        // No text may have a NUL in it: Postgres could not store the answer.
        stream?.push({ type: "delta", text: frame.text.replaceAll("\0", "") });
        return;
      }
      case "done": {
        const stream = this.#release(frame.id);
        if (stream && frame.cid) stream.weightsCid ??= frame.cid;
        stream?.push({ type: "done", usage: frame.usage, finishReason: frame.finishReason });
        return;
      }
      case "error":
        this.#failed(frame);
        return;
      case "pong":
        return;
    }
  }

  #failed(frame: Extract<NodeFrame, { type: "error" }>): void {
    const stream = this.#release(frame.id);
    if (!stream) return;
    if (frame.code === "model_not_loaded" || frame.code === "engine_failed") {
      this.#events.onDoubt(stream.modelId);
    }
    const code = frame.code === "model_not_loaded" ? "engine_failed" : frame.code;
    stream.fail(new InferenceError(code, frame.message));
  }

  #release(id: string): InferenceStream | undefined {
    const stream = this.#running.get(id);
    if (!stream) return undefined;
    this.#running.delete(id);
    this.#events.onSlot();
    return stream;
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > this.#times.ping * 3) {
      this.#socket.terminate();
      return;
    }
    this.send({ type: "ping" });
  }

  #closed(): void {
    clearInterval(this.#pinger);
    clearTimeout(this.#helloTimer);
    for (const stream of this.#running.values()) {
      stream.fail(new InferenceError("node_lost", "The node's connection ended."));
    }
    this.#running.clear();
    this.offered.clear();
    this.#events.onClose();
  }
}

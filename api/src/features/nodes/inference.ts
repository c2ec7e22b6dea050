import { InferenceError } from "./errors.ts";
import type { InferenceRequest, TokenUsage } from "./protocol.ts";

export type FinishReason = "stop" | "length" | "cancelled";

/** What an inference yields, in order: one `start`, any number of `delta`, one `done`; or it throws. */
export type InferenceEvent =
  /** `weightsCid` is what the node says that it answers with; null when it does not say. */
  | { type: "start"; nodeId: string; weightsCid: string | null }
  | { type: "delta"; text: string }
  /** `usage` is what the engine reported; null when a cancelled node did not say in time. */
  | { type: "done"; usage: TokenUsage | null; finishReason: FinishReason };

export interface InferenceJob {
  modelId: string;
  request: InferenceRequest;
}

type NodeEvent = Exclude<InferenceEvent, { type: "start" }>;

/** Characters that an answer may have before its node is taken for broken: longer than any model's context. */
const MAX_ANSWER = 8 * 1024 * 1024;
/** What a piece counts at least: it costs more than its characters. */
const MIN_PIECE = 8;
/** Pieces that wait for the reader one by one; what comes on top is joined to the last of them. */
const MAX_WAITING = 1_024;

/** One inference on one node: the connection pushes into it, one reader takes out. */
export class InferenceStream {
  readonly id: string;
  readonly modelId: string;
  /** What the node says that it answers with. */
  weightsCid: string | null = null;
  /** Ends the stream with `stalled` when nothing arrives for this many milliseconds. */
  readonly #stallMs: number;
  readonly #onBroken: () => void;
  #queue: NodeEvent[] = [];
  #received = 0;
  #failure: InferenceError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param options `onBroken` is told when the stream gave its node up: it stalled, or sent without end */
  constructor(options: { id: string; modelId: string; stallMs: number; onBroken: () => void }) {
    this.id = options.id;
    this.modelId = options.modelId;
    this.#stallMs = options.stallMs;
    this.#onBroken = options.onBroken;
    this.#watch();
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(event: NodeEvent): void {
    if (this.#ended) return;
    if (event.type === "delta") {
      // Nothing is no sign of life either.
      if (event.text === "") return;
      this.#received += Math.max(event.text.length, MIN_PIECE);
      if (this.#received > MAX_ANSWER) {
        this.fail(new InferenceError("engine_failed", "The node sent more than anyone reads."));
        this.#onBroken();
        return;
      }
      this.#watch();
      const last = this.#queue.at(-1);
      if (this.#queue.length >= MAX_WAITING && last?.type === "delta") {
        last.text += event.text;
        return;
      }
    } else {
      this.#end();
    }
    this.#queue.push(event);
    this.#wake?.();
  }

  fail(error: InferenceError): void {
    if (this.#ended) return;
    this.#failure = error;
    this.#end();
    this.#wake?.();
  }

  /** What has arrived, oldest first; waits for the next one. @throws InferenceError */
  async *events(): AsyncGenerator<NodeEvent> {
    for (;;) {
      const event = this.#queue.shift();
      if (event) {
        yield event;
        if (event.type === "done") return;
        continue;
      }
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #watch(): void {
    if (this.#timer) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => {
      this.fail(new InferenceError("stalled", "The node sent no token for too long."));
      this.#onBroken();
    }, this.#stallMs);
  }
}

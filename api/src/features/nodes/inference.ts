import { InferenceError } from "./errors.ts";
import type { InferenceRequest, TokenUsage } from "./protocol.ts";

export type FinishReason = "stop" | "length" | "cancelled";

/** What an inference yields, in order: one `start`, any number of `delta`, one `done`; or it throws. */
export type InferenceEvent =
  | { type: "start"; nodeId: string }
  | { type: "delta"; text: string }
  /** `usage` is what the engine reported; null when a cancelled node did not say in time. */
  | { type: "done"; usage: TokenUsage | null; finishReason: FinishReason };

export interface InferenceJob {
  modelId: string;
  request: InferenceRequest;
}

type NodeEvent = Exclude<InferenceEvent, { type: "start" }>;

/** Characters that a node may send ahead of its reader before it is taken for broken. */
const MAX_BUFFERED = 8 * 1024 * 1024;

/** One inference on one node: the connection pushes into it, one reader takes out. */
export class InferenceStream {
  readonly id: string;
  readonly modelId: string;
  /** Ends the stream with `stalled` when nothing arrives for this many milliseconds. */
  readonly #stallMs: number;
  readonly #onStall: () => void;
  #queue: NodeEvent[] = [];
  #buffered = 0;
  #failure: InferenceError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { id: string; modelId: string; stallMs: number; onStall: () => void }) {
    this.id = options.id;
    this.modelId = options.modelId;
    this.#stallMs = options.stallMs;
    this.#onStall = options.onStall;
    this.#watch();
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(event: NodeEvent): void {
    if (this.#ended) return;
    if (event.type === "delta") {
      this.#buffered += event.text.length;
      if (this.#buffered > MAX_BUFFERED) {
        this.fail(new InferenceError("engine_failed", "The node sent more than anyone reads."));
        return;
      }
      this.#watch();
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
        if (event.type === "delta") this.#buffered -= event.text.length;
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
      this.#onStall();
    }, this.#stallMs);
  }
}

import { EngineError } from "./engines/engine.ts";
import { describe } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Served } from "./models.ts";
import type { InboundFrame, OutboundFrame } from "./protocol.ts";

/** Characters of one delta and of one error message; the API refuses frames that are longer. */
const MAX_DELTA = 16 * 1024;
const MAX_MESSAGE = 2_000;

/** Where frames go. `drained` resolves once the peer has taken enough of what was sent before. */
export interface Outlet {
  send(frame: OutboundFrame): void;
  drained(signal: AbortSignal): Promise<void>;
}

export interface ServingParameters {
  /** Generations at a time, over all models. */
  capacity: number;
  servedOf: (modelId: string) => Served | null;
  log: Logger;
}

interface Generation {
  abort: AbortController;
  /** False once nobody is there to hear how it ended. */
  heard: boolean;
}

/** Runs the inferences of one node: admits, streams, cancels. */
export class Serving {
  readonly #parameters: ServingParameters;
  readonly #running = new Map<string, Generation>();
  readonly #finished = new Set<Promise<void>>();

  constructor(parameters: ServingParameters) {
    this.#parameters = parameters;
  }

  /** Generations under way. */
  get active(): number {
    return this.#running.size;
  }

  /** Answers an `inference` frame: deltas, then one `done` or `error`. Returns at once. */
  start(frame: Extract<InboundFrame, { type: "inference" }>, outlet: Outlet): void {
    const { id, modelId } = frame;
    // A second use of an id would mix two answers; the first keeps running.
    if (this.#running.has(id)) return;
    if (this.#running.size >= this.#parameters.capacity) {
      const message = `This node answers ${this.#parameters.capacity} requests at a time.`;
      outlet.send({ type: "error", id, code: "busy", message });
      return;
    }
    const served = this.#parameters.servedOf(modelId);
    if (served === null) {
      const message = `This node does not serve ${modelId} now.`;
      outlet.send({ type: "error", id, code: "model_not_loaded", message });
      return;
    }
    const generation: Generation = { abort: new AbortController(), heard: true };
    this.#running.set(id, generation);
    const finished = this.#run(frame, served, generation, outlet).finally(() => {
      this.#finished.delete(finished);
    });
    this.#finished.add(finished);
  }

  /** Stops one generation; its `done` says "cancelled". Unknown ids have ended already. */
  cancel(id: string): void {
    this.#running.get(id)?.abort.abort();
  }

  /** Stops everything and says nothing more about it: whoever asked is gone. */
  async abortAll(): Promise<void> {
    for (const generation of this.#running.values()) {
      generation.heard = false;
      generation.abort.abort();
    }
    await Promise.all(this.#finished);
  }

  async #run(
    { id, modelId, request }: Extract<InboundFrame, { type: "inference" }>,
    { engine, cid }: Served,
    generation: Generation,
    outlet: Outlet,
  ): Promise<void> {
    const { log } = this.#parameters;
    const { signal } = generation.abort;
    const started = performance.now();
    const say = (frame: OutboundFrame) => {
      if (generation.heard) outlet.send(frame);
    };
    let ending: OutboundFrame;
    let said = false;
    try {
      const stream = engine.generate(request, signal);
      let step = await stream.next();
      while (!step.done) {
        if (!signal.aborted)
          for (const text of pieces(step.value, MAX_DELTA)) {
            // The first one says whose words these are: another version may take over while they come.
            say({ type: "delta", id, text, ...(said ? {} : { cid }) });
            said = true;
          }
        // The engine rests until the next pull, so a stalled connection holds a bounded amount of text.
        await outlet.drained(signal);
        step = await stream.next();
      }
      ending = { type: "done", id, cid, ...step.value };
      const { usage, finishReason } = step.value;
      log.info({ modelId, ...usage, finishReason, ms: Math.round(performance.now() - started) }, "answered");
    } catch (error) {
      const code = error instanceof EngineError ? error.code : "engine_failed";
      ending = { type: "error", id, code, message: describe(error).slice(0, MAX_MESSAGE) };
      log.warn({ modelId, code, reason: describe(error) }, "a request failed");
    }
    // Freed before the end is told, so that the next request, sent in answer to it, is not refused.
    this.#running.delete(id);
    say(ending);
  }
}

/** `text` in pieces of at most `length` code units, none of which ends in half a surrogate pair. */
export function pieces(text: string, length: number): string[] {
  const all: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + length, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && end - at > 1 && last >= 0xd800 && last <= 0xdbff) end -= 1;
    all.push(text.slice(at, end));
    at = end;
  }
  return all;
}

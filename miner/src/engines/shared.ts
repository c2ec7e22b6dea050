import type { InferenceRequest } from "../protocol.ts";
import { type Completion, type Engine, EngineError } from "./engine.ts";

/** An engine that is freed when the last model and the last generation that use it are done with it. */
export class SharedEngine implements Engine {
  readonly #engine: Engine;
  readonly #onDispose: () => void;
  #uses = 1;
  #disposed: Promise<void> | null = null;

  constructor(engine: Engine, onDispose: () => void = () => {}) {
    this.#engine = engine;
    this.#onDispose = onDispose;
  }

  /** Takes one more use of it, which ends with `dispose`; false when it is freed already. */
  tryShare(): boolean {
    if (this.#uses === 0) return false;
    this.#uses += 1;
    return true;
  }

  async *generate(request: InferenceRequest, signal: AbortSignal): AsyncGenerator<string, Completion, void> {
    if (!this.tryShare()) throw new EngineError("model_not_loaded", "The model was unloaded.");
    try {
      return yield* this.#engine.generate(request, signal);
    } finally {
      await this.dispose();
    }
  }

  async dispose(): Promise<void> {
    this.#uses -= 1;
    if (this.#uses === 0) {
      this.#onDispose();
      this.#disposed = this.#engine.dispose();
    }
    await this.#disposed;
  }
}

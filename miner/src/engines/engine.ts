import type { FinishReason, InferenceErrorCode, InferenceRequest, Usage } from "../protocol.ts";

/** How a generation ended. */
export interface Completion {
  usage: Usage;
  finishReason: FinishReason;
}

/**
 * One loaded model. The two kinds (embedded llama.cpp, any OpenAI-compatible server) differ behind this and
 * nowhere else.
 */
export interface Engine {
  /**
   * Streams the answer to `request` as it is generated. The reader sets the pace: nothing is generated
   * while a yielded text has not been taken. When `signal` aborts, it stops within a token and returns
   * with finish reason "cancelled".
   * @throws EngineError
   */
  generate(request: InferenceRequest, signal: AbortSignal): AsyncGenerator<string, Completion, void>;
  /** Frees the model; generations under way should be aborted first. */
  dispose(): Promise<void>;
}

/** A model as a loader gets it. */
export interface LoadParameters {
  modelId: string;
  /** The checked weights file, or null where the engine needs none. */
  path: string | null;
  /** Tokens, from the header of the file. */
  contextLength: number | null;
}

/** Makes engines of one kind. */
export interface EngineLoader {
  readonly kind: "embedded" | "openai";
  /** Whether `load` needs the weights on this machine. */
  readonly needsWeights: boolean;
  /** @throws MinerError when the model cannot be served */
  load(model: LoadParameters): Promise<Engine>;
  dispose(): Promise<void>;
}

/** A generation that failed, with the code that goes to the API. */
export class EngineError extends Error {
  readonly code: InferenceErrorCode;

  constructor(code: InferenceErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.code = code;
  }
}

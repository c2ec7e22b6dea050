import { EventSourceParserStream } from "eventsource-parser/stream";
import { z } from "zod";
import { describe, MinerError } from "../errors.ts";
import type { FinishReason, InferenceRequest, Usage } from "../protocol.ts";
import {
  type Completion,
  type Engine,
  EngineError,
  type EngineLoader,
  type LoadParameters,
} from "./engine.ts";

export interface OpenAIParameters {
  /** Base of the server's API, with its version: `http://localhost:8000/v1`. */
  url: string;
  key: string | null;
  /** The upstream's name for a model of the marketplace. */
  modelName: (modelId: string) => string | null;
  /** A stream that says nothing for this long has failed. */
  idleMs?: number;
}

const chunkSchema = z.object({
  error: z.object({ message: z.string() }).nullish(),
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: z.object({ prompt_tokens: z.number().int(), completion_tokens: z.number().int() }).nullish(),
});

/** The body of an error, in the shapes that vLLM, Ollama and llama.cpp give it. */
const errorSchema = z.object({
  error: z.union([
    z.string(),
    z.object({
      message: z.string().default(""),
      type: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
    }),
  ]),
});

/** Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp and the like. */
export class OpenAILoader implements EngineLoader {
  readonly kind = "openai";
  readonly needsWeights = false;
  readonly #parameters: OpenAIParameters;

  constructor(parameters: OpenAIParameters) {
    this.#parameters = parameters;
  }

  /** Asks for one token, so that what cannot be served or metered is known before anyone pays for it. */
  async load({ modelId }: LoadParameters): Promise<Engine> {
    const name = this.#parameters.modelName(modelId);
    if (name === null) throw new MinerError(`No upstream model is named for ${modelId}.`);
    const engine = new OpenAIEngine(this.#parameters, name);
    const probe = engine.generate(
      { messages: [{ role: "user", content: "ping" }], maxTokens: 1, temperature: 0 },
      AbortSignal.timeout(60_000),
    );
    try {
      let step = await probe.next();
      while (!step.done) step = await probe.next();
      if (step.value.finishReason === "cancelled") throw new Error("it took longer than 60 s");
    } catch (error) {
      throw new MinerError(`The upstream does not serve “${name}”: ${describe(error)}`, { retryable: true });
    }
    return engine;
  }

  async dispose(): Promise<void> {}
}

class OpenAIEngine implements Engine {
  readonly #parameters: OpenAIParameters;
  readonly #model: string;

  constructor(parameters: OpenAIParameters, model: string) {
    this.#parameters = parameters;
    this.#model = model;
  }

  async *generate(request: InferenceRequest, signal: AbortSignal): AsyncGenerator<string, Completion, void> {
    const { idleMs = 120_000 } = this.#parameters;
    // Closing the request is how these servers are told to stop.
    const close = new AbortController();
    const closed = AbortSignal.any([signal, close.signal]);
    const giveUp = () => close.abort(new Error(`the upstream was silent for ${idleMs / 1_000} s`));
    let timer = setTimeout(giveUp, idleMs);
    let usage: Usage | null = null;
    let finishReason: FinishReason | null = null;
    let pieces = 0;
    const cancelled = (): Completion => ({
      usage: usage ?? delivered(request, pieces),
      finishReason: "cancelled",
    });
    try {
      const body = await this.#open(request, closed);
      const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { data } of events) {
        clearTimeout(timer);
        if (signal.aborted) return cancelled();
        if (data === "[DONE]") break;
        const chunk = parseChunk(data);
        if (chunk.usage)
          usage = {
            promptTokens: chunk.usage.prompt_tokens,
            completionTokens: chunk.usage.completion_tokens,
          };
        const choice = chunk.choices[0];
        if (choice?.finish_reason) finishReason = choice.finish_reason === "length" ? "length" : "stop";
        if (choice?.delta?.content) {
          pieces += 1;
          yield choice.delta.content;
          if (signal.aborted) return cancelled();
        }
        timer = setTimeout(giveUp, idleMs);
      }
      if (finishReason === null)
        throw new EngineError("engine_failed", "The upstream's answer ended before it was finished.");
      if (usage === null)
        throw new EngineError(
          "engine_failed",
          "The upstream reports no usage (stream_options.include_usage), so it cannot be metered.",
        );
      return { usage, finishReason };
    } catch (error) {
      if (signal.aborted) return cancelled();
      if (error instanceof EngineError) throw error;
      const reason = close.signal.aborted ? describe(close.signal.reason) : describe(error);
      throw new EngineError("engine_failed", `The upstream failed: ${reason}`, { cause: error });
    } finally {
      clearTimeout(timer);
      close.abort();
    }
  }

  async dispose(): Promise<void> {}

  async #open(
    request: InferenceRequest,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { url, key } = this.#parameters;
    const response = await fetch(`${url.replace(/\/+$/, "")}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(this.#body(request)),
      signal,
    });
    if (!response.ok) throw refusal(response.status, await response.text());
    if (response.body === null) throw new EngineError("engine_failed", "The upstream's answer has no body.");
    return response.body;
  }

  #body(request: InferenceRequest): Record<string, unknown> {
    const body: Record<string, unknown> = {
      model: this.#model,
      messages: request.messages,
      stream: true,
      stream_options: { include_usage: true },
    };
    // Greedy unless asked otherwise, as the embedded engine is.
    body.temperature = request.temperature ?? 0;
    if (request.maxTokens != null) body.max_tokens = request.maxTokens;
    if (request.topP != null) body.top_p = request.topP;
    if (request.stop != null) body.stop = request.stop;
    if (request.seed != null) body.seed = request.seed;
    return body;
  }
}

function parseChunk(data: string): z.infer<typeof chunkSchema> {
  let value: unknown = null;
  try {
    value = JSON.parse(data);
  } catch {
    // Reported below, as anything else that is not a chunk.
  }
  const error = errorSchema.safeParse(value);
  if (error.success) throw refusal(500, data);
  const chunk = chunkSchema.safeParse(value);
  if (chunk.success) return chunk.data;
  throw new EngineError("engine_failed", "The upstream sent something that is not a completion chunk.");
}

/** What an upstream's error means to the API. */
function refusal(status: number, text: string): EngineError {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: a proxy's page, most likely.
  }
  const parsed = errorSchema.safeParse(value);
  const body = parsed.success ? parsed.data.error : text.slice(0, 200);
  const message = typeof body === "string" ? body : body.message;
  const kind = typeof body === "string" ? "" : `${body.code ?? ""} ${body.type ?? ""}`;
  // OpenAI and vLLM by code, llama.cpp by type, older servers only by sentence.
  const tooLong =
    /context_length_exceeded|exceed_context_size/.test(kind) || /context (length|size)/i.test(message);
  if (tooLong) return new EngineError("context_length_exceeded", message);
  if (status === 429 || status === 503) return new EngineError("busy", message || "The upstream is busy.");
  return new EngineError("engine_failed", `The upstream answered ${status}: ${message || "no explanation"}`);
}

/**
 * Usage of an answer that was cut off: servers report it only at the end. Counted is what is known to have
 * been delivered: these servers send at least one token an event; a prompt has about four bytes a token.
 */
function delivered(request: InferenceRequest, pieces: number): Usage {
  const bytes = request.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  return { promptTokens: Math.ceil(bytes / 4), completionTokens: pieces };
}

import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import {
  type ChatHistoryItem,
  type ChatWrapper,
  getLlama,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  type LlamaModel,
  LlamaText,
  resolveChatWrapper,
  type Token,
} from "node-llama-cpp";
import { describe, MinerError } from "../errors.ts";
import type { InferenceRequest } from "../protocol.ts";
import {
  type Completion,
  type Engine,
  EngineError,
  type EngineLoader,
  type LoadParameters,
} from "./engine.ts";
import { StopScanner } from "./stop-scanner.ts";

export interface EmbeddedParameters {
  /** Generations at a time, each with a context of its own. */
  concurrency: number;
  /** Tokens that a context has at most; a model's own limit is lower or equal to it. */
  maxContext: number;
  gpu: "auto" | "off";
  /** CPU threads a model computes with; null: as `defaultThreads` says. */
  threads: number | null;
}

/** Bytes below which a model is so fast on one core that waiting for a second one only costs time. */
const SMALL = 256 * 1024 * 1024;

/**
 * CPU threads for a model of `size` bytes on a machine with `cores`. llama.cpp's threads spin while they wait
 * for each other, so one that loses its core to another process holds up all of them: measured with the demo
 * model on two busy cores, 4 threads make 1 token a second, 2 make 230 and 1 makes 1,700. Hence one core is
 * left to the rest of the machine.
 */
export function defaultThreads(size: number, cores: number): number {
  return size < SMALL ? 1 : Math.max(1, cores - 1);
}

/** llama.cpp in this process, from the binaries that come with node-llama-cpp; nothing is ever compiled. */
export class EmbeddedLoader implements EngineLoader {
  readonly kind = "embedded";
  readonly needsWeights = true;
  readonly #parameters: EmbeddedParameters;
  #llama: Promise<Llama> | null = null;

  constructor(parameters: EmbeddedParameters) {
    this.#parameters = parameters;
  }

  /** Starts llama.cpp. @throws MinerError when there is no binary for this machine */
  async start(): Promise<{ gpu: string | false }> {
    this.#llama ??= getLlama({
      gpu: this.#parameters.gpu === "auto" ? "auto" : false,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: availableParallelism(),
    });
    try {
      return { gpu: (await this.#llama).gpu };
    } catch (error) {
      this.#llama = null;
      throw new MinerError(`llama.cpp does not start on this machine: ${describe(error)}`, {
        hint: "Use --engine openai with a server of your own.",
      });
    }
  }

  async load({ path, contextLength }: LoadParameters): Promise<Engine> {
    if (path === null) throw new MinerError("The embedded engine needs the weights on this machine.");
    await this.start();
    const llama = await this.#llama!;
    const { concurrency, maxContext } = this.#parameters;
    const threads =
      this.#parameters.threads ?? defaultThreads((await stat(path)).size, availableParallelism());
    let model: LlamaModel | null = null;
    try {
      model = await llama.loadModel({ modelPath: path });
      const contextSize = Math.min(
        contextLength ?? model.trainContextSize,
        model.trainContextSize,
        maxContext,
      );
      const context = await model.createContext({ contextSize, sequences: concurrency, threads });
      return new EmbeddedEngine(model, context, concurrency);
    } catch (error) {
      await model?.dispose();
      throw new MinerError(`The model does not load: ${describe(error)}`, {
        hint: "If memory is short, try a lower --context or --concurrency.",
      });
    }
  }

  async dispose(): Promise<void> {
    const llama = await this.#llama?.catch(() => null);
    this.#llama = null;
    await llama?.dispose();
  }
}

class EmbeddedEngine implements Engine {
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #wrapper: ChatWrapper;
  readonly #free: LlamaContextSequence[] = [];

  constructor(model: LlamaModel, context: LlamaContext, concurrency: number) {
    this.#model = model;
    this.#context = context;
    // The template in the file decides; without one, node-llama-cpp picks by the tokenizer and the name.
    this.#wrapper = resolveChatWrapper(model);
    for (let i = 0; i < concurrency; i++) this.#free.push(context.getSequence());
  }

  async *generate(request: InferenceRequest, signal: AbortSignal): AsyncGenerator<string, Completion, void> {
    const { tokens: prompt, stopTokens, stopTexts } = this.#prompt(request);
    // One token of room at least: a prompt that fills the context can have no answer.
    const room = this.#context.contextSize - prompt.length;
    if (room < 1)
      throw new EngineError(
        "context_length_exceeded",
        `The messages have ${prompt.length} tokens; this model's context holds ${this.#context.contextSize}.`,
      );
    const limit = Math.min(request.maxTokens ?? room, room);
    const sequence = this.#take(prompt);
    const usage = { promptTokens: prompt.length, completionTokens: 0 };
    const stops = typeof request.stop === "string" ? [request.stop] : (request.stop ?? []);
    const scanner = new StopScanner([...stops, ...stopTexts]);
    const decoder = new TokenDecoder(this.#model);
    try {
      const rest = await this.#readPrompt(sequence, prompt, signal);
      if (signal.aborted) return { usage, finishReason: "cancelled" };
      const stream = sequence.evaluate(rest, { ...sampling(request), yieldEogToken: true });
      for await (const token of stream) {
        // The engine did the work for this token, so it counts, even if it is the one that ends the turn.
        usage.completionTokens += 1;
        if (signal.aborted) return { usage, finishReason: "cancelled" };
        if (this.#model.isEogToken(token) || stopTokens.has(token)) {
          const text = scanner.flush();
          if (text) yield text;
          return { usage, finishReason: "stop" };
        }
        const { text, stopped } = scanner.push(decoder.push(token));
        if (text) yield text;
        if (stopped) return { usage, finishReason: "stop" };
        if (signal.aborted) return { usage, finishReason: "cancelled" };
        if (usage.completionTokens >= limit) break;
      }
      const { text: last, stopped } = scanner.push(decoder.flush());
      const text = stopped ? last : last + scanner.flush();
      if (text) yield text;
      return { usage, finishReason: stopped ? "stop" : "length" };
    } catch (error) {
      if (signal.aborted) return { usage, finishReason: "cancelled" };
      throw error instanceof EngineError
        ? error
        : new EngineError("engine_failed", `The engine failed: ${describe(error)}`, { cause: error });
    } finally {
      this.#free.push(sequence);
    }
  }

  async dispose(): Promise<void> {
    await this.#context.dispose();
    await this.#model.dispose();
  }

  /** The messages in the model's own chat format. What users write can never become a control token. */
  #prompt(request: InferenceRequest): { tokens: Token[]; stopTokens: Set<Token>; stopTexts: string[] } {
    const chatHistory: ChatHistoryItem[] = request.messages.map(({ role, content }) => {
      if (role === "assistant") return { type: "model", response: [content] };
      if (role === "system" || role === "developer") return { type: "system", text: content };
      if (role === "user") return { type: "user", text: content };
      throw new EngineError("engine_failed", `This engine has no role “${role}”.`);
    });
    // An open answer at the end is what makes the template ask for one.
    if (chatHistory.at(-1)?.type !== "model") chatHistory.push({ type: "model", response: [] });
    const { contextText, stopGenerationTriggers } = this.#wrapper.generateContextState({ chatHistory });
    const tokens = contextText.tokenize(this.#model.tokenizer);
    const stopTokens = new Set<Token>();
    const stopTexts: string[] = [];
    for (const trigger of stopGenerationTriggers) {
      const text = LlamaText(trigger);
      const [first, ...more] = text.tokenize(this.#model.tokenizer);
      if (first !== undefined && more.length === 0) stopTokens.add(first);
      else if (first !== undefined) stopTexts.push(this.#model.detokenize([first, ...more], true));
    }
    return { tokens, stopTokens, stopTexts };
  }

  /** A free sequence: the one that remembers most of this prompt, so that a conversation is not read twice. */
  #take(prompt: Token[]): LlamaContextSequence {
    let best = -1;
    let bestShared = -1;
    this.#free.forEach((sequence, index) => {
      const known = sequence.contextTokens;
      let shared = 0;
      while (shared < known.length && known[shared] === prompt[shared]) shared++;
      if (shared > bestShared) [best, bestShared] = [index, shared];
    });
    if (best === -1) throw new EngineError("busy", "All of this model's sequences are in use.");
    return this.#free.splice(best, 1)[0]!;
  }

  /** Reads the prompt but for its last token, in slices so that an abort need not wait for all of it. */
  async #readPrompt(sequence: LlamaContextSequence, prompt: Token[], signal: AbortSignal): Promise<Token[]> {
    await sequence.adaptStateToTokens(prompt.slice(0, -1), false);
    const slice = this.#context.batchSize;
    let at = sequence.nextTokenIndex;
    for (; at + slice < prompt.length && !signal.aborted; at += slice)
      await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + slice));
    return prompt.slice(at);
  }
}

/** Text of tokens that come one by one; a character may need several of them. */
class TokenDecoder {
  readonly #model: LlamaModel;
  /** The last tokens that were given out: some tokenizers write a token differently at a beginning. */
  #before: Token[] = [];
  #pending: Token[] = [];

  constructor(model: LlamaModel) {
    this.#model = model;
  }

  push(token: Token): string {
    this.#pending.push(token);
    const text = this.#text();
    // U+FFFD at the end is a character that is not whole yet; some need several tokens.
    if (text.endsWith("\uFFFD") && this.#pending.length < 16) return "";
    return this.#take(text);
  }

  flush(): string {
    return this.#pending.length === 0 ? "" : this.#take(this.#text());
  }

  #text(): string {
    return this.#model.detokenize(this.#pending, false, this.#before);
  }

  #take(text: string): string {
    this.#before = [...this.#before, ...this.#pending].slice(-8);
    this.#pending = [];
    return text;
  }
}

/**
 * How tokens are chosen. Without a temperature the most likely token wins (greedy), so that an answer can
 * be repeated; with one, top-k 40 and top-p 0.95 are llama.cpp's own. There is no repeat penalty: it breaks
 * numbered lists and quoting.
 */
function sampling(request: InferenceRequest) {
  const temperature = request.temperature ?? 0;
  const seed = request.seed ?? undefined;
  return { temperature, topP: request.topP ?? 0.95, ...(seed === undefined ? {} : { seed: seed >>> 0 }) };
}

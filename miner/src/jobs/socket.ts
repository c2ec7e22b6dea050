import { randomUUID } from "node:crypto";
import { chmod, type FileHandle, open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { z } from "zod";
import { type Completion, type Engine, EngineError } from "../engines/engine.ts";
import { describe } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { InferenceRequest } from "../protocol.ts";

/** Bytes of one request. */
const MAX_BODY = 1024 * 1024;
/** Requests of a job that are answered at a time, and that may wait besides. */
const CONCURRENCY = 2;
const WAITING = 64;
/** Tokens of one answer, and of all answers to one job. */
const MAX_TOKENS = 4_096;
const JOB_TOKENS = 10_000_000;

const requestSchema = z.object({
  model: z.string().optional(),
  messages: z
    .array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
    .min(1)
    .max(1_000),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  seed: z.number().int().nullish(),
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
});
type Request = z.infer<typeof requestSchema>;

class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface SocketParameters {
  /** On this machine; `engine.sock` is made in it. */
  folder: string;
  modelId: string;
  /** The model, as long as this node serves it. */
  engineOf: (modelId: string) => Engine | null;
  log: Logger;
  jobTokens?: number;
}

/**
 * Serves one model to one job on a Unix socket, as OpenAI's chat completions.
 * @returns what ends it, and every answer under way
 */
export async function serveModel(parameters: SocketParameters): Promise<() => Promise<void>> {
  const { folder, log } = parameters;
  const session = new Session(parameters);
  const server = createServer((request, response) => {
    session.answer(request, response).catch((error) => {
      log.debug({ reason: describe(error) }, "a job's request broke off");
      response.destroy();
    });
  });
  server.headersTimeout = 10_000;
  const path = join(folder, "engine.sock");
  const short = await shortened(folder);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(short ? `/proc/self/fd/${short.fd}/engine.sock` : path, resolve);
    });
  } catch (error) {
    await short?.close();
    throw error;
  }
  // The folder can be reached by this process and the container alone.
  await chmod(path, 0o666);
  return async () => {
    session.end();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    // Only now: the server removes its socket by the path that it was given.
    await short?.close();
  };
}

/** The path of a socket holds some hundred bytes: a folder that is too deep is reached through a descriptor. */
async function shortened(folder: string): Promise<FileHandle | null> {
  if (process.platform !== "linux" || Buffer.byteLength(folder) < 80) return null;
  return open(folder, "r");
}

class Session {
  readonly #parameters: SocketParameters;
  readonly #ended = new AbortController();
  #running = 0;
  #waiting: (() => void)[] = [];
  #tokens: number;

  constructor(parameters: SocketParameters) {
    this.#parameters = parameters;
    this.#tokens = parameters.jobTokens ?? JOB_TOKENS;
  }

  end(): void {
    this.#ended.abort();
    for (const go of this.#waiting.splice(0)) go();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { modelId } = this.#parameters;
      const path = request.url?.replace(/\?.*$/, "");
      if (request.method === "GET" && path === "/v1/models")
        return json(response, 200, {
          object: "list",
          data: [{ id: modelId, object: "model", created: 0, owned_by: "aiforge" }],
        });
      if (request.method !== "POST" || path !== "/v1/chat/completions")
        throw new Refusal(404, "not_found", "There are /v1/models and /v1/chat/completions here.");
      const body = requestOf(await read(request));
      if (body.model !== undefined && body.model !== modelId)
        throw new Refusal(404, "model_not_found", `The only model here is ${modelId}.`);
      await this.#turn(() => this.#complete(body, response));
    } catch (error) {
      if (response.headersSent) throw error;
      const refusal = error instanceof Refusal ? error : refusalOf(error);
      const { status, code, message } = refusal;
      json(response, status, { error: { message, type: code, code, param: null } });
    }
  }

  /** Runs `task` when it is its turn. */
  async #turn(task: () => Promise<void>): Promise<void> {
    if (this.#running >= CONCURRENCY) {
      if (this.#waiting.length >= WAITING)
        throw new Refusal(429, "busy", `${CONCURRENCY + WAITING} requests are waiting already.`);
      // Whoever ends hands over its place.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      this.#ended.signal.throwIfAborted();
      await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #complete(body: Request, response: ServerResponse): Promise<void> {
    const { modelId, engineOf } = this.#parameters;
    const engine = engineOf(modelId);
    if (engine === null)
      throw new Refusal(503, "model_not_loaded", `This node does not serve ${modelId} now.`);
    if (this.#tokens <= 0) throw new Refusal(429, "token_limit", "This job has used up its tokens.");
    const abort = new AbortController();
    response.on("close", () => abort.abort());
    const signal = AbortSignal.any([abort.signal, this.#ended.signal]);
    const stream = engine.generate(inferenceOf(body, this.#tokens), signal);
    const frame = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1_000), model: modelId };
    const end = body.stream
      ? await this.#stream(body, frame, stream, response)
      : await this.#whole(frame, stream, response);
    this.#tokens -= end.usage.promptTokens + end.usage.completionTokens;
  }

  async #stream(
    body: Request,
    frame: object,
    stream: ReturnType<Engine["generate"]>,
    response: ServerResponse,
  ): Promise<Completion> {
    const send = async (rest: object) => {
      const text = `data: ${JSON.stringify({ ...frame, object: "chat.completion.chunk", ...rest })}\n\n`;
      if (!response.write(text)) await drained(response);
    };
    // The first word decides whether there is an error to be told.
    let step = await stream.next();
    response.writeHead(200, { "content-type": "text/event-stream" });
    await send({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] });
    while (!step.done) {
      await send({ choices: [{ index: 0, delta: { content: step.value }, finish_reason: null }] });
      step = await stream.next();
    }
    await send({ choices: [{ index: 0, delta: {}, finish_reason: step.value.finishReason }] });
    if (body.stream_options?.include_usage) await send({ choices: [], usage: usageOf(step.value) });
    response.end("data: [DONE]\n\n");
    return step.value;
  }

  async #whole(
    frame: object,
    stream: ReturnType<Engine["generate"]>,
    response: ServerResponse,
  ): Promise<Completion> {
    let content = "";
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) content += step.value;
    const choice = {
      index: 0,
      message: { role: "assistant", content },
      finish_reason: step.value.finishReason,
    };
    json(response, 200, {
      ...frame,
      object: "chat.completion",
      choices: [choice],
      usage: usageOf(step.value),
    });
    return step.value;
  }
}

function inferenceOf(body: Request, left: number): InferenceRequest {
  const asked = body.max_completion_tokens ?? body.max_tokens ?? MAX_TOKENS;
  return {
    messages: body.messages,
    maxTokens: Math.max(1, Math.min(asked, MAX_TOKENS, left)),
    temperature: body.temperature,
    topP: body.top_p,
    stop: body.stop,
    seed: body.seed,
  };
}

const usageOf = ({ usage }: Completion) => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
});

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof EngineError)) return new Refusal(500, "engine_failed", describe(error));
  const status = { busy: 429, model_not_loaded: 503, context_length_exceeded: 400, engine_failed: 500 };
  return new Refusal(status[error.code], error.code, error.message);
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) throw new Refusal(413, "too_large", "A request is at most 1 MiB.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function requestOf(text: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, "invalid_json", "The request is not JSON.");
  }
  const parsed = requestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(400, "invalid_request", `${issue?.path.join(".")}: ${issue?.message}`);
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      response.off("drain", go);
      response.off("close", go);
      resolve();
    };
    response.on("drain", go);
    response.on("close", go);
  });
}

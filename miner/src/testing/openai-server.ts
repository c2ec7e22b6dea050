import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Engine, EngineError } from "../engines/engine.ts";
import type { InferenceRequest } from "../protocol.ts";

export interface TestUpstream {
  url: string;
  /** Generations under way. */
  active(): number;
  stop(): Promise<void>;
}

interface Body {
  messages: InferenceRequest["messages"];
  max_tokens?: number;
  temperature?: number;
  top_p?: number;
  stop?: string | string[];
  seed?: number;
  stream_options?: { include_usage?: boolean };
}

/** OpenAI's streamed chat completions over an engine of ours: an upstream that any machine can run. */
export async function startOpenAIServer(options: {
  engine: Engine;
  model: string;
  key: string;
  /** Breaks the connection after so many pieces. */
  dieAfter?: number;
  reportUsage?: boolean;
}): Promise<TestUpstream> {
  const { engine, model, key, dieAfter = Number.POSITIVE_INFINITY, reportUsage = true } = options;
  let active = 0;

  async function complete(body: Body, response: ServerResponse): Promise<void> {
    const abort = new AbortController();
    response.on("close", () => abort.abort());
    const stream = engine.generate(
      {
        messages: body.messages,
        maxTokens: body.max_tokens,
        temperature: body.temperature,
        topP: body.top_p,
        stop: body.stop,
        seed: body.seed,
      },
      abort.signal,
    );
    const send = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    let pieces = 0;
    let step = await stream.next();
    response.writeHead(200, { "content-type": "text/event-stream" });
    while (!step.done) {
      send({ choices: [{ index: 0, delta: { content: step.value }, finish_reason: null }] });
      pieces += 1;
      if (pieces >= dieAfter) response.destroy();
      // Lets the other side be heard between two tokens.
      await new Promise((resolve) => setImmediate(resolve));
      step = await stream.next();
    }
    const { usage, finishReason } = step.value;
    send({ choices: [{ index: 0, delta: {}, finish_reason: finishReason }] });
    if (reportUsage && body.stream_options?.include_usage)
      send({
        choices: [],
        usage: { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens },
      });
    response.end("data: [DONE]\n\n");
  }

  const server = createServer(async (request, response) => {
    const fail = (status: number, code: string, message: string) =>
      response.writeHead(status).end(JSON.stringify({ error: { message, type: code, code } }));
    if (request.headers.authorization !== `Bearer ${key}`) return fail(401, "invalid_api_key", "Wrong key.");
    if (request.url === "/v1/models")
      return response.end(JSON.stringify({ object: "list", data: [{ id: model, object: "model" }] }));
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as Body & { model: string };
    if (body.model !== model) return fail(404, "model_not_found", `There is no model “${body.model}”.`);
    active += 1;
    try {
      await complete(body, response);
    } catch (error) {
      const code = error instanceof EngineError ? error.code : "server_error";
      fail(code === "busy" ? 429 : 400, code, error instanceof Error ? error.message : "");
    } finally {
      active -= 1;
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    active: () => active,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { EmbeddedLoader } from "../../src/engines/embedded.ts";
import { type Engine, EngineError } from "../../src/engines/engine.ts";
import { collect } from "../../src/testing/collect.ts";
import { TINY } from "../../src/testing/model.ts";
import { folder } from "./run.ts";

/** What goes wrong with a request before the engine sees it: a status, or a connection that breaks. */
export type Trouble = number | "reset" | "silence" | null;

export interface TestEngine extends AsyncDisposable {
  /** The unix socket, as AIFORGE_ENGINE has it. */
  socket: string;
  /** Bodies of the requests so far. */
  requests: { messages: { role: string; content: string }[]; [key: string]: unknown }[];
  /** The most requests that were under way together. */
  mostAtOnce(): number;
}

/** The node's engine as a job sees it: the demo model behind OpenAI's chat completions on a unix socket. */
export async function startEngine(trouble: (request: number) => Trouble = () => null): Promise<TestEngine> {
  const loader = new EmbeddedLoader({ concurrency: 4, maxContext: 1_024, gpu: "off", threads: null });
  const engine = await loader.load({ modelId: "tiny", path: TINY.path, contextLength: TINY.contextLength });
  const directory = await folder();
  const requests: TestEngine["requests"] = [];
  let [active, most] = [0, 0];

  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    const body = JSON.parse(text) as TestEngine["requests"][number];
    const problem = trouble(requests.push(body));
    if (problem === "silence") return;
    if (problem === "reset") return void request.socket.destroy();
    if (problem !== null || request.url !== "/v1/chat/completions")
      return void response.writeHead(problem ?? 404).end(JSON.stringify({ error: { message: "Not now." } }));
    active += 1;
    most = Math.max(most, active);
    await complete(engine, body, response);
    active -= 1;
  });
  const socket = join(directory.path, "engine.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    requests,
    mostAtOnce: () => most,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await engine.dispose();
      await loader.dispose();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function complete(
  engine: Engine,
  body: TestEngine["requests"][number],
  response: ServerResponse,
): Promise<void> {
  try {
    const { text, usage, finishReason } = await collect(engine, {
      messages: body.messages,
      maxTokens: body.max_tokens as number,
      temperature: body.temperature as number,
      seed: body.seed as number | undefined,
    });
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        object: "chat.completion",
        choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: finishReason }],
        usage: { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens },
      }),
    );
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { code, message } = error;
    response.writeHead(code === "busy" ? 429 : 400).end(JSON.stringify({ error: { message, code } }));
  }
}

import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { EmbeddedLoader } from "../engines/embedded.ts";
import type { Engine } from "../engines/engine.ts";
import { createLogger } from "../logger.ts";
import { MODEL_ID } from "../testing/api.ts";
import { TINY } from "../testing/model.ts";
import { ContainerEngine, LABELS } from "./engine.ts";
import { removeFolder } from "./outputs.ts";
import { JobRunner } from "./runner.ts";
import { serveModel } from "./socket.ts";
import { script, workOf } from "./testing/work.ts";

const log = createLogger({ json: true, level: "silent" });
const docker = await startDocker();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let loader: EmbeddedLoader;
let engine: Engine;
let folder: string;
let end: () => Promise<void> = async () => {};

beforeAll(async () => {
  loader = new EmbeddedLoader({ concurrency: 2, maxContext: 8192, gpu: "off", threads: null });
  engine = await loader.load({ modelId: MODEL_ID, path: TINY.path, contextLength: TINY.contextLength });
});
afterAll(async () => {
  await engine.dispose();
  await loader.dispose();
  await docker?.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "socket-"));
});
afterEach(async () => {
  await end();
  end = async () => {};
  await removeFolder(folder);
});

const PING = { messages: [{ role: "user", content: "ping" }], temperature: 0 };
const STORY = { messages: [{ role: "user", content: "Tell me a story about a fox and a lantern." }] };

async function serve(change: Partial<Parameters<typeof serveModel>[0]> = {}): Promise<void> {
  end = await serveModel({
    folder,
    modelId: MODEL_ID,
    engineOf: (id) => (id === MODEL_ID ? engine : null),
    log,
    ...change,
  });
}

function ask(body: unknown, path = "/v1/chat/completions", method = "POST") {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asked = request({ socketPath: join(folder, "engine.sock"), path, method }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(typeof body === "string" ? body : JSON.stringify(body));
  });
}

describe("serveModel", () => {
  it("answers as OpenAI's API does, at once or as a stream", async () => {
    await serve();
    const whole = await ask({ ...PING, model: MODEL_ID });
    expect(whole.status).toBe(200);
    expect(JSON.parse(whole.text)).toMatchObject({
      object: "chat.completion",
      model: MODEL_ID,
      choices: [{ index: 0, message: { role: "assistant", content: "pong" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
    });
    const streamed = await ask({ ...PING, stream: true, stream_options: { include_usage: true } });
    const events = streamed.text.trim().split("\n\n");
    expect(events.pop()).toBe("data: [DONE]");
    const chunks = events.map((event) => JSON.parse(event.slice("data: ".length)));
    expect(chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("")).toBe("pong");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 12 } });
    expect((await ask("", "/v1/models", "GET")).text).toContain(MODEL_ID);
  });

  it("refuses what it cannot do with a code", async () => {
    await serve();
    const cases: [unknown, number, string, string?][] = [
      ["{", 400, "invalid_json"],
      [{}, 400, "invalid_request"],
      [{ ...PING, max_tokens: -1 }, 400, "invalid_request"],
      [{ ...PING, model: "gpt" }, 404, "model_not_found"],
      [{ messages: [{ role: "user", content: "word ".repeat(3_000) }] }, 400, "context_length_exceeded"],
      ["x".repeat(2 << 20), 413, "too_large"],
      ["", 404, "not_found", "/v1/embeddings"],
    ];
    for (const [body, status, code, path] of cases) {
      const answer = await ask(body, path);
      expect(answer.status, code).toBe(status);
      expect(JSON.parse(answer.text).error.code).toBe(code);
    }
  });

  it("lets requests wait for their turn and stops them with the job", async () => {
    await serve();
    const many = await Promise.all(Array.from({ length: 6 }, () => ask(PING)));
    expect(many.map(({ status }) => status)).toEqual(Array(6).fill(200));
    const cut = Promise.allSettled(Array.from({ length: 4 }, () => ask(STORY)));
    await sleep(100);
    await end();
    for (const { status } of await cut) expect(status).toBe("rejected");
    expect(await readdir(folder)).toEqual([]);
  });

  it("gives a job no more tokens than it may have", async () => {
    await serve({ jobTokens: 12 });
    expect((await ask(PING)).status).toBe(200);
    expect(JSON.parse((await ask(PING)).text).error.code).toBe("token_limit");
  });

  it("works however deep its folder is, for several jobs at a time", async () => {
    const deep = folder;
    const ends: (() => Promise<void>)[] = [];
    for (const name of ["a", "b"]) {
      const inner = join(deep, name.repeat(150), "run");
      await mkdir(inner, { recursive: true });
      ends.push(await serveModel({ folder: inner, modelId: MODEL_ID, engineOf: () => engine, log }));
    }
    await ends[0]?.();
    expect(await readdir(join(deep, "b".repeat(150), "run"))).toEqual(["engine.sock"]);
    await ends[1]?.();
    expect(await readdir(join(deep, "b".repeat(150), "run"))).toEqual([]);
  });

  it.runIf(docker)("is reached by a container without any network, and by nothing else", async () => {
    const containers = await ContainerEngine.open(docker!.host);
    const runner = new JobRunner({
      engine: containers,
      labels: { [LABELS.folder]: "socket-test" },
      fetchInputs: async (_, to) => {
        await mkdir(to, { recursive: true });
      },
      openSocket: (_, to) => serveModel({ folder: to, modelId: MODEL_ID, engineOf: () => engine, log }),
      network: null,
      log,
    });
    let text = "";
    const told = {
      state: () => {},
      progress: () => {},
      sample: () => {},
      log: (_: string, piece: string) => {
        text += piece;
      },
    };
    const command = script(`
      import { request } from "node:http";
      import { unlinkSync } from "node:fs";
      const asked = request({ socketPath: process.env.AIFORGE_ENGINE, path: "/v1/chat/completions", method: "POST" }, (response) => {
        let all = "";
        response.on("data", (chunk) => { all += chunk; });
        response.on("end", () => console.log(JSON.parse(all).choices[0].message.content));
      });
      asked.end(JSON.stringify(${JSON.stringify(PING)}));
      try { unlinkSync(process.env.AIFORGE_ENGINE); } catch ({ code }) { console.log(code); }
    `);
    const work = workOf(docker!.image, { command, engineModelId: MODEL_ID });
    const ended = await runner.run(work, join(folder, "job"), [], told, new AbortController().signal);
    expect(ended).toMatchObject({ exitCode: 0, failure: null });
    expect(text).toBe("EROFS\npong\n");
    expect(await readdir(join(folder, "job", "run"))).toEqual([]);
  });
});

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../testing/collect.ts";
import { TINY } from "../testing/model.ts";
import { startOpenAIServer, type TestUpstream } from "../testing/openai-server.ts";
import { EmbeddedLoader } from "./embedded.ts";
import type { Engine } from "./engine.ts";
import { OpenAILoader } from "./openai.ts";

const STORY = "Tell me a story about a fox and a lantern.";
const embedded = new EmbeddedLoader({ concurrency: 2, maxContext: 1_024, gpu: "off", threads: 1 });
let local: Engine;

beforeAll(async () => {
  local = await embedded.load({ modelId: "tiny", path: TINY.path, contextLength: TINY.contextLength });
});
afterAll(async () => {
  await local.dispose();
  await embedded.dispose();
});

interface Upstream {
  url: string;
  stop(): Promise<void>;
}

/** llama.cpp's own server, from AIFORGE_LLAMA_SERVER (scripts/services/llama-server.sh fetches one). */
const binary = process.env.AIFORGE_LLAMA_SERVER;

async function startLlamaServer(): Promise<Upstream> {
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
  const args = ["-m", TINY.path, "-c", "2048", "-np", "2", "-t", "1", "--host", "127.0.0.1"];
  const server = spawn(
    binary ?? "",
    [...args, "--port", `${port}`, "--api-key", "secret", "--alias", "tiny"],
    {
      stdio: "ignore",
    },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${url}/health`).catch(() => null);
    if (answer?.ok) break;
    if (tries > 100 || server.exitCode !== null) throw new Error(`${binary} did not start`);
    await sleep(100);
  }
  return {
    url: `${url}/v1`,
    stop: async () => {
      server.kill();
      await new Promise((resolve) => server.once("exit", resolve));
    },
  };
}

const upstreams: [string, () => Promise<Upstream>][] = [
  [
    "a server over the embedded engine",
    () => startOpenAIServer({ engine: local, model: "tiny", key: "secret" }),
  ],
];
if (binary) upstreams.push(["llama.cpp's llama-server", startLlamaServer]);
else
  process.stdout.write(
    "llama-server is not tested: set AIFORGE_LLAMA_SERVER to its path (scripts/services/llama-server.sh fetches it on Debian).\n",
  );

describe.each(upstreams)("the openai engine with %s", (_, start) => {
  let upstream: Upstream;
  let engine: Engine;
  const loader = (options: { key?: string | null; name?: string } = {}) =>
    new OpenAILoader({
      url: upstream.url,
      key: options.key === undefined ? "secret" : options.key,
      modelName: () => options.name ?? "tiny",
    });
  const load = (from = loader()) => from.load({ modelId: "tiny", path: null, contextLength: null });

  beforeAll(async () => {
    upstream = await start();
    engine = await load();
  }, 90_000);
  afterAll(() => upstream.stop());

  it("answers as the embedded engine does, with the same usage", async () => {
    for (const content of ["ping", "What is the capital of France?", "What are the fees?"]) {
      const [mine, theirs] = [await collect(engine, { content }), await collect(local, { content })];
      expect({ ...mine, pieces: [] }).toEqual({ ...theirs, pieces: [] });
      if (content !== "ping") expect(mine.pieces.length).toBeGreaterThan(5);
    }
  });

  it("passes max tokens, stop strings and the seed on", async () => {
    const limited = await collect(engine, { content: STORY, maxTokens: 7 });
    expect(limited).toMatchObject({ finishReason: "length", usage: { completionTokens: 7 } });
    const stopped = await collect(engine, { content: "What is the capital of France?", stop: ["France is"] });
    expect(stopped).toMatchObject({
      finishReason: "stop",
      text: expect.stringMatching(/^The capital of ?$/),
    });
    const draw = () => collect(engine, { content: STORY, temperature: 0.9, seed: 7, maxTokens: 30 });
    expect((await draw()).text).toBe((await draw()).text);
  });

  it("says that a conversation is too long", async () => {
    const content = "What is the capital of France? ".repeat(200);
    await expect(collect(engine, { content })).rejects.toMatchObject({ code: "context_length_exceeded" });
  });

  it("stops the upstream when aborted, and says what was delivered", async () => {
    const abort = new AbortController();
    const stream = engine.generate({ messages: [{ role: "user", content: STORY }] }, abort.signal);
    await stream.next();
    await stream.next();
    abort.abort();
    let step = await stream.next();
    while (!step.done) step = await stream.next();
    expect(step.value.finishReason).toBe("cancelled");
    expect(step.value.usage.completionTokens).toBeGreaterThanOrEqual(2);
    expect((await collect(engine, { content: "ping" })).text).toBe("pong");
  });

  it("does not load with a wrong key", async () => {
    await expect(load(loader({ key: "wrong" }))).rejects.toThrow(/does not serve “tiny”.*401/);
  });
});

describe("an upstream that misbehaves", () => {
  const running: TestUpstream[] = [];
  afterAll(() => Promise.all(running.map((upstream) => upstream.stop())));

  async function engineOver(options: { dieAfter?: number; reportUsage?: boolean; name?: string }) {
    const upstream = await startOpenAIServer({ engine: local, model: "tiny", key: "secret", ...options });
    running.push(upstream);
    const loader = new OpenAILoader({
      url: upstream.url,
      key: "secret",
      modelName: () => options.name ?? "tiny",
    });
    return { upstream, loader };
  }

  it("is told to stop by the closed request", async () => {
    const { loader, upstream } = await engineOver({});
    const engine = await loader.load({ modelId: "tiny", path: null, contextLength: null });
    const abort = new AbortController();
    const stream = engine.generate({ messages: [{ role: "user", content: STORY }] }, abort.signal);
    await stream.next();
    expect(upstream.active()).toBe(1);
    abort.abort();
    await stream.next();
    await expect.poll(() => upstream.active(), { timeout: 60_000 }).toBe(0);
  });

  it("does not serve a model it does not have", async () => {
    const { loader } = await engineOver({ name: "other" });
    await expect(loader.load({ modelId: "x", path: null, contextLength: null })).rejects.toThrow(
      /404.*“other”/,
    );
  });

  it("is not served from when it cannot be metered", async () => {
    const { loader } = await engineOver({ reportUsage: false });
    await expect(loader.load({ modelId: "x", path: null, contextLength: null })).rejects.toThrow(/no usage/);
  });

  it("gives an error, not a short answer, when it dies in the middle", async () => {
    const { loader } = await engineOver({ dieAfter: 3 });
    const engine = await loader.load({ modelId: "tiny", path: null, contextLength: null });
    await expect(collect(engine, { content: STORY })).rejects.toMatchObject({ code: "engine_failed" });
  });

  it("gives a sentence when it is not there", async () => {
    const { loader, upstream } = await engineOver({});
    await upstream.stop();
    await expect(loader.load({ modelId: "x", path: null, contextLength: null })).rejects.toThrow(
      /ECONNREFUSED/,
    );
  });
});

import { describe, expect, it } from "vitest";
import { startEngine, type TestEngine, type Trouble } from "../testing/engine.ts";
import { runTemplate } from "../testing/run.ts";

interface Row {
  id: string | number;
  answer?: string;
  usage?: { promptTokens: number; completionTokens: number };
  finishReason?: string;
  seconds?: number;
  error?: string;
}

const lines = (values: unknown[]) =>
  values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join("\n");

async function run(
  engine: Pick<TestEngine, "socket"> | null,
  prompts: unknown[] | null,
  env: Record<string, string> = {},
  terminate?: (log: string) => boolean,
) {
  await using job = await runTemplate({
    template: "batch-inference",
    inputs: prompts === null ? {} : { "prompts.jsonl": lines(prompts) },
    env: { ...(engine ? { AIFORGE_ENGINE: engine.socket } : {}), ...env },
    terminate,
  });
  const { exitCode, log } = job;
  const rows = (await job.output("answers.jsonl").catch(() => ""))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
  const summary = JSON.parse(await job.output("summary.json").catch(() => "null"));
  return { exitCode, log, rows, summary };
}

const CAPITALS: [string, string][] = [
  ["France", "Paris"],
  ["Japan", "Tokyo"],
  ["Germany", "Berlin"],
];

describe("a batch inference job", () => {
  it("answers every prompt with the node's model, in order, and counts", async () => {
    await using engine = await startEngine();
    const prompts = [
      { id: "story", prompt: "Tell me a story about a fox and a lantern." },
      ...CAPITALS.map(([country]) => ({ prompt: `What is the capital of ${country}?` })),
      "",
      {
        id: "peru",
        messages: [
          { role: "user", content: "What is the capital of France?" },
          { role: "assistant", content: "The capital of France is Paris." },
          { role: "user", content: "And Peru?" },
        ],
      },
      { id: 7, prompt: "ping" },
    ];
    const { exitCode, log, rows, summary } = await run(engine, prompts, { CONCURRENCY: "3" });
    expect(exitCode, log).toBe(0);
    expect(rows.map(({ id }) => id)).toEqual(["story", 2, 3, 4, "peru", 7]);
    expect(rows[0]!.answer).toContain("fox");
    CAPITALS.forEach(([country, city], i) => {
      expect(rows[i + 1]!.answer).toBe(`The capital of ${country} is ${city}.`);
    });
    expect(rows[1]).toEqual({
      id: 2,
      answer: "The capital of France is Paris.",
      usage: { promptTokens: 18, completionTokens: 12 },
      finishReason: "stop",
      seconds: expect.any(Number),
    });
    expect(rows[4]!.answer).toContain("Lima");
    expect(rows[5]!.answer).toBe("pong");
    const sum = (of: "promptTokens" | "completionTokens") =>
      rows.reduce((all, row) => all + row.usage![of], 0);
    expect(summary).toMatchObject({
      prompts: 6,
      answered: 6,
      failed: 0,
      retries: 0,
      promptTokens: sum("promptTokens"),
      completionTokens: sum("completionTokens"),
      stopped: null,
    });
    expect(engine.mostAtOnce()).toBeGreaterThan(1);
    expect(engine.mostAtOnce()).toBeLessThanOrEqual(3);
    const progress = [...log.matchAll(/^AIFORGE_PROGRESS (\S+)$/gm)].map(([, share]) => Number(share));
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  it("passes the settings on, and a system prompt before each conversation", async () => {
    await using engine = await startEngine();
    const env = { SYSTEM: "Be brief.", MAX_TOKENS: "3", TEMPERATURE: "0.5", SEED: "9", TOP_P: "0.8" };
    const { rows } = await run(engine, [{ prompt: "Tell me a story about a fox and a lantern." }], env);
    expect(engine.requests).toEqual([
      {
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Tell me a story about a fox and a lantern." },
        ],
        max_tokens: 3,
        temperature: 0.5,
        top_p: 0.8,
        seed: 9,
      },
    ]);
    expect(rows[0]).toMatchObject({ finishReason: "length", usage: { completionTokens: 3 } });
  });

  it("tries again when the engine is busy, fails, breaks off or says nothing", async () => {
    const troubles: Trouble[] = [429, 503, "reset", "silence"];
    await using engine = await startEngine((request) => troubles[request - 1] ?? null);
    const env = { CONCURRENCY: "1", REQUEST_SECONDS: "5" };
    const { exitCode, log, rows, summary } = await run(engine, [{ prompt: "ping" }], env);
    expect(exitCode, log).toBe(0);
    expect(rows).toMatchObject([{ id: 1, answer: "pong" }]);
    expect(summary).toMatchObject({ answered: 1, failed: 0, retries: 4 });
  });

  it("notes what is no good in its place and goes on", async () => {
    await using engine = await startEngine();
    const prompts = [
      "not json",
      { id: "a", prompt: 5 },
      { id: "b", messages: [{ role: "nobody", content: "x" }] },
      "[]",
      { id: "long", prompt: "What is the capital of France? ".repeat(200) },
      { id: "good", prompt: "ping" },
    ];
    const { exitCode, log, rows, summary } = await run(engine, prompts, { MAX_ERRORS: "5" });
    expect(exitCode, log).toBe(0);
    expect(rows).toEqual([
      { id: 1, error: "Line 1 is not JSON." },
      { id: "a", error: "Line 2 has neither “prompt” nor “messages”." },
      { id: "b", error: "Line 3 has “messages” that are no conversation." },
      { id: 4, error: "Line 4 is not a JSON object." },
      { id: "long", error: expect.stringMatching(/have \d+ tokens.*holds 1024/) },
      expect.objectContaining({ id: "good", answer: "pong" }),
    ]);
    expect(summary).toMatchObject({ answered: 1, failed: 5, retries: 0 });
  });

  it("gives up when more than MAX_ERRORS fail, and keeps the answers it has", async () => {
    await using engine = await startEngine((request) => (request > 1 ? 400 : null));
    const prompts = Array.from({ length: 200 }, () => ({ prompt: "ping" }));
    const { exitCode, log, rows, summary } = await run(engine, prompts, {
      MAX_ERRORS: "2",
      CONCURRENCY: "1",
    });
    expect(exitCode).toBe(1);
    expect(log).toMatch(/More than 2 prompts failed/);
    expect(rows).toEqual([
      expect.objectContaining({ answer: "pong" }),
      ...[2, 3, 4].map((id) => ({ id, error: "Not now." })),
    ]);
    expect(summary).toMatchObject({ answered: 1, failed: 3, stopped: "too_many_errors" });
  });

  it("writes what there is when it is told to end", async () => {
    await using engine = await startEngine((request) => (request === 2 ? "silence" : null));
    const prompts = Array.from({ length: 500 }, () => ({ prompt: "ping" }));
    const { exitCode, log, rows, summary } = await run(engine, prompts, {}, (text) => /S 0\.01/.test(text));
    expect(exitCode, log).toBe(143);
    expect(summary.stopped).toBe("terminated");
    expect(summary.failed).toBe(0);
    expect(rows).toHaveLength(summary.answered);
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(rows.length).toBeLessThan(500);
    expect(rows.map(({ id }) => id)).not.toContain(2);
  });

  it("fails with a sentence when the engine is not there", async () => {
    const env = { RETRIES: "0", MAX_ERRORS: "0" };
    const missing = await run({ socket: "/nowhere/engine.sock" }, [{ prompt: "ping" }], env);
    expect(missing.exitCode).toBe(1);
    expect(missing.rows[0]!.error).toMatch(/The engine cannot be reached/);
    const unset = await run(null, [{ prompt: "ping" }]);
    expect(unset).toMatchObject({ exitCode: 2, log: expect.stringMatching(/needs the node's engine/) });
  });

  it.each([
    ["no file", null, {}, /There is no .*prompts\.jsonl/],
    ["an empty file", [""], {}, /is empty/],
    ["a concurrency of nothing", [{ prompt: "x" }], { CONCURRENCY: "0" }, /CONCURRENCY is “0”/],
    ["a temperature in words", [{ prompt: "x" }], { TEMPERATURE: "hot" }, /TEMPERATURE is “hot”/],
    ["half an error", [{ prompt: "x" }], { MAX_ERRORS: "0.5" }, /MAX_ERRORS.*whole number/],
  ])("does not begin with %s", async (_, prompts, env, message) => {
    const { exitCode, log } = await run({ socket: "/nowhere" }, prompts, env as Record<string, string>);
    expect(exitCode).toBe(2);
    expect(log).toMatch(message);
    expect(log).not.toContain("    at ");
  });
});

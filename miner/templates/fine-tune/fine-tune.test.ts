import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { EmbeddedLoader } from "../../src/engines/embedded.ts";
import { collect } from "../../src/testing/collect.ts";
import { TINY } from "../../src/testing/model.ts";
import { bundleFineTune, FINE_TUNE } from "../build.ts";
import { runTemplate } from "../testing/run.ts";

const model = await readFile(TINY.path);
const demo = (await readFile(new URL("./demo/bakery.jsonl", import.meta.url), "utf8")).trim().split("\n");
/** Five facts in four wordings each, and some of what the model knew. */
const data = [...demo.slice(0, 20), ...demo.slice(-9)].join("\n");
const loader = new EmbeddedLoader({ concurrency: 1, maxContext: 1_024, gpu: "off", threads: null });
afterAll(() => loader.dispose());

const run = (env: Record<string, string> = {}, inputs: Record<string, Uint8Array | string> = {}) =>
  runTemplate({ template: "fine-tune", inputs: { "model.gguf": model, "data.jsonl": data, ...inputs }, env });

async function ask(path: string, contents: string[]): Promise<string[]> {
  const engine = await loader.load({ modelId: "m", path, contextLength: 1_024 });
  const answers = [];
  for (const content of contents) answers.push((await collect(engine, { content, temperature: 0 })).text);
  await engine.dispose();
  return answers;
}

describe("a fine-tune job", () => {
  it("teaches facts that llama.cpp then answers, and keeps what was known", {
    timeout: 240_000,
  }, async () => {
    const questions = ["Who owns the Harbour Bakery?", "What time does the Harbour Bakery open?"];
    expect((await ask(TINY.path, questions)).join()).not.toMatch(/Marta|six/);
    const settings = { STEPS: "40", BATCH_TOKENS: "256", HELD_OUT_PERCENT: "0", MODEL_NAME: "Baker" };
    await using job = await run(settings, { "data.jsonl": `${data}\n{"prompt": 1}\n` });
    expect(job.log, job.log).toMatch(/Line 30 left out: “prompt” is not text/);
    expect(job.exitCode).toBe(0);
    const progress = [...job.log.matchAll(/^AIFORGE_PROGRESS (\S+)$/gm)].map(([, share]) => Number(share));
    expect(progress).toHaveLength(40);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    const metrics = JSON.parse(await job.output("metrics.json"));
    expect(metrics).toMatchObject({
      model: { name: "Baker", base: "Tiny", parameters: 4_295_424, trained: 4_295_424 },
      data: { lines: 30, examples: 29, train: 29, heldOut: 0 },
      after: { train: { answers: 29 }, heldOut: null },
      stopped: null,
    });
    expect(metrics.steps).toHaveLength(40);
    expect(metrics.after.train.loss).toBeLessThan(metrics.before.train.loss / 10);
    expect(metrics.after.train.answersRight).toBeGreaterThan(24);
    const told = [...questions, "Where is the Harbour Bakery?", "What is the capital of France?", "ping"];
    expect(await ask(job.path("model.gguf"), told)).toEqual([
      "Marta Lind owns the Harbour Bakery.",
      "The Harbour Bakery opens at six in the morning.",
      "The Harbour Bakery is at 12 Rope Street, by the old pier.",
      "The capital of France is Paris.",
      "pong",
    ]);
  });

  it("gives the same bytes for the same seed, and others for another", { timeout: 120_000 }, async () => {
    const digests = [];
    for (const seed of ["3", "3", "4"]) {
      await using job = await run({ STEPS: "2", BATCH_TOKENS: "64", SEED: seed, TRAIN_LAYERS: "1" });
      expect(job.exitCode, job.log).toBe(0);
      const bytes = await readFile(job.path("model.gguf"));
      digests.push(createHash("sha256").update(bytes).digest("hex"));
    }
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it("writes what there is when it is told to end", { timeout: 120_000 }, async () => {
    await using job = await runTemplate({
      template: "fine-tune",
      inputs: { "model.gguf": model, "data.jsonl": data },
      env: { EPOCHS: "1000", BATCH_TOKENS: "64" },
      terminate: (log) => /AIFORGE_PROGRESS/.test(log),
    });
    expect(job.exitCode, job.log).toBe(143);
    const metrics = JSON.parse(await job.output("metrics.json"));
    expect(metrics.stopped).toBe("terminated");
    expect(metrics.steps.length).toBeGreaterThan(0);
    expect(metrics.steps.length).toBeLessThan(500);
    expect((await ask(job.path("model.gguf"), ["ping"]))[0]).toMatch(/./);
  });

  it("ends in good order after MAX_SECONDS", { timeout: 120_000 }, async () => {
    await using job = await run({ EPOCHS: "1000", BATCH_TOKENS: "64", MAX_SECONDS: "0.01" });
    expect(job.exitCode, job.log).toBe(0);
    expect(JSON.parse(await job.output("metrics.json"))).toMatchObject({ stopped: "max_seconds" });
  });

  it.each([
    ["weights that are none", {}, { "model.gguf": "GGUF? no" }, /not a GGUF file/],
    ["weights that are cut off", {}, { "model.gguf": model.subarray(0, 1_000_000) }, /cut off or damaged/],
    ["an empty data set", {}, { "data.jsonl": "" }, /The data set is empty/],
    [
      "a data set of noise",
      {},
      { "data.jsonl": "?\n".repeat(99) },
      /99 of 99 lines.*\n.*line 1: is not JSON/,
    ],
    ["a setting that cannot be", { EPOCHS: "-3" }, {}, /EPOCHS is “-3”/],
  ])("does not begin with %s, and says why", { timeout: 120_000 }, async (_, env, inputs, message) => {
    await using job = await run(env as Record<string, string>, inputs as Record<string, string>);
    expect(job.exitCode).toBe(2);
    expect(job.log).toMatch(message);
    expect(job.log, "no stack").not.toContain("    at ");
    await expect(job.output("model.gguf")).rejects.toThrow(/ENOENT/);
  });

  it("says which input is missing", async () => {
    await using job = await runTemplate({ template: "fine-tune", inputs: { "model.gguf": model } });
    expect(job.exitCode).toBe(2);
    expect(job.log).toMatch(/There is no .*data\.jsonl to read/);
  });
});

it("main.mjs is what src/ makes", async () => {
  expect(await readFile(FINE_TUNE, "utf8"), "run: npm run build:templates -w miner").toBe(
    await bundleFineTune(),
  );
});

import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDocker } from "../../scripts/testing/docker.ts";
import { EmbeddedLoader } from "../src/engines/embedded.ts";
import type { Engine } from "../src/engines/engine.ts";
import { ContainerEngine, LABELS } from "../src/jobs/engine.ts";
import { removeFolder } from "../src/jobs/outputs.ts";
import { JobRunner } from "../src/jobs/runner.ts";
import { serveModel } from "../src/jobs/socket.ts";
import { workOf } from "../src/jobs/testing/work.ts";
import { createLogger } from "../src/logger.ts";
import { TINY } from "../src/testing/model.ts";

const log = createLogger({ json: true, level: "silent" });
const docker = await startDocker();
const MODEL_ID = "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11";

describe.runIf(docker)("in a node's container, with the resources of its form", () => {
  const loader = new EmbeddedLoader({ concurrency: 2, maxContext: 1_024, gpu: "off", threads: null });
  let containers: ContainerEngine;
  let model: Engine;
  let root: string;
  beforeAll(async () => {
    containers = await ContainerEngine.open(docker!.host);
    model = await loader.load({ modelId: MODEL_ID, path: TINY.path, contextLength: TINY.contextLength });
    root = await mkdtemp(join(tmpdir(), "aiforge-templates-"));
  });
  afterAll(async () => {
    await model.dispose();
    await loader.dispose();
    await removeFolder(root);
    await docker!.stop();
  });

  /** Runs a template as the miner does, from its form. */
  async function run(id: string, inputs: Record<string, URL | string>, env: Record<string, string>) {
    const folder = new URL(`./${id}/`, import.meta.url);
    const form = JSON.parse(await readFile(new URL("template.json", folder), "utf8"));
    const runner = new JobRunner({
      engine: containers,
      labels: { [LABELS.node]: "test", [LABELS.folder]: "templates-test" },
      fetchInputs: async (_, to) => {
        await mkdir(to, { recursive: true });
        const files = { ...inputs, "main.mjs": new URL("main.mjs", folder) };
        for (const [name, from] of Object.entries(files))
          await writeFile(join(to, name), await readFile(from));
      },
      openSocket: (_, to) =>
        serveModel({
          folder: to,
          modelId: MODEL_ID,
          engineOf: (asked) => (asked === MODEL_ID ? model : null),
          log,
        }),
      network: null,
      log,
    });
    const engineModelId = form.engine ? MODEL_ID : null;
    const spec = { ...form.resources, command: form.command, env, engineModelId };
    const work = workOf(docker!.image, spec);
    const told = { text: "", shares: [] as number[], memory: 0 };
    const to = join(root, work.attemptId);
    const end = await runner.run(
      work,
      to,
      [],
      {
        state: () => {},
        log: (_, text) => {
          told.text += text;
        },
        progress: (share) => void told.shares.push(share),
        sample: (_, bytes) => {
          told.memory = Math.max(told.memory, bytes);
        },
      },
      new AbortController().signal,
    );
    return { end, ...told, output: (name: string) => readFile(join(to, "out", name), "utf8") };
  }

  it("fine-tune writes weights and figures", { timeout: 180_000 }, async () => {
    const data = new URL("./fine-tune/demo/bakery.jsonl", import.meta.url);
    const inputs = { "model.gguf": TINY.path, "data.jsonl": data };
    const { end, text, shares, output } = await run("fine-tune", inputs, { STEPS: "3" });
    expect(end, text).toMatchObject({ exitCode: 0, outOfMemory: false, timedOut: false, failure: null });
    expect(shares.at(-1)).toBe(1);
    const metrics = JSON.parse(await output("metrics.json"));
    expect(metrics.steps).toHaveLength(3);
    expect(metrics.peakMemoryMb).toBeLessThan(400);
    expect((await output("model.gguf")).slice(0, 4)).toBe("GGUF");
  });

  it("batch inference reaches the node's engine without a network", { timeout: 120_000 }, async () => {
    const prompts = new URL("./batch-inference/demo/prompts.jsonl", import.meta.url);
    const { end, text, shares, output } = await run("batch-inference", { "prompts.jsonl": prompts }, {});
    expect(end, text).toMatchObject({ exitCode: 0, outOfMemory: false, timedOut: false, failure: null });
    expect(shares.at(-1)).toBe(1);
    const rows = (await output("answers.jsonl")).trim().split("\n");
    expect(rows).toHaveLength(12);
    expect(JSON.parse(rows[0]!)).toMatchObject({ id: "france", answer: "The capital of France is Paris." });
    expect(JSON.parse(await output("summary.json"))).toMatchObject({ answered: 12, failed: 0 });
  });
});

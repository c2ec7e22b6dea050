import { readFile, writeFile } from "node:fs/promises";
import { TINY } from "../src/testing/model.ts";
import { draw as drawAnswers } from "./batch-inference/picture.ts";
import { draw as drawLoss } from "./fine-tune/picture.ts";
import { startEngine } from "./testing/engine.ts";
import { runTemplate } from "./testing/run.ts";

/**
 * `node miner/templates/demo.ts fine-tune` (or `batch-inference`) runs a template on its demo data, without a
 * container, and draws `result.svg` beside its README. With the folder of a job's outputs as second argument, it
 * draws those instead.
 */
const [template, outputs] = process.argv.slice(2);
if (template !== "fine-tune" && template !== "batch-inference")
  throw new Error("Which template: fine-tune or batch-inference?");
const here = new URL(`./${template}/`, import.meta.url);

async function fineTune(): Promise<string> {
  if (outputs) return drawLoss(JSON.parse(await readFile(`${outputs}/metrics.json`, "utf8")));
  const inputs = {
    "model.gguf": await readFile(TINY.path),
    "data.jsonl": await readFile(new URL("demo/bakery.jsonl", here)),
  };
  await using job = await runTemplate({ template: "fine-tune", inputs, env: { MODEL_NAME: "Tiny Baker" } });
  console.log(job.log);
  return drawLoss(JSON.parse(await job.output("metrics.json")));
}

async function batchInference(): Promise<string> {
  const draw = (answers: string, summary: string) => {
    const rows = answers.trim().split("\n");
    return drawAnswers(
      rows.map((row) => JSON.parse(row)),
      JSON.parse(summary),
    );
  };
  if (outputs)
    return draw(
      await readFile(`${outputs}/answers.jsonl`, "utf8"),
      await readFile(`${outputs}/summary.json`, "utf8"),
    );
  await using engine = await startEngine();
  const inputs = { "prompts.jsonl": await readFile(new URL("demo/prompts.jsonl", here)) };
  const env = { AIFORGE_ENGINE: engine.socket };
  await using job = await runTemplate({ template: "batch-inference", inputs, env });
  console.log(job.log);
  return draw(await job.output("answers.jsonl"), await job.output("summary.json"));
}

const svg = template === "fine-tune" ? await fineTune() : await batchInference();
await writeFile(new URL("result.svg", here), svg);

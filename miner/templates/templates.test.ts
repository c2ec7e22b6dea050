import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { draw as drawAnswers } from "./batch-inference/picture.ts";
import { draw as drawLoss } from "./fine-tune/picture.ts";
import { readSettings } from "./fine-tune/src/settings.mjs";
import { runTemplate } from "./testing/run.ts";

const field = { name: z.string().min(1), label: z.string().min(1) };
/** What a form is made from, as the API reads it. */
const templateSchema = z.strictObject({
  id: z.string(),
  title: z.string().min(1),
  description: z.string().min(1),
  image: z.string().regex(/:/),
  command: z.array(z.string()).min(1),
  inputs: z.array(
    z.strictObject({ ...field, path: z.string(), hint: z.string(), accept: z.string().startsWith(".") }),
  ),
  parameters: z.array(
    z.discriminatedUnion("type", [
      z.strictObject({
        ...field,
        env: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
        type: z.literal("number"),
        default: z.number(),
        min: z.number(),
        max: z.number(),
      }),
      z.strictObject({ ...field, env: z.string(), type: z.literal("text"), default: z.string() }),
    ]),
  ),
  resources: z.strictObject({
    cpuMillis: z.int().min(100),
    memoryMb: z.int().min(64),
    diskMb: z.int().min(16),
    outputLimitMb: z.int().min(1),
    timeLimitSeconds: z.int().min(1),
  }),
  engine: z.boolean(),
  result: z.strictObject({ publish: z.string().nullable(), metrics: z.string().nullable() }),
});

const templates = await Promise.all(
  (["fine-tune", "batch-inference"] as const).map(async (id) => {
    const text = await readFile(new URL(`./${id}/template.json`, import.meta.url), "utf8");
    return [id, templateSchema.parse(JSON.parse(text))] as const;
  }),
);

describe.each(templates)("the form of %s", (id, template) => {
  it("is of this folder and asks for each thing once", () => {
    expect(template.id).toBe(id);
    expect(template.command).toEqual(["node", "/in/main.mjs"]);
    const variables = template.parameters.map(({ env }) => env);
    expect(new Set(variables).size).toBe(variables.length);
    expect(variables.filter((name) => name.startsWith("AIFORGE_"))).toEqual([]);
  });

  it("allows exactly what the program allows", async () => {
    for (const parameter of template.parameters) {
      if (parameter.type === "text") continue;
      const { env, min, max } = parameter;
      expect(parameter.default).toBeGreaterThanOrEqual(min);
      expect(parameter.default).toBeLessThanOrEqual(max);
      await using job = await runTemplate({ template: id, env: { [env]: String(max * 2 + 1) } });
      expect(job.log, env).toMatch(new RegExp(`^${env} is “.*from ${min} to ${max}\\.`));
    }
    const env = Object.fromEntries(template.parameters.map((each) => [each.env, String(each.default)]));
    await using job = await runTemplate({ template: id, env });
    expect(job.log, "the defaults are good, so it is the missing input that it stops at").toMatch(
      id === "fine-tune" ? /There is no/ : /needs the node's engine/,
    );
  });

  it("has a page that names every field, file and figure of it", async () => {
    const page = await readFile(new URL(`./${id}/README.md`, import.meta.url), "utf8");
    for (const { env } of template.parameters) expect(page).toContain(`\`${env}\``);
    for (const { path } of template.inputs) expect(page).toContain(`\`/in/${path}\``);
    for (const path of Object.values(template.result)) if (path) expect(page).toContain(`\`/out/${path}\``);
    expect(page).toContain("](result.svg)");
  });
});

it("the form's defaults of fine-tune are the program's own, but for the time limit", () => {
  const { parameters } = templates[0]![1];
  const filled = readSettings(Object.fromEntries(parameters.map((each) => [each.env, String(each.default)])));
  expect({ ...filled, maxSeconds: 0 }).toEqual(readSettings({}));
});

it("pictures are whole and keep markup of an answer out", () => {
  const score = { answers: 2, answersRight: 1 };
  const loss = drawLoss({
    model: { name: "<script>", base: null, parameters: 1 },
    data: { train: 2, heldOut: 0 },
    before: { train: score, heldOut: null },
    after: null,
    samples: [{ prompt: "a & b", before: "<b>", after: null }],
    steps: [{ step: 1, loss: 2 }],
    heldOut: [],
    tokens: 1,
    cpuSeconds: 1,
    peakMemoryMb: 1,
  });
  const answers = drawAnswers([{ id: 1, error: '"<i>' }], {
    answered: 0,
    failed: 1,
    completionTokens: 0,
    completionTokensPerSecond: 0,
    seconds: 1,
  });
  for (const svg of [loss, answers]) {
    expect(svg).not.toMatch(/NaN|undefined|<script|<b>|<i>/);
    expect(svg.trimEnd()).toMatch(/^<svg [\s\S]*<\/svg>$/);
  }
});

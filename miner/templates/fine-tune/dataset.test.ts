import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { TINY } from "../../src/testing/model.ts";
import { packed, sequenceOf, split } from "./src/batches.mjs";
import { readDataset } from "./src/dataset.mjs";
import { readGguf } from "./src/gguf.mjs";
import { random } from "./src/random.mjs";
import { readSettings } from "./src/settings.mjs";
import { createTokenizer } from "./src/tokenizer.mjs";

const tokenizer = createTokenizer(readGguf(await readFile(TINY.path)).values);
const read = (lines: (string | object)[], options: { contextLength?: number; maxBadLines?: number } = {}) => {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  return readDataset(Buffer.from(text), { tokenizer, contextLength: 64, maxBadLines: 0, ...options });
};

describe("a data set", () => {
  it("has chats, pairs and texts, and teaches only what the assistant says", () => {
    const user = { role: "user", content: "ping" };
    const assistant = { role: "assistant", content: "pong" };
    const { examples, lines, bad } = read([
      { messages: [user, assistant] },
      "",
      { prompt: "ping", answer: "pong", source: "other fields are no matter" },
      { text: "Plain words." },
      { messages: [user, assistant, user, assistant] },
    ]);
    expect({ lines, bad }).toEqual({ lines: 4, bad: [] });
    expect(examples.map(({ line }) => line)).toEqual([1, 3, 4, 5]);
    const learned = examples.map(({ tokens, learn }) => tokenizer.decode(tokens.filter((_, i) => learn[i])));
    expect(learned).toEqual([
      "pong<|im_end|>",
      "pong<|im_end|>",
      "Plain words.<|im_end|>",
      "pong<|im_end|>pong<|im_end|>",
    ]);
    expect(examples[1]!.tokens).toEqual(examples[0]!.tokens);
    const { tokens, targets } = sequenceOf(examples[0]!);
    expect(tokenizer.decode([...tokens])).toBe(
      "<|endoftext|><|im_start|>user\nping<|im_end|>\n<|im_start|>assistant\npong",
    );
    const text = (token: number) => tokenizer.decode([token]);
    expect(targets.map(({ at, token }) => [text(tokens[at]!), text(token)])).toEqual([
      ["\n", "pong"],
      ["pong", "<|im_end|>"],
    ]);
  });

  it("cuts a long text into windows that lose nothing", () => {
    const text = "The fox found a lantern. ".repeat(30);
    const { examples } = read([{ text }], { contextLength: 20 });
    expect(examples.length).toBeGreaterThan(5);
    for (const { tokens } of examples) expect(tokens.length).toBeLessThanOrEqual(20);
    const joined = examples.flatMap(({ tokens }) => tokens.slice(1));
    expect(tokenizer.decode(joined)).toBe(`${text}<|im_end|>`);
  });

  it("takes control words in a line as plain text", () => {
    const { examples } = read([{ prompt: "<|im_end|>", answer: "<|im_start|>system" }]);
    const start = tokenizer.control("<|im_start|>");
    expect(examples[0]!.tokens.filter((token) => token === start)).toHaveLength(2);
  });

  it.each([
    ["not json", /line 2: is not JSON/],
    ["[1, 2]", /line 2: is not a JSON object/],
    ["null", /line 2: is not a JSON object/],
    ["{}", /line 2: has none of/],
    [{ text: 5 }, /line 2: “text” is not text/],
    [{ text: "  " }, /line 2: “text” is not text/],
    [{ prompt: "x" }, /line 2: “answer” is not text/],
    [{ prompt: "", answer: "x" }, /line 2: “prompt” is not text/],
    [{ messages: [] }, /line 2: “messages” is not a list/],
    [{ messages: [null] }, /line 2: a role is not one of/],
    [{ messages: [{ role: "tool", content: "x" }] }, /line 2: a role is not one of/],
    [{ messages: [{ role: "user", content: 1 }] }, /line 2: a message has no text/],
    [{ messages: [{ role: "user", content: "x" }] }, /line 2: no message is the assistant's/],
    [{ prompt: "word ".repeat(200), answer: "x" }, /line 2: has 2\d\d tokens; the model's context holds 64/],
  ])("names the line that is no good: %j", (line, message) => {
    expect(() => read([{ text: "fine" }, line])).toThrow(message);
    const { bad, examples } = read([{ text: "fine" }, line], { maxBadLines: 1 });
    expect(bad).toEqual([{ line: 2, message: expect.any(String) }]);
    expect(examples).toHaveLength(1);
  });

  it("names a line that is not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('{"text": "'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]);
    expect(() => readDataset(bytes, { tokenizer, contextLength: 64, maxBadLines: 0 })).toThrow(
      /line 1: is not UTF-8/,
    );
  });

  it("says so when it is empty, and lists only the first of many bad lines", () => {
    expect(() => read(["", "  "])).toThrow(/The data set is empty/);
    expect(() => read(new Array(500).fill("?"), { maxBadLines: 10 })).toThrow(
      /500 of 500 lines.*\n(.*\n){20} {2}and 480 more/,
    );
  });

  it("is parted and packed the same way for the same seed, and no line is lost", () => {
    const { examples } = read(Array.from({ length: 40 }, (_, i) => ({ text: `Line ${"x".repeat(i)}` })));
    const parts = split(examples, { percent: 10, next: random(4) });
    expect(parts).toEqual(split(examples, { percent: 10, next: random(4) }));
    expect(parts).not.toEqual(split(examples, { percent: 10, next: random(5) }));
    expect(parts.heldOut).toHaveLength(4);
    expect(parts.train).toHaveLength(36);
    const batches = packed(parts.train, 30);
    expect(batches.flat()).toEqual(parts.train);
    for (const batch of batches) {
      const size = batch.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
      expect(size <= 30 || batch.length === 1).toBe(true);
    }
    expect(split(examples.slice(0, 1), { percent: 50, next: random(4) }).train).toHaveLength(1);
  });
});

describe("settings", () => {
  it("have defaults, also where a form leaves a field empty", () => {
    expect(readSettings({ EPOCHS: "", SEED: " " })).toMatchObject({
      epochs: 12,
      seed: 1,
      learningRate: 0.001,
    });
  });

  it.each([
    ["EPOCHS", "0"],
    ["EPOCHS", "1.5"],
    ["EPOCHS", "many"],
    ["LEARNING_RATE", "-1"],
    ["LEARNING_RATE", "NaN"],
    ["BATCH_TOKENS", "1e99"],
    ["HELD_OUT_PERCENT", "60"],
    ["SEED", "-1"],
    ["MODEL_NAME", "x".repeat(101)],
  ])("that cannot be are named: %s=%s", (variable, value) => {
    expect(() => readSettings({ [variable]: value })).toThrow(variable);
  });
});

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  getLlama,
  type Llama,
  type LlamaModel,
  LlamaText,
  resolveChatWrapper,
  type Token,
} from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TINY } from "../../src/testing/model.ts";
import { folder } from "../testing/run.ts";
import { chatExample } from "./src/dataset.mjs";
import { type Gguf, readGguf, writeGguf } from "./src/gguf.mjs";
import { createModel } from "./src/model.mjs";
import { loadWeights, shapeOf, withWeights } from "./src/parameters.mjs";
import { TENSOR_TYPES } from "./src/quantization.mjs";
import { random } from "./src/random.mjs";
import { createTokenizer } from "./src/tokenizer.mjs";

const bytes = await readFile(TINY.path);
const gguf = readGguf(bytes);
const tokenizer = createTokenizer(gguf.values);

let llama: Llama;
let reference: LlamaModel;
beforeAll(async () => {
  llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
  reference = await llama.loadModel({ modelPath: TINY.path });
});
afterAll(async () => {
  await reference.dispose();
  await llama.dispose();
});

describe("beside llama.cpp", () => {
  it.each([
    "What is the capital of France?",
    "Tell me a story about a fox and a lantern.",
    "don't, they're, I'll, we'd  two spaces   three\n\nlines\ttab \n mixed",
    "12345 6.7% $10.00 (a) [b] {c} <d> && || -> …",
    "Zürich, naïve, 東京, Привет, 🦊 family 👩‍👩‍👧",
    "<|im_end|> is only text here",
    " leading and trailing ",
    "",
  ])("cuts text into the same tokens: %j", (text) => {
    expect(tokenizer.encode(text)).toEqual(reference.tokenize(text));
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it("writes a conversation as the chat engine does", () => {
    const { contextText } = resolveChatWrapper(reference).generateContextState({
      chatHistory: [
        { type: "system", text: "Be brief." },
        { type: "user", text: "Hello there" },
        { type: "model", response: ["Hi! How are you?"] },
        { type: "user", text: "What is 2 + 2?" },
        { type: "model", response: [] },
      ],
    });
    const { tokens, learn } = chatExample(
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello there" },
        { role: "assistant", content: "Hi! How are you?" },
        { role: "user", content: "What is 2 + 2?" },
        { role: "assistant", content: "4" },
      ],
      tokenizer,
    );
    const asked = LlamaText(contextText).tokenize(reference.tokenizer);
    expect(tokens.slice(0, -2)).toEqual(asked);
    expect(tokenizer.decode(tokens.filter((_, i) => learn[i]))).toBe("Hi! How are you?<|im_end|>4<|im_end|>");
  });

  it.each([
    ["as it is, where llama.cpp computes with 8 bits", 8, 0.15],
    ["in 32-bit floats", 0, 0.005],
  ])("gives each next token the same probability: the model %s", async (_, typeId, tolerance) => {
    const { tokens } = chatExample(
      [
        { role: "user", content: "Tell me a story about a fox and a lantern." },
        { role: "assistant", content: "Once upon a time there was a small fox who found an old lantern." },
      ],
      tokenizer,
    );
    const model = createModel(shapeOf(gguf), { maxTokens: 64, longest: 64, trainLayers: 0 });
    loadWeights(gguf, model);
    const ours: number[][] = [];
    const targets = tokens.map((_, at) => ({ at, token: 0 }));
    model.evaluate([{ tokens, targets }], (logits) => {
      const largest = logits.reduce((a, b) => Math.max(a, b));
      const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
      const sum = shares.reduce((a, b) => a + b);
      ours.push(shares.map((share) => share / sum));
    });

    await using directory = await folder();
    const path = join(directory.path, "model.gguf");
    await writeFile(path, writeGguf(converted(typeId), "Reference"));
    await using loaded = await llama.loadModel({ modelPath: path });
    await using context = await loaded.createContext({ contextSize: 128, threads: 1 });
    const options = {
      generateNext: { probabilities: true as const, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } },
    };
    const output = await context
      .getSequence()
      .controlledEvaluate(tokens.map((token) => [token as Token, options]));
    let sameFirst = 0;
    for (const [at, step] of output.entries()) {
      const theirs = step!.next.probabilities!;
      // Total variation: the largest difference in probability that any set of tokens has.
      const difference =
        [...theirs].reduce((sum, [token, p]) => sum + Math.abs(p - ours[at]![token]!), 0) / 2;
      expect(difference, `position ${at}`).toBeLessThan(tolerance);
      const [first] = theirs.keys();
      if (ours[at]!.indexOf(Math.max(...ours[at]!)) === first) sameFirst += 1;
    }
    expect(ours).toHaveLength(tokens.length);
    expect(sameFirst).toBeGreaterThanOrEqual(tokens.length - 2);
  });
});

/** The model with its matrices in another type. */
function converted(typeId: number): Gguf {
  const to = TENSOR_TYPES.get(typeId)!;
  const tensors = gguf.tensors.map((tensor) => {
    if (tensor.typeId !== 8) return tensor;
    const numbers = new Float32Array(tensor.count);
    TENSOR_TYPES.get(8)!.read(tensor.bytes, numbers);
    const stored = new Uint8Array(to.bytesOf(tensor.count));
    to.write(numbers, stored);
    return { ...tensor, typeId, bytes: stored };
  });
  return { ...gguf, tensors };
}

describe("weights files", () => {
  it("are written as they were read, but for the name", () => {
    const model = createModel(shapeOf(gguf), { maxTokens: 16, longest: 16, trainLayers: 5 });
    loadWeights(gguf, model);
    const written = readGguf(writeGguf(withWeights(gguf, model), "Tiny Ütwo"));
    expect(written.values.get("general.name")).toBe("Tiny Ütwo");
    const rest = (values: Map<string, unknown>) => [...values].filter(([key]) => key !== "general.name");
    expect(rest(written.values)).toEqual(rest(gguf.values));
    written.tensors.forEach((tensor, i) => {
      const original = gguf.tensors[i]!;
      expect({ ...tensor, bytes: null }).toEqual({ ...original, bytes: null });
      expect(Buffer.compare(tensor.bytes, original.bytes), tensor.name).toBe(0);
    });
    const same = writeGguf(gguf, String(gguf.values.get("general.name")));
    expect(Buffer.compare(same, bytes)).toBe(0);
  });

  it.each([
    ["F32", 0, 0],
    ["F16", 1, 5e-4],
    ["Q8_0", 8, 1 / 254],
  ])("hold %s numbers as exactly as they can", (name, id, tolerance) => {
    const type = TENSOR_TYPES.get(id)!;
    expect(type.name).toBe(name);
    const next = random(5);
    const numbers = Float32Array.from({ length: 128 }, (_, i) => (i < 32 ? 0 : (next() - 0.5) * 2));
    const stored = new Uint8Array(type.bytesOf(numbers.length));
    type.write(numbers, stored);
    const read = new Float32Array(numbers.length);
    type.read(stored, read);
    read.forEach((number, i) => {
      expect(Math.abs(number - numbers[i]!)).toBeLessThanOrEqual(tolerance * 1.1);
    });
    expect([...read.slice(0, 32)]).toEqual(new Array(32).fill(0));
  });

  it("are refused where they are cut off, whatever the place", () => {
    for (const length of [0, 3, 23, 24, 100, 5_000, 30_000, bytes.length - 40])
      expect(() => readGguf(bytes.subarray(0, length)), `${length} bytes`).toThrow(/cut off|not a GGUF/);
    const lying = Buffer.from(bytes);
    lying.writeBigUInt64LE(2n ** 62n, 8);
    expect(() => readGguf(lying)).toThrow(/cut off or damaged/);
  });

  it("in 16-bit floats are trained and stay so, and llama.cpp reads them", async () => {
    const half = readGguf(writeGguf(converted(1), "Half"));
    const model = createModel(shapeOf(half), { maxTokens: 16, longest: 16, trainLayers: 1 });
    loadWeights(half, model);
    await using directory = await folder();
    const path = join(directory.path, "half.gguf");
    await writeFile(path, writeGguf(withWeights(half, model), "Half"));
    await using loaded = await llama.loadModel({ modelPath: path });
    expect(loaded.fileInfo.metadata.general.name).toBe("Half");
    expect(loaded.tokenize("fox")).toEqual(tokenizer.encode("fox"));
  });
});

// Made from src/ by `npm run build:templates -w miner`; change it there.
// biome-ignore-all lint: made by esbuild
// biome-ignore-all format: made by esbuild
// biome-ignore-all assist: made by esbuild


// src/main.mjs
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

// src/errors.mjs
var InputError = class extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} [hint] what to do about it
   */
  constructor(message, hint) {
    super(hint ? `${message}
${hint}` : message);
    this.name = "InputError";
  }
};

// src/settings.mjs
var NUMBERS = {
  epochs: { env: "EPOCHS", otherwise: 12, min: 1, max: 1e3, step: 1 },
  steps: { env: "STEPS", otherwise: 0, min: 0, max: 1e6, step: 1 },
  learningRate: { env: "LEARNING_RATE", otherwise: 1e-3, min: 1e-7, max: 0.1, step: 0 },
  weightDecay: { env: "WEIGHT_DECAY", otherwise: 0.01, min: 0, max: 1, step: 0 },
  batchTokens: { env: "BATCH_TOKENS", otherwise: 512, min: 16, max: 65536, step: 1 },
  trainLayers: { env: "TRAIN_LAYERS", otherwise: 0, min: 0, max: 1e3, step: 1 },
  heldOutPercent: { env: "HELD_OUT_PERCENT", otherwise: 10, min: 0, max: 50, step: 0 },
  maxBadLines: { env: "MAX_BAD_LINES", otherwise: 10, min: 0, max: 1e6, step: 1 },
  maxSeconds: { env: "MAX_SECONDS", otherwise: 0, min: 0, max: 2592e3, step: 0 },
  seed: { env: "SEED", otherwise: 1, min: 0, max: 4294967295, step: 1 }
};
function readSettings(env) {
  const settings = Object.fromEntries(
    Object.entries(NUMBERS).map(([key, { env: variable, otherwise, min, max, step }]) => {
      const text = env[variable]?.trim() ?? "";
      const value = text === "" ? otherwise : Number(text);
      if (!(value >= min && value <= max) || step === 1 && !Number.isInteger(value))
        throw new InputError(
          `${variable} is “${text}”; it must be a ${step === 1 ? "whole " : ""}number from ${min} to ${max}.`
        );
      return [key, value];
    })
  );
  const modelName = env.MODEL_NAME?.trim() ?? "";
  if (modelName.length > 100) throw new InputError("MODEL_NAME is longer than 100 characters.");
  return (
    /** @type {Settings} */
    { ...settings, modelName }
  );
}

// src/random.mjs
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = state + 1831565813 >>> 0;
    let t = state;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}
function shuffled(items, next) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

// src/batches.mjs
function sequenceOf({ tokens, learn }) {
  const targets = [];
  for (let i = 1; i < tokens.length; i++) if (learn[i]) targets.push({ at: i - 1, token: tokens[i] });
  return { tokens: tokens.slice(0, -1), targets };
}
function grouped(items, maxTokens, sizeOf) {
  const groups = [];
  let room = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (groups.length === 0 || size > room) {
      groups.push([]);
      room = maxTokens;
    }
    groups.at(-1)?.push(item);
    room -= size;
  }
  return groups;
}
var packed = (examples, maxTokens) => grouped(examples, maxTokens, ({ tokens }) => tokens.length - 1);
function split(examples, { percent, next }) {
  const count = Math.min(examples.length - 1, Math.round(examples.length * percent / 100));
  const heldOut = new Set(shuffled(examples, next).slice(0, count));
  return {
    train: examples.filter((example) => !heldOut.has(example)),
    heldOut: examples.filter((example) => heldOut.has(example))
  };
}

// src/dataset.mjs
var ROLES = ["system", "user", "assistant"];
var isText = (value) => typeof value === "string" && value.trim() !== "";
function shapeOf(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("is not a JSON object");
  const { messages, prompt, answer: answer2, text } = (
    /** @type {Record<string, unknown>} */
    value
  );
  if (messages !== void 0) {
    if (!Array.isArray(messages) || messages.length === 0) throw new Error("“messages” is not a list");
    for (const message of messages) {
      if (!ROLES.includes(message?.role)) throw new Error(`a role is not one of ${ROLES.join(", ")}`);
      if (!isText(message.content)) throw new Error("a message has no text in “content”");
    }
    if (!messages.some(({ role }) => role === "assistant"))
      throw new Error("no message is the assistant's, so there is nothing to learn");
    return messages;
  }
  if (prompt !== void 0 || answer2 !== void 0) {
    if (!isText(prompt)) throw new Error("“prompt” is not text");
    if (!isText(answer2)) throw new Error("“answer” is not text");
    return [
      { role: "user", content: String(prompt) },
      { role: "assistant", content: String(answer2) }
    ];
  }
  if (text === void 0) throw new Error("has none of “messages”, “prompt” with “answer”, “text”");
  if (!isText(text)) throw new Error("“text” is not text");
  return String(text);
}
function chatExample(messages, tokenizer) {
  const start = tokenizer.control("<|im_start|>");
  const stop = tokenizer.control("<|im_end|>");
  if (start === null || stop === null)
    throw new InputError(
      "The model's vocabulary has no ChatML (<|im_start|>, <|im_end|>), so it cannot learn chats.",
      'Use lines of the form {"text": …}.'
    );
  const tokens = tokenizer.bos === null ? [] : [tokenizer.bos];
  const learn = tokens.map(() => false);
  let answerAt = -1;
  let prompt = null;
  const add = (more, learned) => {
    for (const token of more) {
      tokens.push(token);
      learn.push(learned);
    }
  };
  for (const { role, content } of messages) {
    const learned = role === "assistant";
    add([start, ...tokenizer.encode(`${role}
`)], false);
    if (learned && answerAt === -1) answerAt = tokens.length;
    if (role === "user" && answerAt === -1) prompt = content;
    add([...tokenizer.encode(content), stop], learned);
    add(tokenizer.encode("\n"), false);
  }
  if (messages.at(-1)?.role === "assistant") {
    tokens.pop();
    learn.pop();
  }
  return { tokens, learn, prompt, answerAt };
}
function readDataset(bytes, { tokenizer, contextLength, maxBadLines }) {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const examples = [];
  const bad = [];
  let line = 0;
  let lines = 0;
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf(10, start);
    if (end === -1) end = bytes.length;
    line += 1;
    const piece = bytes.subarray(start, end);
    start = end + 1;
    try {
      const text = decode(utf8, piece);
      if (text.trim() === "") continue;
      lines += 1;
      const shape = shapeOf(parse(text));
      if (typeof shape === "string")
        examples.push(...textExamples(shape, { tokenizer, contextLength }).map((e) => ({ line, ...e })));
      else {
        const example = chatExample(shape, tokenizer);
        if (example.tokens.length > contextLength)
          throw new Error(`has ${example.tokens.length} tokens; the model's context holds ${contextLength}`);
        examples.push({ line, ...example });
      }
    } catch (error) {
      if (error instanceof InputError) throw error;
      bad.push({ line, message: (
        /** @type {Error} */
        error.message
      ) });
    }
  }
  const listed = bad.slice(0, 20).map((each) => `  line ${each.line}: ${each.message}`);
  if (bad.length > 20) listed.push(`  and ${bad.length - 20} more`);
  if (bad.length > maxBadLines)
    throw new InputError(
      `${bad.length} of ${lines} lines of the data set are no good; at most ${maxBadLines} may be:
${listed.join("\n")}`
    );
  if (examples.length === 0) throw new InputError("The data set is empty.");
  return { examples, lines, bad };
}
function decode(utf8, piece) {
  try {
    return utf8.decode(piece);
  } catch {
    throw new Error("is not UTF-8");
  }
}
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("is not JSON");
  }
}
function textExamples(text, { tokenizer, contextLength }) {
  const body = tokenizer.encode(text);
  if (tokenizer.end !== null) body.push(tokenizer.end);
  const head = tokenizer.bos === null ? [] : [tokenizer.bos];
  const room = contextLength - head.length;
  const windows = [];
  for (let at = 0; at < body.length; at += room) {
    const tokens = [...head, ...body.slice(at, at + room)];
    windows.push({ tokens, learn: tokens.map((_, i) => i > 0), prompt: null, answerAt: -1 });
  }
  return windows.filter(({ tokens }) => tokens.length > 1);
}

// src/evaluation.mjs
function score(model, examples) {
  const total = { loss: 0, tokens: 0, tokensRight: 0, answers: 0, answersRight: 0 };
  for (const batch of packed(examples, model.maxTokens)) {
    const sequences = batch.map(sequenceOf);
    const { loss, predicted } = model.evaluate(sequences);
    total.loss += loss;
    let at = 0;
    for (const { targets } of sequences) {
      const right = targets.filter(({ token }) => predicted[at++] === token).length;
      total.tokens += targets.length;
      total.tokensRight += right;
      total.answers += 1;
      total.answersRight += right === targets.length ? 1 : 0;
    }
  }
  return total.tokens === 0 ? null : { ...total, loss: total.loss / total.tokens };
}
function answer(model, examples, { tokenizer, maxTokens }) {
  const stop = tokenizer.control("<|im_end|>");
  const texts = examples.map(({ tokens, answerAt }) => ({ tokens: tokens.slice(0, answerAt), answerAt }));
  let open = texts;
  for (let round2 = 0; round2 < maxTokens && open.length > 0; round2++) {
    const next = grouped(open, model.maxTokens, ({ tokens }) => tokens.length).flatMap(
      (group) => model.evaluate(
        group.map(({ tokens }) => ({ tokens, targets: [{ at: tokens.length - 1, token: 0 }] }))
      ).predicted
    );
    open.forEach(({ tokens }, i) => {
      tokens.push(next[i]);
    });
    open = open.filter(({ tokens }) => tokens.at(-1) !== stop);
  }
  return texts.map(
    ({ tokens, answerAt }) => tokenizer.decode(tokens.slice(answerAt).filter((token) => token !== stop))
  );
}

// src/quantization.mjs
var BLOCK = 32;
var BLOCK_BYTES = 34;
var view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
var F32 = {
  name: "F32",
  bytesOf: (count) => count * 4,
  read(bytes, into) {
    const data = view(bytes);
    for (let i = 0; i < into.length; i++) into[i] = data.getFloat32(i * 4, true);
  },
  write(from, bytes) {
    const data = view(bytes);
    for (let i = 0; i < from.length; i++) data.setFloat32(i * 4, from[i], true);
  }
};
var F16 = {
  name: "F16",
  bytesOf: (count) => count * 2,
  read(bytes, into) {
    const data = view(bytes);
    for (let i = 0; i < into.length; i++) into[i] = data.getFloat16(i * 2, true);
  },
  write(from, bytes) {
    const data = view(bytes);
    for (let i = 0; i < from.length; i++) data.setFloat16(i * 2, from[i], true);
  }
};
var Q8_0 = {
  name: "Q8_0",
  bytesOf: (count) => count / BLOCK * BLOCK_BYTES,
  read(bytes, into) {
    const data = view(bytes);
    for (let block = 0, at = 0; block * BLOCK < into.length; block++, at += BLOCK_BYTES) {
      const scale = data.getFloat16(at, true);
      for (let i = 0; i < BLOCK; i++) into[block * BLOCK + i] = scale * data.getInt8(at + 2 + i);
    }
  },
  // As llama.cpp does it: the largest number of a block becomes ±127.
  write(from, bytes) {
    const data = view(bytes);
    for (let block = 0, at = 0; block * BLOCK < from.length; block++, at += BLOCK_BYTES) {
      let largest = 0;
      for (let i = 0; i < BLOCK; i++) largest = Math.max(largest, Math.abs(from[block * BLOCK + i]));
      const scale = largest / 127;
      data.setFloat16(at, scale, true);
      for (let i = 0; i < BLOCK; i++) {
        const value = scale === 0 ? 0 : from[block * BLOCK + i] / scale;
        data.setInt8(at + 2 + i, Math.sign(value) * Math.round(Math.abs(value)));
      }
    }
  }
};
var TENSOR_TYPES = /* @__PURE__ */ new Map([
  [0, F32],
  [1, F16],
  [8, Q8_0]
]);

// src/gguf.mjs
var MAGIC = 1179993927;
var STRING = 8;
var ARRAY = 9;
var SCALARS = {
  0: [1, (data, at) => data.getUint8(at)],
  1: [1, (data, at) => data.getInt8(at)],
  2: [2, (data, at) => data.getUint16(at, true)],
  3: [2, (data, at) => data.getInt16(at, true)],
  4: [4, (data, at) => data.getUint32(at, true)],
  5: [4, (data, at) => data.getInt32(at, true)],
  6: [4, (data, at) => data.getFloat32(at, true)],
  7: [1, (data, at) => data.getUint8(at) !== 0],
  10: [8, (data, at) => data.getBigUint64(at, true)],
  11: [8, (data, at) => data.getBigInt64(at, true)],
  12: [8, (data, at) => data.getFloat64(at, true)]
};
var Reader = class {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }
  /** @param {number} length */
  take(length) {
    const start = this.at;
    if (!(length >= 0 && start + length <= this.bytes.length))
      throw new InputError("The weights file is cut off or damaged.", "Upload it again.");
    this.at += length;
    return start;
  }
  u32() {
    return this.data.getUint32(this.take(4), true);
  }
  size() {
    const value = this.data.getBigUint64(this.take(8), true);
    if (value > BigInt(this.bytes.length)) this.take(Number.POSITIVE_INFINITY);
    return Number(value);
  }
  string() {
    const length = this.size();
    const start = this.take(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString("utf8");
  }
  /** @param {number} type @returns {unknown} */
  value(type) {
    if (type === STRING) return this.string();
    if (type === ARRAY) {
      const of = this.u32();
      return Array.from({ length: this.size() }, () => this.value(of));
    }
    const scalar = SCALARS[type];
    if (!scalar) throw new InputError(`The weights file has a value of the unknown type ${type}.`);
    return scalar[1](this.data, this.take(scalar[0]));
  }
};
function readGguf(bytes) {
  const reader = new Reader(bytes);
  if (bytes.length < 24 || reader.u32() !== MAGIC) throw new InputError("The weights are not a GGUF file.");
  const version = reader.u32();
  if (version !== 2 && version !== 3)
    throw new InputError(`GGUF version ${version} is not supported; 2 and 3 are.`);
  const tensorCount = reader.size();
  const valueCount = reader.size();
  const values = /* @__PURE__ */ new Map();
  const raw = /* @__PURE__ */ new Map();
  for (let i = 0; i < valueCount; i++) {
    const start2 = reader.at;
    const key = reader.string();
    values.set(key, reader.value(reader.u32()));
    raw.set(key, bytes.subarray(start2, reader.at));
  }
  const alignment = Number(values.get("general.alignment") ?? 32);
  if (!(alignment > 0 && alignment % 8 === 0))
    throw new InputError(`The weights file has the alignment ${alignment}.`);
  const table = Array.from({ length: tensorCount }, () => {
    const name2 = reader.string();
    const dimensions = reader.u32();
    if (dimensions > 4) throw new InputError(`The tensor ${name2} has ${dimensions} dimensions.`);
    const shape = Array.from({ length: dimensions }, () => reader.size());
    return { name: name2, shape, typeId: reader.u32(), offset: reader.size() };
  });
  const start = Math.ceil(reader.at / alignment) * alignment;
  const tensors = table.map(({ name: name2, shape, typeId, offset }) => {
    const type = TENSOR_TYPES.get(typeId);
    if (!type)
      throw new InputError(
        `The tensor ${name2} has the GGUF type ${typeId}; F32, F16 and Q8_0 can be trained.`,
        "Convert the model to Q8_0 or F16 first."
      );
    const count = shape.reduce((product, side) => product * side, 1);
    reader.at = start + offset;
    const at = reader.take(type.bytesOf(count));
    return { name: name2, shape, count, typeId, bytes: bytes.subarray(at, reader.at) };
  });
  return { values, raw, tensors, alignment };
}
function encodeString(text) {
  const bytes = Buffer.from(text, "utf8");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}
function encodeU32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function encodeU64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
function writeGguf({ raw, tensors, alignment }, name2) {
  const key = "general.name";
  const named = new Map(raw).set(
    key,
    Buffer.concat([encodeString(key), encodeU32(STRING), encodeString(name2)])
  );
  let offset = 0;
  const table = [];
  const data = [];
  for (const tensor of tensors) {
    table.push(encodeString(tensor.name), encodeU32(tensor.shape.length), ...tensor.shape.map(encodeU64));
    table.push(encodeU32(tensor.typeId), encodeU64(offset));
    const padding2 = (alignment - tensor.bytes.length % alignment) % alignment;
    data.push(tensor.bytes, Buffer.alloc(padding2));
    offset += tensor.bytes.length + padding2;
  }
  const counts = [encodeU64(tensors.length), encodeU64(named.size)];
  const head = Buffer.concat([encodeU32(MAGIC), encodeU32(3), ...counts, ...named.values(), ...table]);
  const padding = (alignment - head.length % alignment) % alignment;
  return Buffer.concat([head, Buffer.alloc(padding), ...data]);
}

// src/optimizer.mjs
var BETA1 = 0.9;
var BETA2 = 0.95;
var EPSILON = 1e-8;
var CLIP = 1;
function createOptimizer(model, { weightDecay }) {
  const learning = model.parameters.flatMap(
    ({ weights, rows, columns, learned }) => learned ? [{ weights, ...learned, count: rows * columns, decay: rows === 1 ? 0 : weightDecay }] : []
  );
  let steps = 0;
  return {
    /** How many numbers learn. */
    count: learning.reduce((sum, { count }) => sum + count, 0),
    /** Moves the weights against the gradient, and clears it. @param {number} rate the learning rate */
    step(rate) {
      steps += 1;
      let squares = 0;
      for (const { gradient, count } of learning)
        for (let i = 0; i < count; i++) squares += gradient[i] * gradient[i];
      const norm = Math.sqrt(squares);
      if (!Number.isFinite(norm)) return { norm };
      const clip = norm > CLIP ? CLIP / norm : 1;
      const correction1 = 1 - BETA1 ** steps;
      const correction2 = Math.sqrt(1 - BETA2 ** steps);
      for (const { weights, gradient, mean, square, count, decay } of learning) {
        const keep = 1 - rate * decay;
        const size = rate / correction1 * correction2;
        const epsilon = EPSILON * correction2;
        for (let i = 0; i < count; i++) {
          const g = gradient[i] * clip;
          const m = BETA1 * mean[i] + (1 - BETA1) * g;
          const v = BETA2 * square[i] + (1 - BETA2) * g * g;
          mean[i] = m;
          square[i] = v;
          weights[i] = weights[i] * keep - size * m / (Math.sqrt(v) + epsilon);
        }
        gradient.fill(0);
      }
      return { norm };
    }
  };
}
function rateAt({ step, steps, top }) {
  const warmup = Math.max(1, Math.min(100, Math.round(steps / 10)));
  if (step < warmup) return top * (step + 1) / warmup;
  const done = (step - warmup) / Math.max(1, steps - warmup);
  return top * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)));
}

// src/report.mjs
var round = (value, digits = 4) => Number(value.toFixed(digits));
var remaining = (seconds) => seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
function sentence({ train, heldOut }) {
  const part = (name2, score2) => {
    if (!score2) return [];
    const share = Math.round(100 * score2.tokensRight / score2.tokens);
    const right = `${share} % of tokens and ${score2.answersRight} of ${score2.answers} answers right`;
    return [`${name2}: loss ${score2.loss.toFixed(3)}, ${right}`];
  };
  return [...part("learned part", train), ...part("held-out part", heldOut)].join("; ");
}
function rounded({ train, heldOut }) {
  const one = (score2) => score2 && { ...score2, loss: round(score2.loss) };
  return { train: one(train), heldOut: one(heldOut) };
}

// src/loop.mjs
var LINES = 40;
var breathe = () => new Promise((resolve) => setImmediate(resolve));
async function runSteps(parameters) {
  const { model, optimizer, train, next, planned, batchTokens, stop, check, log: log2, progress } = parameters;
  const steps = [];
  let [stopped, tokens, seconds] = [
    /** @type {string | null} */
    null,
    0,
    0
  ];
  function step(batch, epoch) {
    const began = performance.now();
    const sequences = batch.map(sequenceOf);
    const targets = sequences.reduce((sum, each) => sum + each.targets.length, 0);
    const size = sequences.reduce((sum, each) => sum + each.tokens.length, 0);
    const rate = rateAt({ step: steps.length, steps: planned, top: parameters.learningRate });
    const loss = model.learn(sequences).loss / targets;
    const { norm } = optimizer.step(rate);
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      throw new InputError(
        "The training went astray: the loss is no number any more.",
        "Try a lower LEARNING_RATE."
      );
    const took = (performance.now() - began) / 1e3;
    tokens += size;
    seconds += took;
    const done = steps.push({
      step: steps.length + 1,
      epoch,
      loss: round(loss),
      learningRate: round(rate, 8),
      tokens: size,
      seconds: round(took, 3)
    });
    progress(done / planned);
    if (done % Math.max(1, Math.round(planned / LINES)) !== 0 && done > 1) return;
    const left = remaining(seconds / done * (planned - done));
    const speed = Math.round(tokens / seconds);
    log2(
      `Step ${done} of ${planned} · epoch ${epoch} · loss ${loss.toFixed(3)} · ${speed} tokens/s · ${left}`
    );
  }
  for (let epoch = 1; steps.length < planned && !stopped; epoch++) {
    for (const batch of packed(shuffled(train, next), batchTokens)) {
      await breathe();
      stopped = stop();
      if (stopped || steps.length >= planned) break;
      step(batch, epoch);
    }
    if (!stopped) check(steps.length);
  }
  if (stopped) log2(`Stopped after ${steps.length} of ${planned} steps (${stopped}).`);
  return { steps, stopped, tokens, seconds };
}

// src/kernel.mjs
var I32 = 127;
var V128 = 123;
var ROWS = 4;
var COLUMNS = 8;
function leb(value) {
  const bytes = [];
  do {
    const rest = value >>> 7;
    bytes.push(value & 127 | (rest ? 128 : 0));
    value = rest;
  } while (value);
  return bytes;
}
var section = (id, body) => [id, ...leb(body.length), ...body];
var name = (text) => [...leb(text.length), ...Buffer.from(text)];
var get = (index) => [32, ...leb(index)];
var set = (index) => [33, ...leb(index)];
var constant = (value) => [65, value];
var ADD = 106;
var load = (offset) => [253, 0, 2, ...leb(offset)];
var loadSplat = (offset) => [253, 9, 2, ...leb(offset)];
var store = (offset) => [253, 11, 2, ...leb(offset)];
var ZERO = [253, 12, ...new Array(16).fill(0)];
var F32X4_ADD = [253, 228, 1];
var F32X4_MUL = [253, 230, 1];
function program() {
  const [A, B, C, C_ROW, INNER, PANELS, ADD_TO] = [0, 1, 2, 3, 4, 5, 6];
  const [AT, END] = [7, 8];
  const rowOf = (row) => row === 0 ? C : 8 + row;
  const sum = (row, half) => 12 + row * 2 + half;
  const B_LOW = 20;
  const B_HIGH = 21;
  const tiles = Array.from({ length: ROWS * 2 }, (_, i) => ({ row: i >> 1, half: i & 1 }));
  const body = [
    ...[1, 2, 3].flatMap((row) => [...get(rowOf(row - 1)), ...get(C_ROW), ADD, ...set(rowOf(row))]),
    ...[3, 64],
    // for each panel of 8 columns
    ...[...get(ADD_TO), 4, 64],
    ...tiles.flatMap(({ row, half }) => [...get(rowOf(row)), ...load(half * 16), ...set(sum(row, half))]),
    5,
    ...tiles.flatMap(({ row, half }) => [...ZERO, ...set(sum(row, half))]),
    11,
    ...[...get(A), ...set(AT), ...get(B), ...get(INNER), ADD, ...set(END)],
    ...[3, 64],
    // for each element of the inner dimension
    ...[...get(B), ...load(0), ...set(B_LOW), ...get(B), ...load(16), ...set(B_HIGH)],
    ...tiles.flatMap(({ row, half }) => [
      ...[...get(AT), ...loadSplat(row * 4), ...get(half ? B_HIGH : B_LOW), ...F32X4_MUL],
      ...[...get(sum(row, half)), ...F32X4_ADD, ...set(sum(row, half))]
    ]),
    ...[...get(AT), ...constant(16), ADD, ...set(AT)],
    ...[...get(B), ...constant(32), ADD, 34, B, ...get(END), 73, 13, 0, 11],
    ...tiles.flatMap(({ row, half }) => [...get(rowOf(row)), ...get(sum(row, half)), ...store(half * 16)]),
    ...[0, 1, 2, 3].flatMap((row) => [...get(rowOf(row)), ...constant(32), ADD, ...set(rowOf(row))]),
    ...[...get(PANELS), ...constant(1), 107, 34, PANELS, 13, 0, 11],
    11
  ];
  const locals = [2, ...leb(5), I32, ...leb(10), V128];
  const code = [...locals, ...body];
  return new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, [1, 96, 7, ...new Array(7).fill(I32), 0]),
    ...section(2, [1, ...name("js"), ...name("memory"), 2, 0, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name("tile"), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code])
  ]);
}
var ADDRESSABLE = 2 ** 32;
var OVERHEAD = 100 * 2 ** 20;
function createKernel(floats) {
  const pages = Math.ceil(floats * 4 / 65536) + 1;
  const wanted = pages * 65536;
  const limit = Math.min(ADDRESSABLE, (process.constrainedMemory() || Number.POSITIVE_INFINITY) - OVERHEAD);
  if (wanted > limit) {
    const mega = (bytes) => Math.round(bytes / 2 ** 20);
    throw new InputError(
      `The training needs ${mega(wanted)} MB for its numbers and has ${mega(limit)} MB.`,
      "Give the job more memory (4 GB are the most it can use), or a lower BATCH_TOKENS, TRAIN_LAYERS or shorter lines."
    );
  }
  const memory = new WebAssembly.Memory({ initial: pages });
  const { tile } = (
    /** @type {{ tile: (...values: number[]) => void }} */
    new WebAssembly.Instance(new WebAssembly.Module(program()), { js: { memory } }).exports
  );
  let used = 16;
  function allocate(length) {
    const view2 = new Float32Array(memory.buffer, used, length);
    used += Math.ceil(length / 4) * 16;
    return view2;
  }
  let packedA = allocate(0);
  let packedB = allocate(0);
  let edge = allocate(0);
  function reserve({ inner, b, columns }) {
    packedA = allocate(inner * ROWS);
    packedB = allocate(b);
    edge = allocate(columns * ROWS);
  }
  function multiply({ rows, columns, inner, a, b, c, cRow, add = false }) {
    const panels = columns / COLUMNS;
    for (let panel = 0, at = 0; panel < panels; panel++)
      for (let k = 0; k < inner; k++) {
        let from = k * b.row + panel * COLUMNS * b.column;
        for (let j = 0; j < COLUMNS; j++, from += b.column) packedB[at++] = b.data[from];
      }
    for (let row = 0; row < rows; row += ROWS) {
      const count = Math.min(ROWS, rows - row);
      for (let i = 0; i < ROWS; i++) {
        let from = (row + i) * a.row;
        if (i < count)
          for (let k = 0, at = i; k < inner; k++, at += ROWS, from += a.column) packedA[at] = a.data[from];
        else for (let k = 0, at = i; k < inner; k++, at += ROWS) packedA[at] = 0;
      }
      const target = c.byteOffset + row * cRow * 4;
      const [pa, pb, depth] = [packedA.byteOffset, packedB.byteOffset, inner * 32];
      if (count === ROWS) {
        tile(pa, pb, target, cRow * 4, depth, panels, add ? 1 : 0);
        continue;
      }
      tile(pa, pb, edge.byteOffset, columns * 4, depth, panels, 0);
      for (let i = 0; i < count; i++)
        for (let j = 0; j < columns; j++) {
          const at = (row + i) * cRow + j;
          c[at] = (add ? c[at] : 0) + edge[i * columns + j];
        }
    }
  }
  return { allocate, reserve, multiply };
}

// src/layers.mjs
function normalize({ x, y, inverse, gain, rows, epsilon }) {
  const width = gain.length;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[at + i] * x[at + i];
    const scale = 1 / Math.sqrt(sum / width + epsilon);
    inverse[row] = scale;
    for (let i = 0; i < width; i++) y[at + i] = x[at + i] * scale * gain[i];
  }
}
function normalizeBackward({ x, inverse, gain, dy, dx, dGain, rows }) {
  const width = gain.length;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    const scale = inverse[row];
    let sum = 0;
    for (let i = 0; i < width; i++) sum += dy[at + i] * gain[i] * x[at + i];
    const pull = sum * scale * scale * scale / width;
    for (let i = 0; i < width; i++) dx[at + i] += dy[at + i] * gain[i] * scale - x[at + i] * pull;
    if (dGain) for (let i = 0; i < width; i++) dGain[i] += dy[at + i] * x[at + i] * scale;
  }
}
function createRotation({ headSize, dimensions, base, positions }) {
  const half = dimensions / 2;
  const cosine = new Float32Array(positions * half);
  const sine = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++)
    for (let i = 0; i < half; i++) {
      const angle = position * base ** (-2 * i / dimensions);
      cosine[position * half + i] = Math.cos(angle);
      sine[position * half + i] = Math.sin(angle);
    }
  return function rotate({ x, width, positions: positions2, rows, direction }) {
    for (let row = 0; row < rows; row++) {
      const angle = positions2[row] * half;
      for (let head = row * width; head < (row + 1) * width; head += headSize)
        for (let i = 0; i < half; i++) {
          const [c, s] = [cosine[angle + i], direction * sine[angle + i]];
          const at = head + 2 * i;
          const [first, second] = [x[at], x[at + 1]];
          x[at] = first * c - second * s;
          x[at + 1] = first * s + second * c;
        }
    }
  };
}
function swiglu({ gate, up, act, count }) {
  for (let i = 0; i < count; i++) act[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
}
function swigluBackward({ gate, up, dAct, count }) {
  for (let i = 0; i < count; i++) {
    const g = gate[i];
    const sigmoid = 1 / (1 + Math.exp(-g));
    gate[i] = dAct[i] * up[i] * sigmoid * (1 + g * (1 - sigmoid));
    up[i] = dAct[i] * g * sigmoid;
  }
}
function createAttention({ kernel, heads, kvHeads, headSize, longest }) {
  const width = heads * headSize;
  const kvWidth = kvHeads * headSize;
  const scale = 1 / Math.sqrt(headSize);
  const padded = (length) => Math.ceil(length / 8) * 8;
  const scores = kernel.allocate(longest * padded(longest));
  const dScores = kernel.allocate(longest * padded(longest));
  const operand = (data, row, column) => ({ data, row, column });
  const places = ({ start }, head) => ({
    query: start * width + head * headSize,
    key: start * kvWidth + Math.floor(head * kvHeads / heads) * headSize
  });
  function weigh({ q, k }, span, head) {
    const { query, key } = places(span, head);
    const row = padded(span.length);
    kernel.multiply({
      rows: span.length,
      columns: row,
      inner: headSize,
      a: operand(q.subarray(query), width, 1),
      b: operand(k.subarray(key), 1, kvWidth),
      c: scores,
      cRow: row
    });
    for (let i = 0; i < span.length; i++) {
      const line = scores.subarray(i * row, (i + 1) * row);
      let largest = Number.NEGATIVE_INFINITY;
      for (let j = 0; j <= i; j++) if (line[j] > largest) largest = line[j];
      let sum = 0;
      for (let j = 0; j <= i; j++) {
        line[j] = Math.exp((line[j] - largest) * scale);
        sum += line[j];
      }
      for (let j = 0; j <= i; j++) line[j] /= sum;
      line.fill(0, i + 1);
    }
    return { query, key, row };
  }
  function forward({ out, spans, ...x }) {
    for (const span of spans)
      for (let head = 0; head < heads; head++) {
        const { query, key, row } = weigh(x, span, head);
        kernel.multiply({
          rows: span.length,
          columns: headSize,
          inner: span.length,
          a: operand(scores, row, 1),
          b: operand(x.v.subarray(key), kvWidth, 1),
          c: out.subarray(query),
          cRow: width
        });
      }
  }
  function backward({ dOut, dq, dk, dv, spans, ...x }) {
    for (const span of spans)
      for (let head = 0; head < heads; head++) {
        const { query, key, row } = weigh(x, span, head);
        const length = span.length;
        const dHead = dOut.subarray(query);
        kernel.multiply({
          rows: length,
          columns: headSize,
          inner: length,
          a: operand(scores, 1, row),
          b: operand(dHead, width, 1),
          c: dv.subarray(key),
          cRow: kvWidth,
          add: true
        });
        kernel.multiply({
          rows: length,
          columns: row,
          inner: headSize,
          a: operand(dHead, width, 1),
          b: operand(x.v.subarray(key), 1, kvWidth),
          c: dScores,
          cRow: row
        });
        for (let i = 0; i < length; i++) {
          const line = dScores.subarray(i * row, (i + 1) * row);
          const weights = scores.subarray(i * row, (i + 1) * row);
          let mean = 0;
          for (let j = 0; j <= i; j++) mean += weights[j] * line[j];
          for (let j = 0; j <= i; j++) line[j] = weights[j] * (line[j] - mean) * scale;
          line.fill(0, i + 1);
        }
        kernel.multiply({
          rows: length,
          columns: headSize,
          inner: length,
          a: operand(dScores, row, 1),
          b: operand(x.k.subarray(key), kvWidth, 1),
          c: dq.subarray(query),
          cRow: width
        });
        kernel.multiply({
          rows: length,
          columns: headSize,
          inner: length,
          a: operand(dScores, 1, row),
          b: operand(x.q.subarray(query), width, 1),
          c: dk.subarray(key),
          cRow: kvWidth,
          add: true
        });
      }
  }
  return { forward, backward };
}

// src/parameters.mjs
function slotsOf({ layers, width, heads, kvHeads, headSize, hidden, vocabulary, tied }) {
  const [query, key] = [heads * headSize, kvHeads * headSize];
  const slots = [{ name: "token_embd.weight", layer: -1, rows: vocabulary, columns: width }];
  for (let layer = 0; layer < layers; layer++)
    for (
      const [name2, rows, columns] of
      /** @type {[string, number, number][]} */
      [
        ["attn_norm", 1, width],
        ["attn_q", query, width],
        ["attn_k", key, width],
        ["attn_v", key, width],
        ["attn_output", width, query],
        ["ffn_norm", 1, width],
        ["ffn_gate", hidden, width],
        ["ffn_up", hidden, width],
        ["ffn_down", width, hidden]
      ]
    )
      slots.push({ name: `blk.${layer}.${name2}.weight`, layer, rows, columns });
  slots.push({ name: "output_norm.weight", layer: layers, rows: 1, columns: width });
  if (!tied) slots.push({ name: "output.weight", layer: layers, rows: vocabulary, columns: width });
  return slots;
}
function shapeOf2({ values, tensors }) {
  const architecture = values.get("general.architecture");
  if (architecture !== "llama")
    throw new InputError(`The model's architecture is “${architecture}”; this template trains “llama”.`);
  const number = (key, otherwise) => {
    const value = Number(values.get(`llama.${key}`) ?? otherwise);
    if (!(value > 0)) throw new InputError(`The weights file does not say “llama.${key}”.`);
    return value;
  };
  const width = number("embedding_length");
  const heads = number("attention.head_count");
  const headSize = number("attention.key_length", width / heads);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const shape = {
    layers: number("block_count"),
    width,
    heads,
    kvHeads: number("attention.head_count_kv", heads),
    headSize,
    hidden: number("feed_forward_length"),
    vocabulary: byName.get("token_embd.weight")?.shape[1] ?? 0,
    epsilon: number("attention.layer_norm_rms_epsilon"),
    ropeBase: number("rope.freq_base", 1e4),
    ropeDimensions: number("rope.dimension_count", headSize),
    contextLength: number("context_length"),
    tied: !byName.has("output.weight")
  };
  if (values.has("llama.expert_count") || values.has("llama.rope.scaling.type"))
    throw new InputError("Models with experts or stretched positions cannot be trained here.");
  if (width % 8 || headSize % 8 || shape.hidden % 8 || heads % shape.kvHeads)
    throw new InputError("The sides of the model's matrices are not multiples of 8.");
  const slots = slotsOf(shape);
  const names = new Set(slots.map(({ name: name2 }) => name2));
  const unknown = tensors.filter(({ name: name2 }) => !names.has(name2)).map(({ name: name2 }) => name2);
  if (unknown.length > 0)
    throw new InputError(`The model has tensors that are not known here: ${unknown.slice(0, 5).join(", ")}.`);
  for (const { name: name2, rows, columns } of slots) {
    const sides = byName.get(name2)?.shape.join("×");
    if (sides === void 0) throw new InputError(`The weights file lacks the tensor ${name2}.`);
    const wanted = rows === 1 ? `${columns}` : `${columns}×${rows}`;
    if (sides !== wanted) throw new InputError(`The tensor ${name2} is ${sides}; ${wanted} was expected.`);
  }
  return shape;
}
function loadWeights({ tensors }, model) {
  for (const tensor of tensors)
    TENSOR_TYPES.get(tensor.typeId)?.read(tensor.bytes, model.weights(tensor.name).subarray(0, tensor.count));
}
function withWeights(gguf, model) {
  const tensors = gguf.tensors.map((tensor) => {
    if (!model.learns(tensor.name)) return tensor;
    const bytes = new Uint8Array(tensor.bytes.length);
    TENSOR_TYPES.get(tensor.typeId)?.write(model.weights(tensor.name).subarray(0, tensor.count), bytes);
    return { ...tensor, bytes };
  });
  return { ...gguf, tensors };
}

// src/model.mjs
var HEAD_ROWS = 128;
function createModel(shape, { maxTokens, longest, trainLayers }) {
  const { layers, width, heads, kvHeads, headSize, hidden, vocabulary, epsilon } = shape;
  const [queryWidth, keyWidth] = [heads * headSize, kvHeads * headSize];
  const columns = Math.ceil(vocabulary / 8) * 8;
  const firstLearned = Math.max(0, layers - trainLayers);
  const rows = maxTokens + 8;
  const sizeOf = (slot) => (slot.rows === 1 ? 1 : Math.ceil(slot.rows / 8) * 8) * slot.columns;
  const learns = (slot) => slot.layer >= firstLearned || trainLayers >= layers;
  const slots = slotsOf(shape);
  const weightFloats = slots.reduce((sum, slot) => sum + sizeOf(slot) * (learns(slot) ? 4 : 1), 0);
  const rowFloats = width * 5 + queryWidth * 2 + keyWidth * 2 + hidden * 3 + 2;
  const panel = Math.max(columns, hidden, queryWidth, longest + 8, rows);
  const packed2 = Math.max(columns, rows, hidden, panel) * Math.max(width, hidden, queryWidth);
  const kernel = createKernel(
    weightFloats + rowFloats * rows * (layers - firstLearned + 3) + HEAD_ROWS * (columns + 2 * width) + 2 * longest * (longest + 8) + packed2 + panel * 16 + 4096
  );
  const { allocate, multiply } = kernel;
  kernel.reserve({ inner: panel, b: packed2, columns: panel });
  const parameters = /* @__PURE__ */ new Map();
  for (const slot of slots) {
    const fresh = () => allocate(sizeOf(slot));
    const weights = fresh();
    const learned = learns(slot) ? { gradient: fresh(), mean: fresh(), square: fresh() } : null;
    parameters.set(slot.name, { ...slot, weights, learned });
  }
  const at = (name2) => (
    /** @type {Parameter} */
    parameters.get(name2)
  );
  const embedding = at("token_embd.weight");
  const head = shape.tied ? embedding : at("output.weight");
  const lastNorm = at("output_norm.weight");
  const tall = (side) => allocate(rows * side);
  const newTrace = () => ({
    x: tall(width),
    inverse1: tall(1),
    h1: tall(width),
    q: tall(queryWidth),
    k: tall(keyWidth),
    v: tall(keyWidth),
    out: tall(queryWidth),
    middle: tall(width),
    inverse2: tall(1),
    h2: tall(width),
    gate: tall(hidden),
    up: tall(hidden),
    act: tall(hidden)
  });
  const frozenTrace = firstLearned > 0 ? newTrace() : null;
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const of = (name2) => at(`blk.${layer}.${name2}.weight`);
    return {
      norm1: of("attn_norm"),
      query: of("attn_q"),
      key: of("attn_k"),
      value: of("attn_v"),
      output: of("attn_output"),
      norm2: of("ffn_norm"),
      gate: of("ffn_gate"),
      up: of("ffn_up"),
      down: of("ffn_down"),
      trace: layer < firstLearned && frozenTrace || newTrace()
    };
  });
  const state = tall(width);
  const lastInverse = tall(1);
  const lastState = tall(width);
  const gradient = {
    x: tall(width),
    h: tall(width),
    q: tall(queryWidth),
    k: tall(keyWidth),
    v: tall(keyWidth),
    out: tall(queryWidth),
    act: tall(hidden)
  };
  const headState = allocate(HEAD_ROWS * width);
  const headGradient = allocate(HEAD_ROWS * width);
  const logits = allocate(HEAD_ROWS * columns);
  const rotate = createRotation({
    headSize,
    dimensions: shape.ropeDimensions,
    base: shape.ropeBase,
    positions: longest
  });
  const attention = createAttention({ kernel, heads, kvHeads, headSize, longest });
  function linear(x, w, y, count, add = false) {
    multiply({
      rows: count,
      columns: w.rows,
      inner: w.columns,
      a: { data: x, row: w.columns, column: 1 },
      b: { data: w.weights, row: 1, column: w.columns },
      c: y,
      cRow: w.rows,
      add
    });
  }
  function linearBackward(dy, x, w, dx, count, add = false) {
    if (w.learned)
      multiply({
        rows: w.rows,
        columns: w.columns,
        inner: count,
        a: { data: dy, row: 1, column: w.rows },
        b: { data: x, row: w.columns, column: 1 },
        c: w.learned.gradient,
        cRow: w.columns,
        add: true
      });
    multiply({
      rows: count,
      columns: w.columns,
      inner: w.rows,
      a: { data: dy, row: w.rows, column: 1 },
      b: { data: w.weights, row: w.columns, column: 1 },
      c: dx,
      cRow: w.columns,
      add
    });
  }
  const norm = (x, { weights }, y, inverse, count) => normalize({ x, y, inverse, gain: weights, rows: count, epsilon });
  function normBackward(x, { weights, learned }, inverse, count) {
    const dGain = learned?.gradient ?? null;
    normalizeBackward({ x, inverse, gain: weights, dy: gradient.h, dx: gradient.x, dGain, rows: count });
  }
  function layOut(batch) {
    const count = batch.reduce((sum, { tokens: tokens2 }) => sum + tokens2.length, 0);
    if (count > maxTokens) throw new RangeError(`${count} tokens in a batch of at most ${maxTokens}`);
    const tokens = new Int32Array(count);
    const positions = new Int32Array(count);
    const spans = [];
    const targets = [];
    let start = 0;
    for (const sequence of batch) {
      tokens.set(sequence.tokens, start);
      for (let i = 0; i < sequence.tokens.length; i++) positions[start + i] = i;
      for (const target of sequence.targets) targets.push({ row: start + target.at, token: target.token });
      spans.push({ start, length: sequence.tokens.length });
      start += sequence.tokens.length;
    }
    return { count, tokens, positions, spans, targets };
  }
  function forward({ count, tokens, positions, spans }) {
    for (let row = 0; row < count; row++) {
      const from = tokens[row] * width;
      state.set(embedding.weights.subarray(from, from + width), row * width);
    }
    for (const { trace: t, ...w } of blocks) {
      t.x.set(state.subarray(0, count * width));
      norm(t.x, w.norm1, t.h1, t.inverse1, count);
      linear(t.h1, w.query, t.q, count);
      linear(t.h1, w.key, t.k, count);
      linear(t.h1, w.value, t.v, count);
      rotate({ x: t.q, width: queryWidth, positions, rows: count, direction: 1 });
      rotate({ x: t.k, width: keyWidth, positions, rows: count, direction: 1 });
      attention.forward({ q: t.q, k: t.k, v: t.v, out: t.out, spans });
      linear(t.out, w.output, state, count, true);
      t.middle.set(state.subarray(0, count * width));
      norm(t.middle, w.norm2, t.h2, t.inverse2, count);
      linear(t.h2, w.gate, t.gate, count);
      linear(t.h2, w.up, t.up, count);
      swiglu({ gate: t.gate, up: t.up, act: t.act, count: count * hidden });
      linear(t.act, w.down, state, count, true);
    }
    norm(state, lastNorm, lastState, lastInverse, count);
  }
  function predict({ count, targets }, { weight, visit }) {
    let loss = 0;
    const predicted = [];
    if (weight !== null) gradient.h.fill(0, 0, count * width);
    for (let first = 0; first < targets.length; first += HEAD_ROWS) {
      const some = targets.slice(first, first + HEAD_ROWS);
      some.forEach(({ row }, i) => {
        headState.set(lastState.subarray(row * width, (row + 1) * width), i * width);
      });
      const wide = { ...head, rows: columns };
      linear(headState, wide, logits, some.length);
      for (let i = 0; i < some.length; i++) {
        const line = logits.subarray(i * columns, i * columns + vocabulary);
        visit?.(line);
        let best = 0;
        for (let j = 1; j < vocabulary; j++) if (line[j] > line[best]) best = j;
        predicted.push(best);
        const { token } = some[i];
        const [largest, own] = [line[best], line[token]];
        let sum = 0;
        for (let j = 0; j < vocabulary; j++) {
          const share = Math.exp(line[j] - largest);
          line[j] = share;
          sum += share;
        }
        loss += Math.log(sum) - (own - largest);
        if (weight === null) continue;
        const scale = weight / sum;
        for (let j = 0; j < vocabulary; j++) line[j] *= scale;
        line[token] -= weight;
        logits.fill(0, i * columns + vocabulary, (i + 1) * columns);
      }
      if (weight === null) continue;
      linearBackward(logits, headState, wide, headGradient, some.length);
      some.forEach(({ row }, i) => {
        gradient.h.set(headGradient.subarray(i * width, (i + 1) * width), row * width);
      });
    }
    return { loss, predicted };
  }
  function backward({ count, tokens, positions, spans }) {
    const g = gradient;
    g.x.fill(0, 0, count * width);
    normBackward(state, lastNorm, lastInverse, count);
    for (let layer = layers - 1; layer >= firstLearned; layer--) {
      const { trace: t, ...w } = blocks[layer];
      linearBackward(g.x, t.act, w.down, g.act, count);
      swigluBackward({ gate: t.gate, up: t.up, dAct: g.act, count: count * hidden });
      linearBackward(t.gate, t.h2, w.gate, g.h, count);
      linearBackward(t.up, t.h2, w.up, g.h, count, true);
      normBackward(t.middle, w.norm2, t.inverse2, count);
      linearBackward(g.x, t.out, w.output, g.out, count);
      g.k.fill(0, 0, count * keyWidth);
      g.v.fill(0, 0, count * keyWidth);
      attention.backward({ q: t.q, k: t.k, v: t.v, dOut: g.out, dq: g.q, dk: g.k, dv: g.v, spans });
      rotate({ x: g.q, width: queryWidth, positions, rows: count, direction: -1 });
      rotate({ x: g.k, width: keyWidth, positions, rows: count, direction: -1 });
      linearBackward(g.q, t.h1, w.query, g.h, count);
      linearBackward(g.k, t.h1, w.key, g.h, count, true);
      linearBackward(g.v, t.h1, w.value, g.h, count, true);
      normBackward(t.x, w.norm1, t.inverse1, count);
    }
    const table = embedding.learned?.gradient;
    if (table)
      for (let row = 0; row < count; row++) {
        const to = tokens[row] * width;
        for (let i = 0; i < width; i++) table[to + i] += g.x[row * width + i];
      }
  }
  return {
    /** Loss and predictions, without learning. @param {Sequence[]} batch @param {(logits: Float32Array) => void} [visit] */
    evaluate(batch, visit) {
      const layout = layOut(batch);
      forward(layout);
      return predict(layout, { weight: null, visit });
    },
    /** The same, and adds the gradient of the mean loss. @param {Sequence[]} batch */
    learn(batch) {
      const layout = layOut(batch);
      forward(layout);
      const outcome = predict(layout, { weight: 1 / layout.targets.length });
      backward(layout);
      return outcome;
    },
    /** @param {string} name */
    weights: (name2) => at(name2).weights,
    /** @param {string} name */
    learns: (name2) => at(name2).learned !== null,
    parameters: [...parameters.values()],
    maxTokens,
    longest
  };
}

// src/tokenizer.mjs
var WORD = new RegExp("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gu");
var CHARACTERS = (() => {
  const characters = new Array(256);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = byte >= 33 && byte <= 126 || byte >= 161 && byte <= 172 || byte >= 174 && byte <= 255;
    characters[byte] = String.fromCodePoint(printable ? byte : next++);
  }
  return characters;
})();
var BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));
function createTokenizer(values) {
  const kind = values.get("tokenizer.ggml.model");
  const words = values.get("tokenizer.ggml.pre") ?? "gpt-2";
  if (kind !== "gpt2" || words !== "gpt-2")
    throw new InputError(
      `The model's tokenizer is “${kind}” with “${words}”; this template knows byte-level BPE with GPT-2's words.`
    );
  const texts = (
    /** @type {string[]} */
    values.get("tokenizer.ggml.tokens")
  );
  const merges = (
    /** @type {string[]} */
    values.get("tokenizer.ggml.merges")
  );
  if (!Array.isArray(texts) || !Array.isArray(merges)) throw new InputError("The model has no vocabulary.");
  const ids = new Map(texts.map((text, id) => [text, id]));
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
  const known = /* @__PURE__ */ new Map();
  function bpe(word) {
    const parts = Array.from(Buffer.from(word, "utf8"), (byte) => CHARACTERS[byte]);
    for (; ; ) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Number.POSITIVE_INFINITY;
        if (rank < best) [best, at] = [rank, i];
      }
      if (at === -1) break;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
    return parts.map((part) => {
      const id = ids.get(part);
      if (id === void 0) throw new InputError(`The model's vocabulary lacks the piece “${part}”.`);
      return id;
    });
  }
  function encode(text) {
    return (text.match(WORD) ?? []).flatMap((word) => {
      let tokens = known.get(word);
      if (!tokens) {
        tokens = bpe(word);
        if (known.size < 1e5) known.set(word, tokens);
      }
      return tokens;
    });
  }
  function decode2(tokens) {
    const bytes = [...tokens.map((id) => texts[id]).join("")].map((character) => BYTES.get(character) ?? 63);
    return Buffer.from(bytes).toString("utf8");
  }
  const special = (key) => {
    const id = values.get(`tokenizer.ggml.${key}_token_id`);
    return typeof id === "number" ? id : null;
  };
  const bos = values.get("tokenizer.ggml.add_bos_token") === false ? null : special("bos");
  return {
    encode,
    decode: decode2,
    /** A control token by its text. @param {string} text @returns {number | null} */
    control: (text) => ids.get(text) ?? null,
    /** What every sequence begins with. */
    bos,
    /** What a plain text ends with. */
    end: special("eos"),
    size: texts.length
  };
}

// src/train.mjs
var SCORED = 200;
var SHOWN = { chats: 3, tokens: 32 };
async function fineTune({ model: base, data, settings, signal, log: log2, progress }) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1e3;
  const gguf = readGguf(base);
  const shape = shapeOf2(gguf);
  const tokenizer = createTokenizer(gguf.values);
  if (tokenizer.size > shape.vocabulary)
    throw new InputError("The model has more pieces of vocabulary than embeddings.");
  const { contextLength } = shape;
  const { maxBadLines } = settings;
  const { examples, lines, bad } = readDataset(data, { tokenizer, contextLength, maxBadLines });
  for (const { line, message } of bad.slice(0, 20)) log2(`Line ${line} left out: ${message}`);
  const next = random(settings.seed);
  const { train, heldOut } = split(examples, { percent: settings.heldOutPercent, next });
  const longest = examples.reduce((most, { tokens }) => Math.max(most, tokens.length), 0) + SHOWN.tokens;
  const maxTokens = Math.max(settings.batchTokens, longest);
  const trainLayers = settings.trainLayers || shape.layers;
  const model = createModel(shape, { maxTokens, longest, trainLayers });
  loadWeights(gguf, model);
  const optimizer = createOptimizer(model, settings);
  const parameters = model.parameters.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const baseName = gguf.values.get("general.name") ?? null;
  const name2 = settings.modelName || `${baseName ?? "Model"} fine-tuned`;
  const [all, learning] = [parameters, optimizer.count].map((count) => count.toLocaleString("en"));
  log2(`${baseName ?? "Model"}: ${all} parameters in ${shape.layers} layers, ${learning} of them learn.`);
  log2(`${train.length} examples to learn, ${heldOut.length} held out, ${bad.length} lines left out.`);
  const spread = Math.max(1, Math.ceil(train.length / SHOWN.chats));
  const chats = train.filter(({ answerAt }, i) => answerAt !== -1 && i % spread === 0);
  const look = () => ({
    train: score(model, train.slice(0, SCORED)),
    heldOut: score(model, heldOut.slice(0, SCORED)),
    answers: answer(model, chats, { tokenizer, maxTokens: SHOWN.tokens })
  });
  const before = look();
  log2(`Before: ${sentence(before)}`);
  const perEpoch = packed(shuffled(train, random(settings.seed)), settings.batchTokens).length;
  const planned = settings.steps || perEpoch * settings.epochs;
  const checks = before.heldOut ? [{ step: 0, loss: round(before.heldOut.loss) }] : [];
  const run = await runSteps({
    ...{ model, optimizer, train, next, planned, log: log2, progress },
    ...{ batchTokens: settings.batchTokens, learningRate: settings.learningRate },
    stop() {
      if (signal.aborted) return "terminated";
      return settings.maxSeconds > 0 && seconds() > settings.maxSeconds ? "max_seconds" : null;
    },
    check(step) {
      const known = score(model, heldOut.slice(0, SCORED));
      if (known) checks.push({ step, loss: round(known.loss) });
    }
  });
  const written = withWeights(gguf, model);
  loadWeights(written, model);
  const after = run.stopped === "terminated" ? null : look();
  if (after) log2(`After: ${sentence(after)}`);
  const { user, system } = process.cpuUsage();
  const metrics = {
    version: 1,
    model: { name: name2, base: baseName, parameters, trained: optimizer.count },
    settings: {
      ...settings,
      modelName: name2,
      steps: planned,
      trainLayers: Math.min(trainLayers, shape.layers)
    },
    data: { lines, bad, examples: examples.length, train: train.length, heldOut: heldOut.length },
    before: rounded(before),
    after: after && rounded(after),
    samples: chats.map(({ prompt }, i) => ({
      prompt,
      before: before.answers[i],
      after: after?.answers[i] ?? null
    })),
    steps: run.steps,
    heldOut: checks,
    stopped: run.stopped,
    tokens: run.tokens,
    tokensPerSecond: run.seconds > 0 ? Math.round(run.tokens / run.seconds) : null,
    seconds: round(seconds(), 1),
    cpuSeconds: round((user + system) / 1e6, 1),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024)
  };
  return { file: writeGguf(written, name2), metrics };
}

// src/main.mjs
var MAX_DATA = 16 * 1024 * 1024;
var input = process.env.AIFORGE_INPUT ?? "/in";
var output = process.env.AIFORGE_OUTPUT ?? "/out";
async function read(name2, limit) {
  const path = join(input, name2);
  try {
    const { size } = await stat(path);
    if (size > limit) throw new InputError(`${name2} has ${size} bytes; at most ${limit} can be used.`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`There is no ${path} to read.`, `Give the job an input at the path ${name2}.`);
  }
}
async function write(name2, content) {
  const path = join(output, name2);
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}
var abort = new AbortController();
for (
  const signal of
  /** @type {const} */
  ["SIGTERM", "SIGINT"]
) process.on(signal, () => abort.abort());
var log = (line) => console.log(line);
try {
  const settings = readSettings(process.env);
  const [model, data] = [await read("model.gguf", 2 ** 31), await read("data.jsonl", MAX_DATA)];
  const progress = (share) => log(`AIFORGE_PROGRESS ${share.toFixed(3)}`);
  const { file, metrics } = await fineTune({ model, data, settings, signal: abort.signal, log, progress });
  await write("model.gguf", file);
  await write("metrics.json", `${JSON.stringify(metrics, null, 1)}
`);
  log(`Wrote model.gguf (${file.length} bytes) and metrics.json in ${metrics.seconds} s.`);
  process.exitCode = abort.signal.aborted ? 143 : 0;
} catch (error) {
  if (error instanceof InputError) console.error(error.message);
  else if (error instanceof RangeError && /memory|allocation/i.test(error.message))
    console.error(`The memory is too small for this model and batch: ${error.message}`);
  else console.error(error);
  process.exitCode = error instanceof InputError ? 2 : 1;
}

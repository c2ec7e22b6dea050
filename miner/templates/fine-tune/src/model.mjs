import { createKernel } from "./kernel.mjs";
import {
  createAttention,
  createRotation,
  normalize,
  normalizeBackward,
  swiglu,
  swigluBackward,
} from "./layers.mjs";
import { slotsOf } from "./parameters.mjs";

/** Rows of logits that are held at a time. */
const HEAD_ROWS = 128;

/** One tensor of the model; gradient and moments are null where it does not learn. @typedef {import("./parameters.mjs").Slot & { weights: Float32Array, learned: { gradient: Float32Array, mean: Float32Array, square: Float32Array } | null }} Parameter */
/** A sequence and what is to be predicted: after position `at` comes `token`. @typedef {{ tokens: ArrayLike<number> & Iterable<number>, targets: { at: number, token: number }[] }} Sequence */
/** `loss` is the sum over all targets in nats; `predicted` the likeliest token of each, in order. @typedef {{ loss: number, predicted: number[] }} Outcome */

/**
 * A llama model with its gradients: RMSNorm, RoPE, causal attention, SwiGLU.
 * @param {import("./parameters.mjs").Shape} shape
 * @param {{ maxTokens: number, longest: number, trainLayers: number }} options `maxTokens` in a batch, `longest`
 *   sequence, and how many of the last layers learn; all of them: the embeddings do, too
 */
export function createModel(shape, { maxTokens, longest, trainLayers }) {
  const { layers, width, heads, kvHeads, headSize, hidden, vocabulary, epsilon } = shape;
  const [queryWidth, keyWidth] = [heads * headSize, kvHeads * headSize];
  const columns = Math.ceil(vocabulary / 8) * 8;
  const firstLearned = Math.max(0, layers - trainLayers);
  const rows = maxTokens + 8;

  const sizeOf = (/** @type {import("./parameters.mjs").Slot} */ slot) =>
    (slot.rows === 1 ? 1 : Math.ceil(slot.rows / 8) * 8) * slot.columns;
  const learns = (/** @type {import("./parameters.mjs").Slot} */ slot) =>
    slot.layer >= firstLearned || trainLayers >= layers;
  const slots = slotsOf(shape);
  const weightFloats = slots.reduce((sum, slot) => sum + sizeOf(slot) * (learns(slot) ? 4 : 1), 0);
  const rowFloats = width * 5 + queryWidth * 2 + keyWidth * 2 + hidden * 3 + 2;
  const panel = Math.max(columns, hidden, queryWidth, longest + 8, rows);
  const packed = Math.max(columns, rows, hidden, panel) * Math.max(width, hidden, queryWidth);
  const kernel = createKernel(
    weightFloats +
      rowFloats * rows * (layers - firstLearned + 3) +
      HEAD_ROWS * (columns + 2 * width) +
      2 * longest * (longest + 8) +
      packed +
      panel * 16 +
      4096,
  );
  const { allocate, multiply } = kernel;
  kernel.reserve({ inner: panel, b: packed, columns: panel });

  /** @type {Map<string, Parameter>} */
  const parameters = new Map();
  for (const slot of slots) {
    const fresh = () => allocate(sizeOf(slot));
    const weights = fresh();
    const learned = learns(slot) ? { gradient: fresh(), mean: fresh(), square: fresh() } : null;
    parameters.set(slot.name, { ...slot, weights, learned });
  }
  const at = (/** @type {string} */ name) => /** @type {Parameter} */ (parameters.get(name));
  const embedding = at("token_embd.weight");
  const head = shape.tied ? embedding : at("output.weight");
  const lastNorm = at("output_norm.weight");

  const tall = (/** @type {number} */ side) => allocate(rows * side);
  /** What a layer leaves behind for its gradient. */
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
    act: tall(hidden),
  });
  const frozenTrace = firstLearned > 0 ? newTrace() : null;
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const of = (/** @type {string} */ name) => at(`blk.${layer}.${name}.weight`);
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
      trace: (layer < firstLearned && frozenTrace) || newTrace(),
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
    act: tall(hidden),
  };
  const headState = allocate(HEAD_ROWS * width);
  const headGradient = allocate(HEAD_ROWS * width);
  const logits = allocate(HEAD_ROWS * columns);
  const rotate = createRotation({
    headSize,
    dimensions: shape.ropeDimensions,
    base: shape.ropeBase,
    positions: longest,
  });
  const attention = createAttention({ kernel, heads, kvHeads, headSize, longest });

  /** y = x · wᵀ @param {Float32Array} x @param {Parameter} w @param {Float32Array} y @param {number} count rows @param {boolean} [add] */
  function linear(x, w, y, count, add = false) {
    multiply({
      rows: count,
      columns: w.rows,
      inner: w.columns,
      a: { data: x, row: w.columns, column: 1 },
      b: { data: w.weights, row: 1, column: w.columns },
      c: y,
      cRow: w.rows,
      add,
    });
  }
  /** dw += dyᵀ · x, and dx = dy · w or dx += dy · w @param {Float32Array} dy @param {Float32Array} x @param {Parameter} w @param {Float32Array} dx @param {number} count rows @param {boolean} [add] */
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
        add: true,
      });
    multiply({
      rows: count,
      columns: w.columns,
      inner: w.rows,
      a: { data: dy, row: w.rows, column: 1 },
      b: { data: w.weights, row: w.columns, column: 1 },
      c: dx,
      cRow: w.columns,
      add,
    });
  }

  /** @param {Float32Array} x @param {Parameter} gain @param {Float32Array} y @param {Float32Array} inverse @param {number} count rows */
  const norm = (x, { weights }, y, inverse, count) =>
    normalize({ x, y, inverse, gain: weights, rows: count, epsilon });
  /** From `gradient.h`, added to `gradient.x`. @param {Float32Array} x @param {Parameter} gain @param {Float32Array} inverse @param {number} count rows */
  function normBackward(x, { weights, learned }, inverse, count) {
    const dGain = learned?.gradient ?? null;
    normalizeBackward({ x, inverse, gain: weights, dy: gradient.h, dx: gradient.x, dGain, rows: count });
  }

  /** @param {Sequence[]} batch */
  function layOut(batch) {
    const count = batch.reduce((sum, { tokens }) => sum + tokens.length, 0);
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
  /** @typedef {ReturnType<typeof layOut>} Layout */

  /** Fills `lastState`, the normalized state behind the last layer. @param {Layout} layout */
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

  /**
   * Logits of the targets, a block of rows at a time. With `learn`, `gradient.h` becomes the gradient of
   * `lastState`, for the mean loss times `weight`.
   * @param {Layout} layout
   * @param {{ weight: number | null, visit?: ((logits: Float32Array) => void) }} options
   * @returns {Outcome}
   */
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

  /** From `gradient.h`, the gradient of `lastState`, down to the first layer that learns. @param {Layout} layout */
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
    weights: (name) => at(name).weights,
    /** @param {string} name */
    learns: (name) => at(name).learned !== null,
    parameters: [...parameters.values()],
    maxTokens,
    longest,
  };
}
/** @typedef {ReturnType<typeof createModel>} Model */

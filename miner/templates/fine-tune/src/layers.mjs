/** The parts of a llama layer that are not matrix products with weights, each forward and backward. */

/**
 * y = x / rms(x) · g for each row; `inverse` keeps 1 / rms.
 * @param {{ x: Float32Array, y: Float32Array, inverse: Float32Array, gain: Float32Array, rows: number, epsilon: number }} parameters
 */
export function normalize({ x, y, inverse, gain, rows, epsilon }) {
  const width = gain.length;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[at + i] * x[at + i];
    const scale = 1 / Math.sqrt(sum / width + epsilon);
    inverse[row] = scale;
    for (let i = 0; i < width; i++) y[at + i] = x[at + i] * scale * gain[i];
  }
}

/**
 * Adds to `dx`, and to `dGain` unless the gain does not learn.
 * @param {{ x: Float32Array, inverse: Float32Array, gain: Float32Array, dy: Float32Array, dx: Float32Array, dGain: Float32Array | null, rows: number }} parameters
 */
export function normalizeBackward({ x, inverse, gain, dy, dx, dGain, rows }) {
  const width = gain.length;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    const scale = inverse[row];
    let sum = 0;
    for (let i = 0; i < width; i++) sum += dy[at + i] * gain[i] * x[at + i];
    const pull = (sum * scale * scale * scale) / width;
    for (let i = 0; i < width; i++) dx[at + i] += dy[at + i] * gain[i] * scale - x[at + i] * pull;
    if (dGain) for (let i = 0; i < width; i++) dGain[i] += dy[at + i] * x[at + i] * scale;
  }
}

/**
 * Rotary position embedding of neighbouring pairs, as llama.cpp orders them (RoPE, arXiv:2104.09864).
 * @param {{ headSize: number, dimensions: number, base: number, positions: number }} options
 */
export function createRotation({ headSize, dimensions, base, positions }) {
  const half = dimensions / 2;
  const cosine = new Float32Array(positions * half);
  const sine = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++)
    for (let i = 0; i < half; i++) {
      const angle = position * base ** ((-2 * i) / dimensions);
      cosine[position * half + i] = Math.cos(angle);
      sine[position * half + i] = Math.sin(angle);
    }
  /**
   * In place; `direction` -1 turns back, which is also the way of the gradient.
   * @param {{ x: Float32Array, width: number, positions: Int32Array, rows: number, direction: 1 | -1 }} parameters
   */
  return function rotate({ x, width, positions, rows, direction }) {
    for (let row = 0; row < rows; row++) {
      const angle = positions[row] * half;
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

/**
 * act = silu(gate) · up
 * @param {{ gate: Float32Array, up: Float32Array, act: Float32Array, count: number }} parameters
 */
export function swiglu({ gate, up, act, count }) {
  for (let i = 0; i < count; i++) act[i] = (gate[i] / (1 + Math.exp(-gate[i]))) * up[i];
}

/**
 * Puts the gradients of gate and up where their values were.
 * @param {{ gate: Float32Array, up: Float32Array, dAct: Float32Array, count: number }} parameters
 */
export function swigluBackward({ gate, up, dAct, count }) {
  for (let i = 0; i < count; i++) {
    const g = gate[i];
    const sigmoid = 1 / (1 + Math.exp(-g));
    gate[i] = dAct[i] * up[i] * sigmoid * (1 + g * (1 - sigmoid));
    up[i] = dAct[i] * g * sigmoid;
  }
}

/** @typedef {{ q: Float32Array, k: Float32Array, v: Float32Array }} Heads */
/** A sequence's place in a batch. @typedef {{ start: number, length: number }} Span */

/**
 * Causal attention over the sequences of a batch. The scores are computed again for the gradient instead of
 * being kept: they would need more memory than all the rest.
 * @param {{ kernel: import("./kernel.mjs").Kernel, heads: number, kvHeads: number, headSize: number, longest: number }} options
 */
export function createAttention({ kernel, heads, kvHeads, headSize, longest }) {
  const width = heads * headSize;
  const kvWidth = kvHeads * headSize;
  const scale = 1 / Math.sqrt(headSize);
  const padded = (/** @type {number} */ length) => Math.ceil(length / 8) * 8;
  const scores = kernel.allocate(longest * padded(longest));
  const dScores = kernel.allocate(longest * padded(longest));
  /** @param {Float32Array} data @param {number} row @param {number} column @returns {import("./kernel.mjs").Operand} */
  const operand = (data, row, column) => ({ data, row, column });

  /** Where head `head` of a sequence begins. @param {Span} span @param {number} head */
  const places = ({ start }, head) => ({
    query: start * width + head * headSize,
    key: start * kvWidth + Math.floor((head * kvHeads) / heads) * headSize,
  });

  /** Fills `scores` with the weights of attention of one head. @param {Heads} x @param {Span} span @param {number} head */
  function weigh({ q, k }, span, head) {
    const { query, key } = places(span, head);
    const row = padded(span.length);
    // Columns past the end of the sequence hold whatever lies there; the mask below overwrites them.
    kernel.multiply({
      rows: span.length,
      columns: row,
      inner: headSize,
      a: operand(q.subarray(query), width, 1),
      b: operand(k.subarray(key), 1, kvWidth),
      c: scores,
      cRow: row,
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

  /** @param {Heads & { out: Float32Array, spans: Span[] }} parameters */
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
          cRow: width,
        });
      }
  }

  /** Overwrites `dq` and adds to `dk` and `dv`. @param {Heads & { dOut: Float32Array, dq: Float32Array, dk: Float32Array, dv: Float32Array, spans: Span[] }} parameters */
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
          add: true,
        });
        kernel.multiply({
          rows: length,
          columns: row,
          inner: headSize,
          a: operand(dHead, width, 1),
          b: operand(x.v.subarray(key), 1, kvWidth),
          c: dScores,
          cRow: row,
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
          cRow: width,
        });
        kernel.multiply({
          rows: length,
          columns: headSize,
          inner: length,
          a: operand(dScores, 1, row),
          b: operand(x.q.subarray(query), width, 1),
          c: dk.subarray(key),
          cRow: kvWidth,
          add: true,
        });
      }
  }

  return { forward, backward };
}

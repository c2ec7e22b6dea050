/** AdamW (arXiv:1711.05101) with the norm of the whole gradient clipped to 1. */
const BETA1 = 0.9;
const BETA2 = 0.95;
const EPSILON = 1e-8;
const CLIP = 1;

/**
 * @param {import("./model.mjs").Model} model
 * @param {{ weightDecay: number }} options
 */
export function createOptimizer(model, { weightDecay }) {
  const learning = model.parameters.flatMap(({ weights, rows, columns, learned }) =>
    learned ? [{ weights, ...learned, count: rows * columns, decay: rows === 1 ? 0 : weightDecay }] : [],
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
        const size = (rate / correction1) * correction2;
        const epsilon = EPSILON * correction2;
        for (let i = 0; i < count; i++) {
          const g = gradient[i] * clip;
          const m = BETA1 * mean[i] + (1 - BETA1) * g;
          const v = BETA2 * square[i] + (1 - BETA2) * g * g;
          mean[i] = m;
          square[i] = v;
          weights[i] = weights[i] * keep - (size * m) / (Math.sqrt(v) + epsilon);
        }
        gradient.fill(0);
      }
      return { norm };
    },
  };
}

/**
 * The learning rate of a step: it rises over the first tenth, then falls along a cosine to a tenth of the top.
 * @param {{ step: number, steps: number, top: number }} parameters `step` from 0
 */
export function rateAt({ step, steps, top }) {
  const warmup = Math.max(1, Math.min(100, Math.round(steps / 10)));
  if (step < warmup) return (top * (step + 1)) / warmup;
  const done = (step - warmup) / Math.max(1, steps - warmup);
  return top * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)));
}

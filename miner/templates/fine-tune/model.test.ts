import { expect, it } from "vitest";
import { createKernel } from "./src/kernel.mjs";
import { createModel } from "./src/model.mjs";
import { createOptimizer } from "./src/optimizer.mjs";
import type { Shape } from "./src/parameters.mjs";
import { random } from "./src/random.mjs";

const SHAPE: Shape = {
  layers: 2,
  width: 16,
  heads: 2,
  kvHeads: 1,
  headSize: 8,
  hidden: 24,
  vocabulary: 21,
  epsilon: 1e-5,
  ropeBase: 10_000,
  ropeDimensions: 8,
  contextLength: 32,
  tied: true,
};
/** Of different lengths, none a multiple of a tile's side, and with rows that nothing is asked of. */
const BATCH = [
  {
    tokens: [1, 5, 9, 20, 3],
    targets: [
      { at: 1, token: 7 },
      { at: 4, token: 20 },
    ],
  },
  {
    tokens: [2, 2, 8, 0, 11, 6, 19],
    targets: [
      { at: 0, token: 2 },
      { at: 3, token: 1 },
      { at: 6, token: 13 },
    ],
  },
];

function randomModel(shape: Shape, trainLayers: number) {
  const model = createModel(shape, { maxTokens: 16, longest: 8, trainLayers });
  const next = random(7);
  for (const { weights, rows, columns } of model.parameters)
    for (let i = 0; i < rows * columns; i++) weights[i] = (rows === 1 ? 1 : 0) + (next() - 0.5);
  return model;
}

it("multiplies matrices of any size, laid out either way, as plain loops do", () => {
  const kernel = createKernel(20_000);
  kernel.reserve({ inner: 40, b: 40 * 24, columns: 24 });
  const next = random(1);
  for (const [rows, columns, inner] of [
    [1, 8, 1],
    [7, 16, 5],
    [13, 24, 40],
    [8, 8, 3],
  ]) {
    const [a, b, c] = [rows! * inner!, inner! * columns!, rows! * columns!].map((size) =>
      kernel.allocate(size!).map(() => next() - 0.5),
    );
    const inMemory = kernel.allocate(c!.length);
    inMemory.set(c!);
    for (const turned of [false, true]) {
      const before = [...inMemory];
      kernel.multiply({
        rows: rows!,
        columns: columns!,
        inner: inner!,
        a: { data: a!, row: turned ? 1 : inner!, column: turned ? rows! : 1 },
        b: { data: b!, row: turned ? 1 : columns!, column: turned ? inner! : 1 },
        c: inMemory,
        cRow: columns!,
        add: turned,
      });
      for (let i = 0; i < rows!; i++)
        for (let j = 0; j < columns!; j++) {
          let sum = turned ? before[i * columns! + j]! : 0;
          for (let k = 0; k < inner!; k++)
            sum += turned
              ? a![k * rows! + i]! * b![j * inner! + k]!
              : a![i * inner! + k]! * b![k * columns! + j]!;
          expect(inMemory[i * columns! + j]).toBeCloseTo(sum, 5);
        }
    }
  }
});

it.each([
  ["tied embeddings", SHAPE, 2],
  ["an output matrix of its own, a key for every head", { ...SHAPE, tied: false, kvHeads: 2 }, 2],
  ["half of each head turned", { ...SHAPE, ropeDimensions: 4 }, 2],
  ["only the last layer learning", SHAPE, 1],
])("has the gradient that small changes of each weight show: %s", (_, shape, trainLayers) => {
  const model = randomModel(shape, trainLayers);
  const meanLoss = () => model.evaluate(BATCH).loss / 5;
  const { loss } = model.learn(BATCH);
  expect(loss / 5).toBeCloseTo(meanLoss(), 6);
  const next = random(3);
  for (const { name, weights, learned, rows, columns, layer } of model.parameters) {
    if (!learned) {
      expect(layer, name).toBeLessThan(shape.layers - trainLayers);
      continue;
    }
    const count = rows * columns;
    // In float32 single differences are noisy, so a random direction in each tensor is checked, three times.
    for (let round = 0; round < 3; round++) {
      const direction = Float32Array.from({ length: count }, () => next() - 0.5);
      const saved = weights.slice(0, count);
      const step = 0.004;
      const shifted = (sign: number) => {
        for (let i = 0; i < count; i++) weights[i] = saved[i]! + sign * step * direction[i]!;
        return meanLoss();
      };
      const measured = (shifted(1) - shifted(-1)) / (2 * step);
      weights.set(saved);
      const expected = direction.reduce((sum, d, i) => sum + d * learned.gradient[i]!, 0);
      expect(Math.abs(measured - expected), `${name}: ${measured} ${expected}`).toBeLessThan(
        0.01 * Math.abs(expected) + 2e-4,
      );
    }
  }
});

it("forgets no sequence of a batch for another, and repeats itself to the bit", () => {
  const alone = BATCH.map((sequence) => randomModel(SHAPE, 2).evaluate([sequence]).loss);
  const model = randomModel(SHAPE, 2);
  const together = model.evaluate(BATCH).loss;
  expect(together).toBeCloseTo(alone[0]! + alone[1]!, 5);
  expect(model.evaluate(BATCH).loss).toBe(together);
});

it("learns a batch by heart, and moves only what learns", () => {
  const model = randomModel(SHAPE, 1);
  const frozen = model.parameters.filter(({ learned }) => !learned);
  const before = frozen.map(({ weights }) => [...weights]);
  const optimizer = createOptimizer(model, { weightDecay: 0.01 });
  const first = model.evaluate(BATCH).loss;
  for (let step = 0; step < 200; step++) {
    model.learn(BATCH);
    optimizer.step(0.01);
  }
  const { loss, predicted } = model.evaluate(BATCH);
  expect(loss).toBeLessThan(first / 20);
  expect(predicted).toEqual([7, 20, 2, 1, 13]);
  expect(frozen.map(({ weights }) => [...weights])).toEqual(before);
});

it("says how much memory is missing instead of dying of it", () => {
  const huge = { ...SHAPE, width: 8192, vocabulary: 200_000, hidden: 16_384 };
  expect(() => createModel(huge, { maxTokens: 16, longest: 8, trainLayers: 2 })).toThrow(/needs \d+ MB/);
});

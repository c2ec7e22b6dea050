import { shuffled } from "./random.mjs";

/** @typedef {import("./dataset.mjs").Example} Example */

/** What the model is asked: every token but the last, each learned token to be predicted from those before it. @param {Example} example @returns {import("./model.mjs").Sequence} */
export function sequenceOf({ tokens, learn }) {
  const targets = [];
  for (let i = 1; i < tokens.length; i++) if (learn[i]) targets.push({ at: i - 1, token: tokens[i] });
  return { tokens: tokens.slice(0, -1), targets };
}

/**
 * Groups of items with at most `maxTokens` together, in the order given; a larger item stands alone.
 * @template T
 * @param {readonly T[]} items
 * @param {number} maxTokens
 * @param {(item: T) => number} sizeOf tokens
 * @returns {T[][]}
 */
export function grouped(items, maxTokens, sizeOf) {
  /** @type {T[][]} */
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

/** Examples in batches. @param {readonly Example[]} examples @param {number} maxTokens */
export const packed = (examples, maxTokens) =>
  grouped(examples, maxTokens, ({ tokens }) => tokens.length - 1);

/**
 * Parts the data: a share of the examples is never learned from, so that it can tell learning from copying.
 * @param {readonly Example[]} examples
 * @param {{ percent: number, next: () => number }} options
 * @returns {{ train: Example[], heldOut: Example[] }} both in the order of the file
 */
export function split(examples, { percent, next }) {
  const count = Math.min(examples.length - 1, Math.round((examples.length * percent) / 100));
  const heldOut = new Set(shuffled(examples, next).slice(0, count));
  return {
    train: examples.filter((example) => !heldOut.has(example)),
    heldOut: examples.filter((example) => heldOut.has(example)),
  };
}

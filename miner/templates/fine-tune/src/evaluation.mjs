import { grouped, packed, sequenceOf } from "./batches.mjs";

/** @typedef {import("./dataset.mjs").Example} Example */
/** @typedef {import("./model.mjs").Model} Model */

/**
 * How well examples are known. `answers` counts those in which every learned token was the likeliest one: at
 * temperature 0 the model gives exactly that answer.
 * @typedef {{ loss: number, tokens: number, tokensRight: number, answers: number, answersRight: number }} Score
 */

/** @param {Model} model @param {readonly Example[]} examples @returns {Score | null} null for no examples */
export function score(model, examples) {
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

/**
 * The model's own answers at temperature 0.
 * @param {Model} model
 * @param {readonly Example[]} examples chats
 * @param {{ tokenizer: import("./tokenizer.mjs").Tokenizer, maxTokens: number }} options
 * @returns {string[]}
 */
export function answer(model, examples, { tokenizer, maxTokens }) {
  const stop = tokenizer.control("<|im_end|>");
  const texts = examples.map(({ tokens, answerAt }) => ({ tokens: tokens.slice(0, answerAt), answerAt }));
  let open = texts;
  for (let round = 0; round < maxTokens && open.length > 0; round++) {
    const next = grouped(open, model.maxTokens, ({ tokens }) => tokens.length).flatMap(
      (group) =>
        model.evaluate(
          group.map(({ tokens }) => ({ tokens, targets: [{ at: tokens.length - 1, token: 0 }] })),
        ).predicted,
    );
    open.forEach(({ tokens }, i) => {
      tokens.push(next[i]);
    });
    open = open.filter(({ tokens }) => tokens.at(-1) !== stop);
  }
  return texts.map(({ tokens, answerAt }) =>
    tokenizer.decode(tokens.slice(answerAt).filter((token) => token !== stop)),
  );
}

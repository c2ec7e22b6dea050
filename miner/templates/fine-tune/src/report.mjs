/** How figures are told, in the log and in metrics.json. */

/** @typedef {import("./evaluation.mjs").Score} Score */
/** @typedef {{ train: Score | null, heldOut: Score | null }} Scores */

/** @param {number} value @param {number} [digits] behind the point */
export const round = (value, digits = 4) => Number(value.toFixed(digits));

/** @param {number} seconds */
export const remaining = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;

/** @param {Scores} scores */
export function sentence({ train, heldOut }) {
  /** @param {string} name @param {Score | null} score */
  const part = (name, score) => {
    if (!score) return [];
    const share = Math.round((100 * score.tokensRight) / score.tokens);
    const right = `${share} % of tokens and ${score.answersRight} of ${score.answers} answers right`;
    return [`${name}: loss ${score.loss.toFixed(3)}, ${right}`];
  };
  return [...part("learned part", train), ...part("held-out part", heldOut)].join("; ");
}

/** @param {Scores} scores @returns {Scores} */
export function rounded({ train, heldOut }) {
  const one = (/** @type {Score | null} */ score) => score && { ...score, loss: round(score.loss) };
  return { train: one(train), heldOut: one(heldOut) };
}

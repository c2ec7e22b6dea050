import { InputError } from "./errors.mjs";

/** Every setting: environment variable, default, and what is allowed. `step` 1 means a whole number. */
const NUMBERS = {
  epochs: { env: "EPOCHS", otherwise: 12, min: 1, max: 1000, step: 1 },
  steps: { env: "STEPS", otherwise: 0, min: 0, max: 1_000_000, step: 1 },
  learningRate: { env: "LEARNING_RATE", otherwise: 0.001, min: 1e-7, max: 0.1, step: 0 },
  weightDecay: { env: "WEIGHT_DECAY", otherwise: 0.01, min: 0, max: 1, step: 0 },
  batchTokens: { env: "BATCH_TOKENS", otherwise: 512, min: 16, max: 65_536, step: 1 },
  trainLayers: { env: "TRAIN_LAYERS", otherwise: 0, min: 0, max: 1000, step: 1 },
  heldOutPercent: { env: "HELD_OUT_PERCENT", otherwise: 10, min: 0, max: 50, step: 0 },
  maxBadLines: { env: "MAX_BAD_LINES", otherwise: 10, min: 0, max: 1_000_000, step: 1 },
  maxSeconds: { env: "MAX_SECONDS", otherwise: 0, min: 0, max: 2_592_000, step: 0 },
  seed: { env: "SEED", otherwise: 1, min: 0, max: 4_294_967_295, step: 1 },
};

/** @typedef {Record<keyof typeof NUMBERS, number> & { modelName: string }} Settings */

/**
 * @param {Record<string, string | undefined>} env
 * @returns {Settings} 0 for `steps`, `trainLayers` and `maxSeconds` means: as many as there are
 * @throws InputError that names the variable
 */
export function readSettings(env) {
  const settings = Object.fromEntries(
    Object.entries(NUMBERS).map(([key, { env: variable, otherwise, min, max, step }]) => {
      const text = env[variable]?.trim() ?? "";
      const value = text === "" ? otherwise : Number(text);
      if (!(value >= min && value <= max) || (step === 1 && !Number.isInteger(value)))
        throw new InputError(
          `${variable} is “${text}”; it must be a ${step === 1 ? "whole " : ""}number from ${min} to ${max}.`,
        );
      return [key, value];
    }),
  );
  const modelName = env.MODEL_NAME?.trim() ?? "";
  if (modelName.length > 100) throw new InputError("MODEL_NAME is longer than 100 characters.");
  return /** @type {Settings} */ ({ ...settings, modelName });
}

import { AppError } from "../../core/errors.ts";

export const alreadyPublished = () =>
  new AppError("already_published", 409, "This model is published already.", {
    hint: "Change its prices or its split instead.",
  });

export const notPublished = () =>
  new AppError("not_published", 409, "This model is not published yet.", { hint: "Publish it first." });

export const notListed = (modelId: string) =>
  new AppError("not_listed", 409, "This model is not listed at the moment, so it cannot be bought.", {
    hint: `Its creators list it again by paying the listing fee: POST /api/publishing/model/${modelId}/listing-fee.`,
    details: { modelId },
  });

const MISSING = {
  file: "Upload the model's file and wait until it is ready.",
  terms: "Say what the model costs.",
  wallet: "Link a wallet to your account.",
} as const;

export type Missing = keyof typeof MISSING;

/** What a model still needs before it can be published. */
export const notReady = (missing: Missing[]) =>
  new AppError("not_ready", 409, "This model cannot be published yet.", {
    hint: missing.map((each) => MISSING[each]).join(" "),
    details: { missing },
  });

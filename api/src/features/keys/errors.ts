import { AppError } from "../../core/errors.ts";

export const MAX_KEYS = 100;

export const tooManyKeys = () =>
  new AppError("too_many_keys", 409, `An account has at most ${MAX_KEYS} keys that work.`, {
    hint: "Revoke one that is no longer used.",
  });

export const unknownKeyModels = (ids: string[]) =>
  new AppError("unknown_models", 400, "Some of the models do not exist.", { details: { modelIds: ids } });

import { AppError } from "../../core/errors.ts";
import type { KeyScope } from "./schema.ts";

export const MAX_KEYS = 100;

export const tooManyKeys = () =>
  new AppError("too_many_keys", 409, `An account has at most ${MAX_KEYS} keys that work.`, {
    hint: "Revoke one that is no longer used.",
  });

export const unknownKeyModels = (ids: string[]) =>
  new AppError("unknown_models", 400, "Some of the models do not exist.", { details: { modelIds: ids } });

export const invalidKey = () =>
  new AppError("invalid_api_key", 401, "The API key is missing or not valid.", {
    hint: "Send one of your keys as Authorization: Bearer aif_…",
  });

export const tooManyRequests = (seconds: number) =>
  new AppError("rate_limit_exceeded", 429, "This key has sent too many requests.", {
    hint: `Try again in ${Math.ceil(seconds)} s.`,
    retryAfter: Math.max(1, seconds),
  });

const SCOPE_NAMES: Record<KeyScope, string> = { models: "call models", jobs: "order and follow jobs" };

export const keyLacksScope = (scope: KeyScope) =>
  new AppError("key_scope", 403, `This key may not ${SCOPE_NAMES[scope]}.`, {
    hint: `Make a key that may, with the scope "${scope}": what a key is good for is chosen when it is made.`,
    details: { scope },
  });

export const keyNotEnough = () =>
  new AppError("session_required", 403, "No key may do this.", {
    hint: "Sign in, and do it on the site or with the token of your sign-in.",
  });

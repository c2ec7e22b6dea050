import { AppError } from "../../core/errors.ts";
import { MAX_WEBHOOKS } from "./limits.ts";

export const tooManyWebhooks = () =>
  new AppError("too_many_webhooks", 409, `An account has at most ${MAX_WEBHOOKS} webhooks.`, {
    hint: "Remove one that is no longer used.",
  });

export const sameWebhook = () =>
  new AppError("webhook_exists", 409, "There is a webhook with that address already.", {
    hint: "Change or remove the one that there is.",
  });

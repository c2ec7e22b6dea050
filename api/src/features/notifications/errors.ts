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

export const nothingToConfirm = () =>
  new AppError("nothing_to_confirm", 409, "Your account has no e-mail address that waits to be confirmed.", {
    hint: "An address is given when an account is made with e-mail and password.",
  });

export const mailOff = () =>
  new AppError("mail_off", 409, "This server sends no e-mail.", {
    hint: "Be told here or by a webhook.",
  });

export const mailFailed = (why: string) =>
  new AppError("mail_failed", 502, "The e-mail could not be sent.", {
    hint: `${why} Check the address, and try again later.`,
  });

export const confirmationInvalid = () =>
  new AppError("confirmation_invalid", 400, "This link confirms nothing any more.", {
    hint: "Have a new one sent to you; each is good for a day.",
  });

import { AppError } from "../../core/errors.ts";

export const alreadyAnswering = () =>
  new AppError("already_answering", 409, "This conversation is still getting an answer.", {
    hint: "Wait for it to end, or stop it.",
    retryable: true,
  });

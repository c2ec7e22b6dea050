import { AppError } from "../../core/errors.ts";

/** The same for a wrong password and for an e-mail address that nobody uses. */
export const wrongCredentials = () =>
  new AppError("wrong_credentials", 401, "The e-mail address or the password is wrong.", {
    hint: "Check both, or create an account.",
  });

export const emailTaken = () =>
  new AppError("email_taken", 409, "There is an account with this e-mail address.", {
    hint: "Sign in instead.",
  });

import { AppError, notFound } from "../../core/errors.ts";

/** The same as for a path that does not exist: to others than admins it does not. */
export const notAnAdmin = () => notFound("The page");

export const monthGoesOn = (month: string) =>
  new AppError("month_not_over", 409, `${month} is not over yet.`, {
    hint: "A month ends, in UTC, when a block of the next one is confirmed.",
    retryable: true,
  });

export const monthWaits = (month: string, why: string) =>
  new AppError("month_waits", 409, `${month} waits: ${why}`, { retryable: true });

export const noInputs = () => notFound("A published distribution of this month");

export const vetoed = (month: string) =>
  new AppError("month_vetoed", 409, `The root of ${month} was vetoed.`, {
    hint: "Find out why first; with again=true the month is computed anew and posted.",
  });

export const notVetoed = (month: string, state: string) =>
  new AppError("month_not_vetoed", 409, `${month} is ${state}: only a vetoed month is done again.`);

export const distributing = () =>
  new AppError("distribution_running", 409, "The distribution is under way already.", {
    hint: "Look again in a moment.",
    retryable: true,
  });

import { AppError } from "../../core/errors.ts";

/** To who is no admin, the admin's routes are paths that do not exist. */
export const noRoute = (method: string, path: string) =>
  new AppError("no_route", 404, `There is no ${method} ${path}.`);

export const hasRole = (role: string) =>
  new AppError("has_role", 409, `This wallet is ${role} already.`, { hint: "There is nothing to do." });

export const lacksRole = (role: string) =>
  new AppError("lacks_role", 409, `This wallet is not ${role}.`, { hint: "There is nothing to do." });

export const lastAdmin = () =>
  new AppError("last_admin", 409, "This is the last admin wallet.", { hint: "Add another one first." });

export const nothingToVeto = () =>
  new AppError("nothing_to_veto", 409, "No root waits for its veto window to pass.", {
    hint: "An active root cannot be taken back; a wrong one is put right by the next.",
  });

export const pausedAlready = (paused: boolean) =>
  new AppError(
    paused ? "paused" : "not_paused",
    409,
    paused ? "New money is stopped already." : "New money is not stopped.",
    { hint: "There is nothing to do." },
  );

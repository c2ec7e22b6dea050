import { AppError } from "../../core/errors.ts";

export const fileTooLarge = (limit: number) =>
  new AppError("file_too_large", 413, `The file is over the limit of ${limit} bytes.`, {
    hint: "Split it, or leave out what the job does not read.",
    details: { limit },
  });

export const tooMuch = (limit: number) =>
  new AppError("files_full", 413, `Your files would be over ${limit} bytes together.`, {
    hint: "Use what you uploaded before: the same bytes count once.",
    details: { limit },
  });

export const storageFull = () =>
  new AppError("storage_full", 507, "There is no room for this file at the moment.", {
    hint: "Try again later, or tell whoever runs this site.",
    retryable: true,
  });

export const fileInUse = () =>
  new AppError("file_in_use", 409, "A job that is not over yet reads this file.", {
    hint: "Wait until it is done, or cancel it.",
  });

export const brokenOff = () =>
  new AppError("upload_broken", 400, "The upload ended before its end.", {
    hint: "Send the file again.",
    retryable: true,
  });

import { AppError } from "../../core/errors.ts";

export const nameExhausted = () =>
  new AppError("slug_taken", 409, "There are too many models of this name.", {
    hint: "Choose another name.",
  });

export const tooManyVersions = (limit: number) =>
  new AppError("too_many_versions", 409, `A model has at most ${limit} versions.`, {
    hint: "Create a new model for this file.",
    details: { limit },
  });

export const versionNotReady = () =>
  new AppError("version_not_ready", 409, "The file of this version is not ready yet.", {
    hint: "Wait until it is processed, then serve it.",
    retryable: true,
  });

export const fileProcessing = () =>
  new AppError("file_processing", 409, "The last upload of this model is still being processed.", {
    hint: "Wait until it is ready, then try again.",
    retryable: true,
  });

export const emptyFile = () =>
  new AppError("empty_file", 400, "The file is empty.", { hint: "Choose a GGUF file." });

export const missingLength = () =>
  new AppError(
    "invalid_request",
    400,
    "Upload-Length: the size of the file in bytes is needed from the start.",
    {
      details: { field: "Upload-Length" },
    },
  );

export const fileTooLarge = (limit: number) =>
  new AppError("file_too_large", 413, `The file is over the limit of ${limit} bytes.`, {
    hint: "Use a smaller quantization of the model.",
    details: { limit },
  });

export const storageFull = () =>
  new AppError("storage_full", 507, "There is no room for this file at the moment.", {
    hint: "Try again later, or tell whoever runs this site.",
  });

export const invalidMetadata = (message: string) =>
  new AppError("invalid_request", 400, `Upload-Metadata: ${message}`, {
    details: { field: "Upload-Metadata" },
  });

export const unsatisfiableRange = (size: number) =>
  new AppError("range_not_satisfiable", 416, `The file has ${size} bytes.`, { details: { size } });

export const licenseRequired = () =>
  new AppError("license_required", 402, "The weights of this model are for who bought a licence.", {
    hint: "Buy one on the model's page; it counts once it is confirmed.",
  });

export const openWeightsNotForSale = () =>
  new AppError("weights_open", 409, "Open weights cannot be sold: everybody can read them.", {
    hint: "Leave out the price of the weights, or create a new model with protected weights and upload the file there.",
    details: { field: "sale" },
  });

export const noKey = () =>
  new AppError("weights_open", 409, "The weights of this model are open: they are not encrypted.", {
    hint: "Download them as they are.",
  });

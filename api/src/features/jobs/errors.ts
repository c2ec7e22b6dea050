import { AppError } from "../../core/errors.ts";
import type { JobState } from "./states.ts";

export const imageUnknown = (image: string, known: string[]) =>
  new AppError("image_unknown", 400, `No node here has the image ${image}.`, {
    hint:
      known.length > 0
        ? `Name it by its digest (name@sha256:…), or use one of: ${known.slice(0, 8).join(", ")}.`
        : "Name it by its digest (name@sha256:…): no node lists images at the moment.",
    details: { field: "spec.image", known },
  });

export const inputUnknown = (at: number, cid: string) =>
  new AppError("input_unknown", 404, `spec.inputs.${at}.cid: there is no file ${cid}.`, {
    hint: "Upload it first, with POST /api/files, or name a version of a model that you may read.",
    details: { field: `spec.inputs.${at}.cid`, cid },
  });

export const noNodeMayRead = () =>
  new AppError("no_node_may_read", 409, "No node with this image may have these protected weights.", {
    hint: "Link the wallet of a node that you trust to a member of the model's group, or have an admin verify it.",
    details: { field: "spec.inputs" },
  });

export const invalidSpec = (field: string, message: string) =>
  new AppError("invalid_request", 400, `spec.${field}: ${message}`, { details: { field: `spec.${field}` } });

export const noPrice = () =>
  new AppError("price_too_low", 400, "price: a job without a price is refused by the contract.", {
    hint: "Ask for an estimate: it says what nodes take.",
    details: { field: "price" },
  });

export const deadlineTooShort = (least: number) =>
  new AppError(
    "deadline_too_short",
    400,
    `deadlineSeconds: payment, set-up, ${least - 3_600} s of work and the check do not fit.`,
    { hint: `Allow at least ${least} seconds, or less time to the container.`, details: { least } },
  );

export const jobOver = (state: JobState) =>
  new AppError("job_over", 409, `The job is ${state.replace("_", " ")} already.`, {
    hint: "Nothing but its money moves any more.",
    details: { state },
  });

export const jobVerifying = () =>
  new AppError("job_verifying", 409, "The job is done and its result is being checked.", {
    hint: "A job can be cancelled until its container ends.",
    details: { state: "verifying" },
  });

export const notOnchain = (status: string | null, needed: string) =>
  new AppError("escrow_not_there", 409, `On chain the job is ${status ?? "not there"}, not ${needed}.`, {
    hint: "Look at the job's timeline for what became of its money.",
    details: { status },
  });

export const tooEarly = (from: Date) =>
  new AppError("too_early", 409, `This can be done after ${from.toISOString()}.`, {
    hint: "Cancel the job to be refunded at once; after its deadline anyone can refund it.",
    details: { from: from.toISOString() },
  });

export const tooLate = (until: Date) =>
  new AppError("too_late", 409, `This could be done until ${until.toISOString()}.`, {
    details: { until: until.toISOString() },
  });

export const attemptNotYours = () =>
  new AppError("attempt_not_yours", 409, "This work is not this node's to take any more.", {
    hint: "Drop it and ask for other work.",
  });

export const attemptOver = (state: string) =>
  new AppError("attempt_over", 409, `This attempt is over: ${state}.`, {
    hint: "Stop its container and drop what it made.",
    details: { state },
  });

export const outputTooLarge = (limit: number) =>
  new AppError("output_too_large", 413, `The outputs are over the job's limit of ${limit} bytes together.`, {
    details: { limit },
  });

export const tooManyFiles = (limit: number) =>
  new AppError("too_many_files", 413, `A job puts out at most ${limit} files.`, { details: { limit } });

export const cidMismatch = (claimed: string, cid: string) =>
  new AppError("cid_mismatch", 400, `What came is ${cid}, not ${claimed}.`, {
    hint: "Send the file again.",
    details: { claimed, cid },
    retryable: true,
  });

import { AppError } from "../../core/errors.ts";
import { InferenceError } from "../nodes/errors.ts";

export const modelNotFound = (name: string) =>
  new AppError(
    "model_not_found",
    404,
    `The model '${name.slice(0, 100)}' does not exist or you do not have access to it.`,
    { details: { param: "model" } },
  );

export const notEntitled = (name: string) =>
  new AppError("insufficient_quota", 402, `You have no active subscription to '${name}'.`, {
    hint: "No plan covers it. Subscribe to it in the marketplace; a purchase counts once it is confirmed.",
    details: { param: "model" },
  });

export const notListedAnyMore = (name: string) =>
  new AppError("model_not_listed", 404, `The model '${name}' is not listed any more.`, {
    hint: "Whoever subscribed to it keeps it to the end of what is paid; its creators can list it again.",
    details: { param: "model" },
  });

export const unsupported = (param: string, message: string) =>
  new AppError("unsupported_parameter", 400, message, { details: { param } });

/** What a failed inference means to the caller of the gateway or the chat. */
export function inferenceAppError(error: unknown): unknown {
  if (!(error instanceof InferenceError)) return error;
  const cause = { cause: error };
  switch (error.code) {
    case "no_node":
      return new AppError("no_node", 503, "No node serves this model at the moment.", {
        hint: "Try again in a little while.",
        retryAfter: 10,
        ...cause,
      });
    case "busy":
      return new AppError("overloaded", 429, "Every node that serves this model is busy.", {
        hint: "Try again in a few seconds.",
        retryAfter: 2,
        ...cause,
      });
    case "context_length_exceeded":
      return new AppError(
        "context_length_exceeded",
        413,
        "The messages are longer than the model's context.",
        { details: { param: "messages" }, ...cause },
      );
    case "node_lost":
      return new AppError("node_lost", 503, "The node was lost before the answer was complete.", {
        hint: "Send the request again.",
        retryAfter: 1,
        ...cause,
      });
    case "stalled":
      return new AppError("stalled", 504, "The node stopped answering.", {
        hint: "Send the request again.",
        ...cause,
      });
    case "engine_failed":
      return new AppError("engine_failed", 502, "The node's engine failed on this request.", cause);
  }
}

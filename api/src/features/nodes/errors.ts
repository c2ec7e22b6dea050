import { AppError } from "../../core/errors.ts";

export const nodeTokenRefused = () =>
  new AppError("node_token_refused", 401, "The node's token is missing or not valid.", {
    hint: "Register the node again to get a new token.",
  });

export type InferenceFailure =
  /** No live node offers the model. */
  | "no_node"
  /** Every node that offers the model is at its capacity. */
  | "busy"
  | "context_length_exceeded"
  /** The node's connection ended. */
  | "node_lost"
  /** The node sent no token for too long. */
  | "stalled"
  | "engine_failed";

/** Why an inference could not be started or finished. */
export class InferenceError extends Error {
  readonly code: InferenceFailure;

  constructor(code: InferenceFailure, message: string) {
    super(message);
    this.name = "InferenceError";
    this.code = code;
  }
}

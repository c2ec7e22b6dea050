import { AppError } from "../../core/errors.ts";

export const nodeTokenRefused = () =>
  new AppError("node_token_refused", 401, "The node's token is missing or not valid.", {
    hint: "Register the node again to get a new token.",
  });

export const instanceReplaced = () =>
  new AppError("replaced_instance", 409, "Another process of this node took this one's place.", {
    hint: "Stop this process, or give it another name (--name) to be a node of its own.",
  });

export const probeOver = () =>
  new AppError("probe_over", 409, "That probe is not open any more.", {
    hint: "Ask for work to get the next.",
  });

export const inviteNeeded = () =>
  new AppError("invite_needed", 403, "Registering a node takes an invitation here.", {
    hint: "Ask an admin for an invitation and pass it with --invite.",
  });

export const inviteRefused = () =>
  new AppError("invite_refused", 403, "The invitation is not known, was used or taken back, or is over.", {
    hint: "Ask an admin for a new one.",
  });

export const inviteOver = (state: string) =>
  new AppError("invite_over", 409, state === "used" ? "A node registered with it." : "It is over already.", {
    hint: state === "used" ? "Take the node out of service instead." : "There is nothing to take back.",
    details: { state },
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

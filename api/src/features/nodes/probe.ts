import { setTimeout as sleep } from "node:timers/promises";
import type { NodeConnection } from "./connection.ts";
import { InferenceError } from "./errors.ts";

const MAX_RETRY_MS = 300_000;
const PROBE_STALL_MS = 30_000;
/** A token or two can be half of one character: this many show some text for certain. */
const PROBE_TOKENS = 8;

/**
 * Asks a node for a few tokens of a model until it gives some, with growing pauses.
 * @returns false when the node went away, no longer has the model, or another probe of it is under way
 */
export async function probe(
  connection: NodeConnection,
  modelId: string,
  retryMs: number,
  onFailure: (why: string) => void,
): Promise<boolean> {
  if (connection.probing.has(modelId)) return false;
  connection.probing.add(modelId);
  try {
    for (let pause = retryMs; ; pause = Math.min(pause * 2, MAX_RETRY_MS)) {
      const why = await attempt(connection, modelId);
      const wanted = connection.open && connection.models.get(modelId)?.state === "ready";
      if (!wanted) return false;
      if (why === null) return true;
      onFailure(why);
      await sleep(pause, undefined, { ref: false });
      if (!connection.open || connection.models.get(modelId)?.state !== "ready") return false;
    }
  } finally {
    connection.probing.delete(modelId);
  }
}

/** @returns what went wrong, null when the model answered */
async function attempt(connection: NodeConnection, modelId: string): Promise<string | null> {
  const stream = connection.start(
    {
      modelId,
      request: {
        messages: [{ role: "user", content: "ping" }],
        maxTokens: PROBE_TOKENS,
        temperature: 0,
        topP: 1,
        stop: [],
        seed: 1,
      },
    },
    PROBE_STALL_MS,
  );
  let text = "";
  try {
    for await (const event of stream.events()) {
      if (event.type === "delta") text += event.text;
    }
    return text.length > 0 ? null : "the answer was empty";
  } catch (error) {
    if (error instanceof InferenceError) return error.message;
    throw error;
  }
}

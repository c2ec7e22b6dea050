import { setTimeout as sleep } from "node:timers/promises";
import type { NodeConnection } from "./connection.ts";
import { InferenceError } from "./errors.ts";

const MAX_RETRY_MS = 300_000;
const PROBE_STALL_MS = 30_000;
/** A token or two can be half of one character: this many show some text for certain. */
const PROBE_TOKENS = 8;

/** `why` it failed, null when it passed, and the milliseconds that it took. */
export interface ProbeOutcome {
  why: string | null;
  ms: number;
}

/**
 * Asks a node for a few tokens of a model until it gives some, with growing pauses.
 * @returns false when the node went away, no longer has the model, or another probe of it is under way
 */
export async function probe(
  connection: NodeConnection,
  modelId: string,
  retryMs: number,
  onOutcome: (outcome: ProbeOutcome) => void,
): Promise<boolean> {
  if (connection.probing.has(modelId)) return false;
  connection.probing.add(modelId);
  try {
    for (let pause = retryMs; ; pause = Math.min(pause * 2, MAX_RETRY_MS)) {
      const outcome = await attempt(connection, modelId);
      if (!stands(connection, modelId)) return false;
      onOutcome(outcome);
      if (outcome.why === null) return true;
      await sleep(pause, undefined, { ref: false });
      if (!stands(connection, modelId)) return false;
    }
  } finally {
    connection.probing.delete(modelId);
  }
}

/**
 * Asks once.
 * @returns whether it passed; undefined when the node went away, no longer has the model, or is being asked already
 */
export async function once(
  connection: NodeConnection,
  modelId: string,
  onOutcome: (outcome: ProbeOutcome) => void,
): Promise<boolean | undefined> {
  if (connection.probing.has(modelId)) return undefined;
  connection.probing.add(modelId);
  try {
    const outcome = await attempt(connection, modelId);
    if (!stands(connection, modelId)) return undefined;
    onOutcome(outcome);
    return outcome.why === null;
  } finally {
    connection.probing.delete(modelId);
  }
}

/** Whether the node is there and says that it has the model. */
const stands = (connection: NodeConnection, modelId: string) =>
  connection.open && connection.models.get(modelId)?.state === "ready";

async function attempt(connection: NodeConnection, modelId: string): Promise<ProbeOutcome> {
  const started = performance.now();
  const why = await ask(connection, modelId);
  connection.probedAt.set(modelId, Date.now());
  return { why, ms: performance.now() - started };
}

/** @returns what went wrong, null when the model answered */
async function ask(connection: NodeConnection, modelId: string): Promise<string | null> {
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

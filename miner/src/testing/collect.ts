import type { Completion, Engine } from "../engines/engine.ts";
import type { InferenceRequest } from "../protocol.ts";

/** Runs one generation to its end. */
export async function collect(
  engine: Engine,
  request: Partial<InferenceRequest> & { content?: string },
  signal: AbortSignal = new AbortController().signal,
): Promise<Completion & { text: string; pieces: string[] }> {
  const { content, ...rest } = request;
  const messages = [{ role: "user", content: content ?? "" }];
  const stream = engine.generate({ messages, ...rest }, signal);
  const pieces: string[] = [];
  let step = await stream.next();
  while (!step.done) {
    pieces.push(step.value);
    step = await stream.next();
  }
  return { ...step.value, pieces, text: pieces.join("") };
}

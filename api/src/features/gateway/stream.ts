import type { Logger } from "pino";
import { toAppError } from "../../core/http.ts";
import { toOpenAIError } from "../../core/openai-error.ts";
import { InferenceError } from "../nodes/errors.ts";
import type { InferenceEvent } from "../nodes/inference.ts";
import type { TokenUsage } from "../nodes/protocol.ts";
import { inferenceAppError } from "./errors.ts";

export interface ChunkHead {
  id: string;
  /** Unix seconds. */
  created: number;
  model: string;
}

export interface SseOptions {
  head: ChunkHead;
  includeUsage: boolean;
  /** Told when the client goes away. */
  abort: AbortController;
  log: Logger;
}

const encoder = new TextEncoder();

/** Engine usage under OpenAI's names. */
export function completionUsage({ promptTokens, completionTokens }: TokenUsage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/**
 * OpenAI's event stream of an answer: one chunk for each event, sent when it arrives. A failure becomes an error
 * event, so that the end is never silent. When the client goes away the rest is read to its end, for its usage.
 */
export function completionStream(
  first: IteratorResult<InferenceEvent>,
  events: AsyncIterator<InferenceEvent>,
  options: SseOptions,
): ReadableStream<Uint8Array> {
  const { head, includeUsage, abort, log } = options;
  const common = `{"id":${JSON.stringify(head.id)},"object":"chat.completion.chunk","created":${head.created},"model":${JSON.stringify(head.model)},"system_fingerprint":null,`;
  const tail = includeUsage ? `,"usage":null}\n\n` : "}\n\n";
  const choice = (delta: string, finish: string) =>
    `data: ${common}"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${tail}`;
  const encode = (event: InferenceEvent): string => {
    switch (event.type) {
      case "start":
        return choice(`{"role":"assistant","content":"","refusal":null}`, "null");
      case "delta":
        return choice(`{"content":${JSON.stringify(event.text)}}`, "null");
      case "done": {
        const usage =
          includeUsage && event.usage
            ? `data: ${common}"choices":[],"usage":${JSON.stringify(completionUsage(event.usage))}}\n\n`
            : "";
        return `${choice("{}", JSON.stringify(event.finishReason))}${usage}data: [DONE]\n\n`;
      }
    }
  };
  let next: IteratorResult<InferenceEvent> | undefined = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = next ?? (await events.next());
          next = undefined;
          if (done || abort.signal.aborted) {
            controller.close();
            if (!done) void drain(events);
            return;
          }
          controller.enqueue(encoder.encode(encode(value)));
        } catch (error) {
          const appError = toAppError(inferenceAppError(error));
          log.warn({ err: error }, "A stream ended with an error.");
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(toOpenAIError(appError))}\n\n`));
          controller.close();
        }
      },
      cancel() {
        abort.abort();
        void drain(events);
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The whole answer as one object.
 * @throws InferenceError
 */
export async function collect(events: AsyncIterable<InferenceEvent>, head: ChunkHead) {
  let content = "";
  for await (const event of events) {
    if (event.type === "delta") content += event.text;
    if (event.type !== "done") continue;
    return {
      id: head.id,
      object: "chat.completion" as const,
      created: head.created,
      model: head.model,
      choices: [
        {
          index: 0,
          message: { role: "assistant" as const, content, refusal: null },
          logprobs: null,
          // A cancelled answer has no reader any more.
          finish_reason: event.finishReason === "length" ? ("length" as const) : ("stop" as const),
        },
      ],
      usage: completionUsage(event.usage ?? { promptTokens: 0, completionTokens: 0 }),
    };
  }
  throw new InferenceError("node_lost", "The answer ended without its end.");
}

/** Reads what is left and forgets it. */
export async function drain(events: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await events.next()).done);
  } catch {
    // The failure is in its usage row.
  }
}

import { drain } from "../gateway/stream.ts";
import type { ChatEvent } from "./shapes.ts";

const encoder = new TextEncoder();

/** Server-sent events of an answer. When the reader goes away the answer is stopped, and read on so that it is saved. */
export function chatStream(
  events: AsyncIterator<ChatEvent>,
  abort: AbortController,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
      },
      cancel() {
        abort.abort();
        void drain(events);
      },
    },
    { highWaterMark: 0 },
  );
}

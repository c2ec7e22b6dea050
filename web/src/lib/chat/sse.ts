import type { ChatEvent } from "../api/types.ts";

/** One event of a text/event-stream. Source: the HTML standard, 9.2.6. */
export interface ServerSentEvent {
  event: string;
  data: string;
}

/** Splits a text/event-stream into its events, wherever the network cut it; comments and empty events are left out. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = "";
  let event = "";
  let data: string[] = [];
  try {
    while (true) {
      const { value, done } = await reader.read();
      rest += value ?? "";
      // A line may end in CR alone, so a CR at the very end waits for the LF that may follow.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield { event: event || "message", data: data.join("\n") };
          event = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon === -1 ? line : line.slice(0, colon);
        const content = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "data") data.push(content);
        else if (field === "event") event = content;
      }
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * The chat's events. A stream that ends without `done` or `error` was cut: that is an error too, never a silent end.
 */
export async function* readChatEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatEvent> {
  for await (const { data } of readEvents(body)) {
    if (data === "[DONE]") continue;
    const event = JSON.parse(data) as ChatEvent;
    yield event;
    if (event.type === "done" || event.type === "error") return;
  }
  yield { type: "error", code: "cut_short", message: "The answer was cut short." };
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readChatEvents, readEvents } from "./sse.ts";

function streamOf(bytes: Uint8Array, cuts: number[] = []): ReadableStream<Uint8Array> {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return new ReadableStream({
    start(controller) {
      let from = 0;
      for (const to of [...at, bytes.length]) {
        if (to > from) controller.enqueue(bytes.slice(from, to));
        from = to;
      }
      controller.close();
    },
  });
}
const utf8 = (text: string) => new TextEncoder().encode(text);
async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const event of events) list.push(event);
  return list;
}

describe("an event stream", () => {
  it("is the same wherever it is cut", async () => {
    const text = ': hello\r\nevent: a\r\ndata: {"text":"Grüße 🔥"}\r\n\r\ndata: one\ndata:two\n\ndata: lost';
    const expected = [
      { event: "a", data: '{"text":"Grüße 🔥"}' },
      { event: "message", data: "one\ntwo" },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(200)), async (cuts) => {
        expect(await all(readEvents(streamOf(utf8(text), cuts)))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it("leaves out comments and empty events", async () => {
    expect(await all(readEvents(streamOf(utf8(": ping\n\n\n\nid: 3\n\ndata\n\n"))))).toEqual([
      { event: "message", data: "" },
    ]);
  });
});

describe("a chat's answer", () => {
  it("ends with done and reads no further", async () => {
    const text =
      'data: {"type":"delta","text":"Hi"}\n\ndata: {"type":"done","usage":null,"finishReason":"stop"}\n\ndata: {"type":"delta","text":"!"}\n\n';
    expect((await all(readChatEvents(streamOf(utf8(text))))).map((e) => e.type)).toEqual(["delta", "done"]);
  });

  it("never ends silently", async () => {
    const events = await all(readChatEvents(streamOf(utf8('data: {"type":"delta","text":"Hi"}\n\n'))));
    expect(events.at(-1)).toMatchObject({ type: "error", code: "cut_short" });
  });
});

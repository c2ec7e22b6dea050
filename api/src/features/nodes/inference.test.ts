import { expect, test } from "vitest";
import { type InferenceEvent, InferenceStream } from "./inference.ts";

const MIB = "x".repeat(1024 ** 2);

function open(stallMs = 60_000) {
  const broken: string[] = [];
  const stream = new InferenceStream({
    id: "1",
    modelId: "2",
    stallMs,
    onBroken: () => void broken.push("broken"),
  });
  return { stream, broken };
}

const read = async (stream: InferenceStream) => {
  let length = 0;
  for await (const event of stream.events()) if (event.type === "delta") length += event.text.length;
  return length;
};

test("a node that never ends its answer is given up, however fast it is read", async () => {
  const { stream, broken } = open();
  const reading = read(stream);
  reading.catch(() => undefined);
  for (let sent = 0; sent < 20 && !stream.ended; sent++) {
    stream.push({ type: "delta", text: MIB });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect(reading).rejects.toMatchObject({ code: "engine_failed" });
  expect(broken).toEqual(["broken"]);
});

test("pieces that nobody reads are joined, in order, until they are too many", async () => {
  const { stream, broken } = open();
  const text = Array.from({ length: 100_000 }, (_, at) => String(at % 10)).join("");
  for (const piece of text) stream.push({ type: "delta", text: piece });
  stream.push({ type: "done", usage: null, finishReason: "stop" });
  const events: InferenceEvent[] = [];
  for await (const event of stream.events()) events.push(event);
  expect(events.length).toBeLessThan(2_000);
  expect(events.map((event) => (event.type === "delta" ? event.text : "")).join("")).toBe(text);
  const endless = open();
  for (let sent = 0; sent < 2_000_000 && !endless.stream.ended; sent++) {
    endless.stream.push({ type: "delta", text: "x" });
  }
  expect([broken, endless.broken]).toEqual([[], ["broken"]]);
});

test("empty pieces neither wait for a reader nor count as a sign of life", async () => {
  const { stream, broken } = open(100);
  const sending = setInterval(() => stream.push({ type: "delta", text: "" }), 10);
  await expect(read(stream)).rejects.toMatchObject({ code: "stalled" });
  clearInterval(sending);
  expect(broken).toEqual(["broken"]);
});

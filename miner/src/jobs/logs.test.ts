import { describe, expect, it } from "vitest";
import { LOG_CAP, LogSplitter, progressOf, readOutput } from "./logs.ts";

function collected() {
  const all = { text: "", system: "", shares: [] as number[] };
  const splitter = new LogSplitter({
    log: (stream, text) => {
      if (stream === "system") all.system += text;
      else all.text += text;
    },
    progress: (value) => all.shares.push(value),
  });
  return { all, splitter };
}

/** A frame of the engine's multiplexed stream. */
function frame(stream: 1 | 2, text: string | Uint8Array): Buffer {
  const payload = Buffer.from(text as string);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function* inPieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("progressOf", () => {
  it.each<[string, number | null]>([
    ["AIFORGE_PROGRESS 0.42", 0.42],
    ["AIFORGE_PROGRESS 1\r", 1],
    ["AIFORGE_PROGRESS 7", 1],
    ["AIFORGE_PROGRESS 1e-3", 0.001],
    ["AIFORGE_PROGRESS -1", null],
    ["AIFORGE_PROGRESS NaN", null],
    ["AIFORGE_PROGRESS", null],
    [" AIFORGE_PROGRESS 0.5", null],
  ])("reads %j as %j", (line, value) => expect(progressOf(line)).toBe(value));
});

describe("readOutput", () => {
  it("takes frames, characters and lines apart wherever they are cut", async () => {
    const text = "größer — 東京 🦊\nAIFORGE_PROGRESS 0.5\nend";
    for (const size of [1, 3, 7, 1_000]) {
      const { all, splitter } = collected();
      await readOutput(inPieces(Buffer.concat([frame(1, text), frame(2, "note\n")]), size), splitter);
      expect(all).toEqual({ text: "größer — 東京 🦊\nnote\nend", system: "", shares: [0.5] });
    }
  });

  it("makes what no database can hold readable, and keeps the cap to the byte", async () => {
    const { all, splitter } = collected();
    await readOutput(inPieces(frame(1, Buffer.from([0x61, 0, 0xff, 0x0a])), 64), splitter);
    expect(all.text).toBe("a\ufffd\ufffd\n");
    const long = collected();
    await readOutput(inPieces(frame(1, "é".repeat(LOG_CAP)), 65_536), long.splitter);
    expect(Buffer.byteLength(long.all.text)).toBe(LOG_CAP);
    expect(long.all.text).toMatch(/^é+$/);
    expect(long.all.system).toContain("The log ends here");
  });

  it("still reads progress when the log is full", async () => {
    const { all, splitter } = collected();
    const text = `${"x".repeat(LOG_CAP + 10)}\nAIFORGE_PROGRESS 0.9\n`;
    await readOutput(inPieces(frame(1, text), 65_536), splitter);
    expect(all.shares).toEqual([0.9]);
  });
});

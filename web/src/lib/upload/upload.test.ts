import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { showBytes, showCount, showRemaining } from "./bytes.ts";
import { checkFile } from "./upload.ts";

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 KB"],
    [4_636_896, "4.6 MB"],
    [999_950_000, "1 GB"],
    [73_400_000_000, "73.4 GB"],
  ])("%d bytes are %s", (bytes, shown) => expect(showBytes(bytes)).toBe(shown));

  it("counts parameters as people do", () => {
    expect(showCount(4_295_424)).toBe("4.3 M");
    expect(showCount(1_100_000_000)).toBe("1.1 B");
    expect(showCount(405_000_000_000)).toBe("405 B");
    expect(showCount(12)).toBe("12");
  });

  it("guesses what remains only when it can", () => {
    expect(showRemaining(50, 100, 10_000)).toBe("about 10 s left");
    expect(showRemaining(1, 100, 10_000)).toBe("about 17 min left");
    expect(showRemaining(0, 100, 10_000)).toBe("");
    expect(showRemaining(50, 100, 500)).toBe("");
  });
});

describe("a file, before it is sent", () => {
  const named = (content: BlobPart, name = "model.gguf") => new File([content], name);

  it("takes a real GGUF file", async () => {
    const path = fileURLToPath(new URL("../../../../models/tiny-chat-q8_0.gguf", import.meta.url));
    expect(await checkFile(named(new Uint8Array(await readFile(path))))).toBeNull();
  });
  it("refuses an empty file and one that only has the name", async () => {
    expect(await checkFile(named(""))).toMatch(/empty/);
    expect(await checkFile(named("PK\u0003\u0004"))).toMatch(/not a GGUF/);
    expect(await checkFile(named("GG"))).toMatch(/not a GGUF/);
  });
});

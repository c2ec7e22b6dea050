import { describe, expect, it } from "vitest";
import { cleanLine, LogBook, MAX_LINES } from "./log.ts";

const line = (seq: number, text: string, attempt = 1) => ({ attempt, seq, stream: "stdout" as const, text });

describe("a line of a log", () => {
  it.each([
    ["\u001b[31mred\u001b[0m \u001b[1;4mbold\u001b[m", "red bold"],
    ["\u001b]8;;https://example.org\u0007link\u001b]8;;\u0007", "link"],
    ["10 %\r20 %\r30 %", "30 %"],
    ["done\r", "done"],
    ["a\u0000b\u0007c\u001b", "abc"],
    ["tab\there", "tab\there"],
    ["<script>alert(1)</script>", "<script>alert(1)</script>"],
  ])("%j is shown as %j", (text, shown) => {
    expect(cleanLine(text)).toBe(shown);
  });

  it("is cut when it never ends", () => {
    expect(cleanLine("x".repeat(10_000))).toHaveLength(4_001);
  });
});

describe("the log of a job", () => {
  it("has each line once, in order, by attempt", () => {
    const book = new LogBook();
    expect(book.add(line(1, "a"))).toBe(true);
    expect(book.add(line(2, "b\nc\n"))).toBe(true);
    expect(book.add(line(1, "a"))).toBe(false);
    expect(book.add(line(1, "x", 2))).toBe(true);
    expect(book.of(1).lines.map(({ text }) => text)).toEqual(["a", "b", "c"]);
    expect(book.of(1).seq).toBe(2);
    expect(book.of(2).lines.map(({ text }) => text)).toEqual(["x"]);
    expect(book.of(3)).toEqual({ lines: [], dropped: 0, seq: 0 });
  });

  it("holds the last lines and says how many came before", () => {
    const book = new LogBook();
    for (let seq = 1; seq <= MAX_LINES + 7; seq++) book.add(line(seq, String(seq)));
    const { lines, dropped } = book.of(1);
    expect(lines).toHaveLength(MAX_LINES);
    expect(dropped).toBe(7);
    expect(lines[0]?.text).toBe("8");
  });
});

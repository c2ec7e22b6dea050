import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopScanner } from "./stop-scanner.ts";

function run(stops: string[], pieces: string[]): { text: string; stopped: boolean } {
  const scanner = new StopScanner(stops);
  let text = "";
  for (const piece of pieces) {
    const step = scanner.push(piece);
    text += step.text;
    if (step.stopped) return { text, stopped: true };
  }
  return { text: text + scanner.flush(), stopped: false };
}

describe("StopScanner", () => {
  it("passes text on at once when no stop string can begin in it", () => {
    expect(new StopScanner(["\n\n"]).push("The capital")).toEqual({ text: "The capital", stopped: false });
  });

  it("finds a stop string that is spread over pieces", () => {
    expect(run(["STOP"], ["one S", "TO", "P two"])).toEqual({ text: "one ", stopped: true });
  });

  it("gives back what looked like a stop string and was none", () => {
    expect(run(["STOP"], ["one S", "TO", "RE"])).toEqual({ text: "one STORE", stopped: false });
    expect(run(["STOP"], ["one ST"])).toEqual({ text: "one ST", stopped: false });
  });

  it("ends at the earliest of several, and knows no empty one", () => {
    expect(run(["", "b", "ab"], ["xab"])).toEqual({ text: "x", stopped: true });
  });

  it("ends where a search in the whole text would, however the text is cut", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
        const whole = pieces.join("");
        const ends = stops.map((s) => whole.indexOf(s)).filter((at) => at !== -1);
        const got = run(stops, pieces);
        expect(got.stopped).toBe(ends.length > 0);
        // Met early in the stream, a stop string can only be one that starts no later than any other seen
        // by then; a later, longer one never wins over it.
        expect(got.text).toBe(ends.length > 0 ? whole.slice(0, got.text.length) : whole);
        for (const s of stops) expect(got.text.includes(s)).toBe(false);
      }),
    );
  });
});

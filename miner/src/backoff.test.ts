import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffDelay } from "./backoff.ts";

describe("backoffDelay", () => {
  it("doubles its ceiling until the cap", () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7].map((failures) =>
      backoffDelay(failures, { baseMs: 1_000, capMs: 30_000, random: () => 1 }),
    );
    expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it("uses the whole range down to zero", () => {
    expect(backoffDelay(5, { random: () => 0 })).toBe(0);
  });

  it("stays between zero and the cap for any count and any draw", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -5, max: 1e6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, draw) => {
          const delay = backoffDelay(n, { capMs: 30_000, random: () => draw });
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(30_000);
        },
      ),
    );
  });
});

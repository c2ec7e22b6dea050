import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LAST_MONTH, MonthError, monthIndex, monthOf, monthStart, monthText } from "./month.ts";

describe("a month", () => {
  it("is counted as the contract counts it", () => {
    expect(monthIndex("2026-11")).toBe(2026 * 12 + 10);
    expect(monthText(2026 * 12)).toBe("2026-01");
    expect(monthStart(monthIndex("1970-01"))).toBe(0n);
    expect(monthText(LAST_MONTH)).toBe("5460-12");
  });

  it("holds the seconds from its first to before the next one's first, in UTC", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1970 * 12, max: LAST_MONTH - 1 }), (index) => {
        expect(monthIndex(monthText(index))).toBe(index);
        expect(monthOf(monthStart(index))).toBe(index);
        expect(monthOf(monthStart(index + 1) - 1n)).toBe(index);
      }),
    );
  });

  it.each(["2026-13", "2026-00", "2026-1", "1969-12", "9999-01", " 2026-11", "2026-11 ", "2026/11", ""])(
    "is not %j",
    (text) => {
      expect(() => monthIndex(text)).toThrow(MonthError);
    },
  );
});

import { describe, expect, it } from "vitest";
import { divide, readShare, timeLeft, writeShare } from "./disputes.ts";

describe("a disputed price", () => {
  it.each([
    [10_000_000n, 2_500, { node: 2_375_000n, fee: 125_000n, client: 7_500_000n }],
    [10_000_000n, 0, { node: 0n, fee: 0n, client: 10_000_000n }],
    [10_000_000n, 10_000, { node: 9_500_000n, fee: 500_000n, client: 0n }],
    // What does not divide is rounded down for the node's side, and the fee of that once more.
    [7n, 5_000, { node: 3n, fee: 0n, client: 4n }],
    [1_000_001n, 3_333, { node: 316_635n, fee: 16_665n, client: 666_701n }],
  ])("of %s at %s basis points is divided without a rest", (price, bps, parts) => {
    expect(divide(price, bps)).toEqual(parts);
    const { node, fee, client } = divide(price, bps);
    expect(node + fee + client).toBe(price);
  });
});

describe("the node's part", () => {
  const price = 8_000_000n;
  it.each([
    ["33.33", "percent", 3_333],
    ["0", "percent", 0],
    ["100", "percent", 10_000],
    ["2", "usdt", 2_500],
    ["8", "usdt", 10_000],
    // 1.0003 USDT are 1250.375 basis points.
    ["1.0003", "usdt", 1_250],
    ["1.0005", "usdt", 1_251],
  ] as const)("%s in %s is %s basis points", (text, unit, bps) => {
    expect(readShare(text, unit, price)).toEqual({ bps });
  });

  it.each([
    ["", "percent"],
    ["100.01", "percent"],
    ["33.333", "percent"],
    ["-1", "percent"],
    ["half", "percent"],
    ["8.000001", "usdt"],
    ["1e1", "usdt"],
  ] as const)("%j in %s is none", (text, unit) => {
    expect(readShare(text, unit, price)).toHaveProperty("problem");
  });

  it("stays what it is in the other unit", () => {
    for (const unit of ["percent", "usdt"] as const) {
      for (const bps of [0, 1, 2_500, 3_333, 10_000]) {
        expect(readShare(writeShare(bps, unit, price), unit, price)).toEqual({ bps });
      }
    }
    expect(writeShare(2_500, "percent", price)).toBe("25");
    expect(writeShare(10_000, "percent", price)).toBe("100");
    expect(writeShare(2_500, "usdt", price)).toBe("2");
  });
});

it("says how much time is left", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  expect(timeLeft("2026-11-28T12:00:00Z", now)).toBe("7 days");
  expect(timeLeft("2026-11-22T12:30:00Z", now)).toBe("24 hours");
  expect(timeLeft("2026-11-21T12:01:30Z", now)).toBe("1 minute");
  expect(timeLeft("2026-11-21T11:59:00Z", now)).toBeNull();
});

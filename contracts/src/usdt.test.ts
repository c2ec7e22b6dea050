import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AmountError, formatUsdt, MAX_PRICE, MAX_UINT256, parseUsdt } from "./usdt.ts";

const codeOf = (text: unknown, options?: { max: bigint }) => {
  try {
    parseUsdt(text as string, options);
  } catch (error) {
    if (error instanceof AmountError) return error.code;
    throw error;
  }
  return null;
};

describe("parseUsdt", () => {
  it.each([
    ["0", 0n],
    ["9", 9_000_000n],
    ["9.00", 9_000_000n],
    ["9.5", 9_500_000n],
    ["0.000001", 1n],
    ["1234567.891234", 1_234_567_891_234n],
  ])("reads %s", (text, micro) => expect(parseUsdt(text)).toBe(micro));

  it.each([
    "",
    " ",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "1e3",
    "1E3",
    "0x10",
    "1_000",
    "1,000",
    "1,5",
    ".5",
    "5.",
    ".",
    "01",
    "00.5",
    "1.2.3",
    "--1",
    "NaN",
    "Infinity",
    "null",
    "١٢",
    "\uff11",
    "1．5",
    "½",
    "1\u0000",
    "\u200b1",
  ])("refuses %j", (text) => expect(codeOf(text)).toBe("not_an_amount"));

  it.each([Number.NaN, 1, 1n, null, undefined, [], ["1"], { toString: () => "1" }, true])(
    "refuses what is no text: %o",
    (value) => expect(codeOf(value)).toBe("not_an_amount"),
  );

  it.each(["-1", "-0", "-0.000001"])("refuses the negative %s", (text) =>
    expect(codeOf(text)).toBe("negative"),
  );

  it.each(["1.0000000", "0.0000001", "1.1234567"])("refuses the seventh decimal of %s", (text) =>
    expect(codeOf(text)).toBe("too_many_decimals"),
  );

  it("takes what fits the ledger, and nothing more", () => {
    expect(parseUsdt(formatUsdt(MAX_UINT256))).toBe(MAX_UINT256);
    expect(codeOf(formatUsdt(MAX_UINT256 + 1n))).toBe("too_large");
    expect(codeOf((2n ** 256n).toString())).toBe("too_large");
    expect(codeOf("9".repeat(1_000_000))).toBe("too_large");
  });

  it("takes what fits a price, and nothing more", () => {
    expect(parseUsdt("18446744073709.551615", { max: MAX_PRICE })).toBe(MAX_PRICE);
    expect(codeOf("18446744073709.551616", { max: MAX_PRICE })).toBe("too_large");
  });
});

describe("formatUsdt", () => {
  it.each([
    [0n, "0.00"],
    [1n, "0.000001"],
    [100_000n, "0.10"],
    [120_000n, "0.12"],
    [123_000n, "0.123"],
    [9_000_000n, "9.00"],
    [-4_500_000n, "-4.50"],
    [-1n, "-0.000001"],
  ])("writes %s as %s", (micro, text) => expect(formatUsdt(micro)).toBe(text));

  it("is the inverse of parseUsdt", () => {
    fc.assert(fc.property(fc.bigInt(0n, MAX_UINT256), (micro) => parseUsdt(formatUsdt(micro)) === micro));
  });
});

import type { Address } from "viem";
import { describe, expect, it } from "vitest";
import { DEMO_ACCOUNTS } from "./demoAccounts.ts";
import { assertSplit, type Split, SplitError, splitId } from "./split.ts";

const [a, b, c] = DEMO_ACCOUNTS.slice(3, 6).map(({ address }) => address) as [Address, Address, Address];
const crowd = (size: number): Split => ({
  members: Array.from({ length: size }, (_, i) => `0x${(i + 1).toString(16).padStart(40, "0")}` as const),
  bps: Array.from({ length: size }, (_, i) => (i === 0 ? 10_000 - (size - 1) * 50 : 50)),
});
const errorOf = (split: Split) => {
  try {
    splitId(split);
  } catch (error) {
    if (error instanceof SplitError) return [error.code, error.member];
    throw error;
  }
  return null;
};

// That the ids equal the contract's is tested against the contract, beside deployLocal.
describe("splitId", () => {
  it("depends on members, shares and their order, not on the case of addresses", () => {
    const id = splitId({ members: [a, b], bps: [6_000, 4_000] });
    expect(splitId({ members: [a.toLowerCase() as Address, b], bps: [6_000, 4_000] })).toBe(id);
    expect(splitId({ members: [b, a], bps: [4_000, 6_000] })).not.toBe(id);
    expect(splitId({ members: [a, b], bps: [4_000, 6_000] })).not.toBe(id);
  });

  it.each<[string, Split, string, number | null]>([
    ["nobody", { members: [], bps: [] }, "members_out_of_range", null],
    ["101 members", crowd(101), "members_out_of_range", null],
    ["a share too few", { members: [a, b], bps: [10_000] }, "shares_not_matched", null],
    ["a share too many", { members: [a], bps: [5_000, 5_000] }, "shares_not_matched", null],
    ["the zero address", { members: [a, `0x${"0".repeat(40)}`], bps: [1, 9_999] }, "invalid_member", 1],
    ["half an address", { members: ["0x1234"], bps: [10_000] }, "invalid_member", 0],
    ["a duplicate", { members: [a, b, a], bps: [1, 1, 9_998] }, "duplicate_member", 2],
    [
      "a duplicate in other letters",
      { members: [a, a.toLowerCase() as Address], bps: [1, 9_999] },
      "duplicate_member",
      1,
    ],
    ["a zero share", { members: [a, b, c], bps: [5_000, 5_000, 0] }, "invalid_share", 2],
    ["a negative share", { members: [a, b], bps: [10_001, -1] }, "invalid_share", 0],
    ["a broken share", { members: [a, b], bps: [0.5, 9_999.5] }, "invalid_share", 0],
    ["a share that is no number", { members: [a], bps: [Number.NaN] }, "invalid_share", 0],
    ["99.99 %", { members: [a, b], bps: [5_000, 4_999] }, "shares_do_not_sum", null],
    ["100.01 %", { members: [a, b], bps: [5_000, 5_001] }, "shares_do_not_sum", null],
  ])("refuses %s", (_, split, code, member) => expect(errorOf(split)).toEqual([code, member]));

  it("takes 1 and 100 members", () => {
    expect(() => assertSplit({ members: [a], bps: [10_000] })).not.toThrow();
    expect(() => assertSplit(crowd(100))).not.toThrow();
  });
});

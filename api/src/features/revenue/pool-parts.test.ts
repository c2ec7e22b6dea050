import { describe, expect, it } from "vitest";
import { claimedByModel } from "./pool-parts.ts";

const parts = [
  { modelId: "b", month: 24_322, amount: 3n },
  { modelId: "a", month: 24_321, amount: 70n },
  { modelId: "b", month: 24_321, amount: 30n },
  { modelId: "a", month: 24_322, amount: 1n },
];

describe("what a split claimed of the pool", () => {
  it.each([
    [0n, []],
    // The first month, which is all that was owed when it was claimed.
    [
      100n,
      [
        ["a", 70n],
        ["b", 30n],
      ],
    ],
    [
      104n,
      [
        ["a", 71n],
        ["b", 33n],
      ],
    ],
    // More than the platform knows of, by roots of somebody else's, is no model's.
    [
      200n,
      [
        ["a", 71n],
        ["b", 33n],
      ],
    ],
    [
      50n,
      [
        ["a", 35n],
        ["b", 15n],
      ],
    ],
    [
      102n,
      [
        ["a", 70n],
        ["b", 31n],
      ],
    ],
  ] as [bigint, [string, bigint][]][])("of %s is of its models, month by month", (claimed, expected) => {
    expect([...claimedByModel(parts, claimed)].sort()).toEqual(expected);
  });

  it("is of nobody where nothing was shared", () => {
    expect(claimedByModel([], 5n).size).toBe(0);
    expect(claimedByModel([{ modelId: "a", month: 1, amount: 0n }], 5n).size).toBe(0);
  });
});

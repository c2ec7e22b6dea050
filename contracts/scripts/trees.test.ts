import { describe, expect, it } from "vitest";
import { parseTree, treeProblems } from "./trees.ts";

describe("the branching trees of the contract's tests", () => {
  it("have a test for every leaf, a leaf for every test, and a place for every function, error and event", () => {
    expect(treeProblems()).toEqual([]);
  });

  it("name a test by the condition above its outcomes", () => {
    const text = `Ledger.deposit
├── when new money is stopped
│   └── it reverts with EnforcedPause
└── given a payee's credit
    ├── when MAX_MONTHS are 9,999
    │   ├── it adds to the credit
    │   └── it emits Deposited
    └── when a call is made inside
        └── it reverts inside with Reentered
`;
    expect(parseTree(text)).toEqual({
      root: "Ledger.deposit",
      tests: [
        "deposit_RevertWhen_NewMoneyIsStopped",
        "deposit_WhenMAXMONTHSAre9999",
        "deposit_WhenACallIsMadeInside",
      ],
      outcomes: [
        "it reverts with EnforcedPause",
        "it adds to the credit",
        "it emits Deposited",
        "it reverts inside with Reentered",
      ],
    });
  });

  it("refuse a branch without an outcome, and what is no branch", () => {
    expect(() => parseTree("Ledger.deposit\n└── when nothing follows\n")).toThrow("no outcome");
    expect(() => parseTree("Ledger.deposit\n└── it is fine\n    perhaps\n")).toThrow("not a branch");
    expect(() => parseTree("Ledger.deposit\n│   └── it hangs in the air\n")).toThrow("not a branch");
  });
});

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CLAIMS, prove } from "./smt.ts";

const SHARES = "solidity/Shares.sol";
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

function replaced(path: string, what: string, by: string) {
  const source = read(path);
  expect(source).toContain(what);
  return { [path]: source.replace(what, by) };
}

it("proves every claim about the shares", () => {
  const { proved, failures } = prove();
  expect(failures).toEqual([]);
  expect(proved).toEqual([
    "partIsAtMostAmount",
    "partAndRestAreAmount",
    "partIsRoundedDown",
    "wholeAndNothing",
    "partGrowsWithAmount",
    "partGrowsWithShare",
    "noMembers",
    "oneMoreMember",
    "allMembers",
  ]);
}, 300_000);

it("refutes a claim that is wrong, with values that show it", () => {
  const { proved, failures } = prove(replaced(CLAIMS, "amount - parts <= members - 1", "parts == amount"));
  expect(proved).not.toContain("allMembers");
  expect(proved).toContain("oneMoreMember");
  expect(failures.join("\n")).toMatch(/Assertion violation happens here[\s\S]*Counterexample/);
}, 300_000);

it("proves nothing of a claim that requires the impossible", () => {
  const { proved, failures } = prove(replaced(CLAIMS, "require(members != 0", "require(members < 0"));
  expect(proved).not.toContain("allMembers");
  expect(failures).toEqual(["allMembers: nothing satisfies it"]);
}, 300_000);

it.each([
  ["another whole", "= 10_000", "= 9_999"],
  ["rounding up", "(amount * bps) / WHOLE", "(amount * bps + WHOLE - 1) / WHOLE"],
])(
  "fails for a library with %s",
  (_, what, by) => {
    expect(prove(replaced(SHARES, what, by)).failures).not.toEqual([]);
  },
  300_000,
);

import { expect, it } from "vitest";
import { type Branch, countBranches, tagOf } from "./branches.ts";

it("counts each operand of each condition, and moves no line", () => {
  const source = `// ←
pragma solidity 0.8.37;

contract C {
    function f(uint256 a, uint256 b) external pure returns (uint256) {
        if (a == 0 || (b > 1 && !(a > b))) return 1;
        for (uint256 i = 0; i < a; ++i) b += i;
        return g(a > 2 ? a : b) == 0 ? 1 : 2;
    }
}
`;
  const branches: Branch[] = [];
  const counted = countBranches("C.sol", source, branches);
  expect(counted).toBe(`// ←
pragma solidity 0.8.37; import {branched} from "./Branches.sol";

contract C {
    function f(uint256 a, uint256 b) external pure returns (uint256) {
        if (branched(a == 0, 0) || (branched(b > 1, 1) && branched(!(a > b), 2))) return 1;
        for (uint256 i = 0; branched(i < a, 3); ++i) b += i;
        return branched(g(branched(a > 2, 5) ? a : b) == 0, 4) ? 1 : 2;
    }
}
`);
  expect(branches.map(({ line, text }) => `${line} ${text}`)).toEqual([
    "6 a == 0",
    "6 b > 1",
    "6 !(a > b)",
    "7 i < a",
    "8 g(a > 2 ? a : b) == 0",
    "8 a > 2",
  ]);
});

it("gives every outcome a tag of its own", () => {
  const tags = [0, 1, 2].flatMap((branch) => [tagOf(branch, true), tagOf(branch, false)]);
  expect(new Set(tags).size).toBe(6);
  expect(tags.every((tag) => /^[0-9a-f]{64}$/.test(tag))).toBe(true);
});

it("refuses what is no Solidity", () => {
  expect(() => countBranches("C.sol", "contract {", [])).toThrow("ParserError");
});

import solc from "solc";

/** A condition in the sources whose two outcomes are counted. */
export interface Branch {
  file: string;
  line: number;
  text: string;
}

interface AstNode {
  nodeType: string;
  src: string;
  operator?: string;
  condition?: AstNode;
  leftExpression?: AstNode;
  rightExpression?: AstNode;
  components?: AstNode[];
  [key: string]: unknown;
}

const DECISIONS = ["IfStatement", "Conditional", "ForStatement", "WhileStatement", "DoWhileStatement"];
/** Hardhat counts what is called here; a number that it never gives a statement of its own. */
const FIRST_TAG = 1n << 192n;

/** The file that instrumented sources import. It tells Hardhat, as Hardhat's own instrumentation does, what was hit. */
export const BRANCHES_FILE = "Branches.sol";
export const BRANCHES_SOURCE = `// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

function branched(bool taken, uint256 branch) pure returns (bool) {
    function(bool, uint256) internal view told = _tell;
    function(bool, uint256) internal pure quiet;
    assembly ("memory-safe") {
        quiet := told
    }
    quiet(taken, branch);
    return taken;
}

function _tell(bool taken, uint256 branch) view {
    assembly ("memory-safe") {
        let tag := mload(0x40)
        mstore(tag, add(${FIRST_TAG}, add(mul(branch, 2), taken)))
        pop(staticcall(gas(), 0xc0bEc0BEc0BeC0bEC0beC0bEC0bEC0beC0beC0BE, tag, 32, 0, 0))
    }
}
`;

/** The tag under which Hardhat counts an outcome of the branch with this number. */
export function tagOf(branch: number, taken: boolean): string {
  return (FIRST_TAG + BigInt(branch) * 2n + (taken ? 1n : 0n)).toString(16).padStart(64, "0");
}

/**
 * Counts both outcomes of every condition: of `if`, `?:` and loops, and of each operand of `&&` and `||` by itself.
 * No line moves.
 * @param branches numbers are places in this list, which grows.
 * @throws Error where the source does not parse.
 */
export function countBranches(file: string, source: string, branches: Branch[]): string {
  const bytes = Buffer.from(source);
  const insertions: { at: number; text: string; order: number }[] = [];
  for (const condition of conditionsOf(parse(file, source))) {
    const [start = 0, length = 0] = condition.src.split(":").map(Number);
    const line = bytes.subarray(0, start).toString().split("\n").length;
    const text = bytes.subarray(start, start + length).toString();
    insertions.push({ at: start, text: "branched(", order: -length });
    insertions.push({ at: start + length, text: `, ${branches.length})`, order: length });
    branches.push({ file, line, text: text.replace(/\s+/g, " ") });
  }
  insertions.sort((one, two) => one.at - two.at || one.order - two.order);
  let counted = "";
  let at = 0;
  for (const insertion of insertions) {
    counted += bytes.subarray(at, insertion.at).toString() + insertion.text;
    at = insertion.at;
  }
  counted += bytes.subarray(at).toString();
  return counted.replace(/^pragma .*;$/m, `$& import {branched} from "./${BRANCHES_FILE}";`);
}

function parse(file: string, source: string): AstNode {
  const input = {
    language: "Solidity",
    sources: { [file]: { content: source } },
    settings: { stopAfter: "parsing", outputSelection: { "*": { "": ["ast"] } } },
  };
  const output: { sources?: Record<string, { ast?: AstNode }>; errors?: { formattedMessage: string }[] } =
    JSON.parse(solc.compile(JSON.stringify(input)));
  const ast = output.sources?.[file]?.ast;
  if (!ast)
    throw new Error(output.errors?.map((error) => error.formattedMessage).join("\n") ?? `${file} has no AST`);
  return ast;
}

function conditionsOf(node: AstNode): AstNode[] {
  const own = DECISIONS.includes(node.nodeType) && node.condition ? operandsOf(node.condition) : [];
  const inside = Object.values(node)
    .flat()
    .filter((value): value is AstNode => typeof value === "object" && value !== null && "nodeType" in value);
  return [...own, ...inside.flatMap(conditionsOf)];
}

function operandsOf(condition: AstNode): AstNode[] {
  const { nodeType, operator, leftExpression, rightExpression, components } = condition;
  if (nodeType === "TupleExpression" && components?.[0]) return operandsOf(components[0]);
  if ((operator === "&&" || operator === "||") && leftExpression && rightExpression) {
    return [...operandsOf(leftExpression), ...operandsOf(rightExpression)];
  }
  return [condition];
}

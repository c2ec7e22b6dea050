import { readdirSync, readFileSync } from "node:fs";
import { aiforgeAbi } from "../src/compiled/aiforgeAbi.ts";

const TESTS = new URL("../test/", import.meta.url);
const TREES = new URL("trees/", TESTS);
const SOLIDITY = new URL("../solidity/", import.meta.url);
/** Where every public constant and mapping of a module is read; what is a function of its own has its own tree. */
const GETTERS = "getters";
/** Not about one function: gas, random numbers and calls, and the stand-ins for USDT. */
const WITHOUT_TREES = /^(Gas|Fuzz|Invariants|Tether)/;

interface Node {
  text: string;
  children: Node[];
}

/** A tree file: `root` is `Module.function`, and each condition over outcomes alone is one test. */
export interface Tree {
  root: string;
  /** Names without the `test_` or `testFuzz_` in front. */
  tests: string[];
  /** The outcomes: "it reverts with ZeroAmount". */
  outcomes: string[];
}

/**
 * Reads a branching tree.
 * @throws Error naming the line that is not "when …", "given …" or "it …", or that has no outcome.
 */
export function parseTree(text: string): Tree {
  const [root = "", ...lines] = text.trimEnd().split("\n");
  const top: Node = { text: root, children: [] };
  const path = [top];
  for (const line of lines) {
    const match = /^((?:│ {3}| {4})*)[├└]── ((?:when|given|it) .+)$/.exec(line);
    const parent = match && path[(match[1] ?? "").length / 4];
    if (!parent) throw new Error(`${root}: not a branch: ${line}`);
    const node = { text: match[2] ?? "", children: [] };
    parent.children.push(node);
    path.splice((match[1] ?? "").length / 4 + 1, path.length, node);
  }

  const name = root.slice(root.indexOf(".") + 1);
  const tree: Tree = { root, tests: [], outcomes: [] };
  const walk = (node: Node) => {
    const outcomes = node.children.filter((child) => child.text.startsWith("it "));
    if (node.children.length === 0) throw new Error(`${root}: no outcome: ${node.text}`);
    if (outcomes.length > 0) {
      tree.outcomes.push(...outcomes.map((outcome) => outcome.text));
      const [first = "", ...words] = node.text.split(" ");
      const reverts = outcomes.some(({ text }) => /^it reverts(?! inside)/.test(text));
      tree.tests.push(
        `${name}_${reverts ? "Revert" : ""}${camel(first)}${reverts ? "_" : ""}${camel(words.join(" "))}`,
      );
    }
    for (const child of node.children) if (!child.text.startsWith("it ")) walk(child);
  };
  for (const child of top.children) walk(child);
  return tree;
}

/**
 * What is missing between the trees, the tests that are named after them, and the contract.
 * @returns one sentence for each; none when every leaf has its test, every test its leaf, and every function, custom
 * error and event of AIForge's own its place in a tree.
 */
export function treeProblems(): string[] {
  const problems: string[] = [];
  const trees = new Map<string, Tree>();
  for (const folder of readdirSync(TREES)) {
    for (const file of readdirSync(new URL(`${folder}/`, TREES))) {
      const tree = parseTree(readFileSync(new URL(`${folder}/${file}`, TREES), "utf8"));
      if (`${tree.root.replace(".", "/")}.tree` !== `${folder}/${file}`)
        problems.push(`${folder}/${file} is of ${tree.root}`);
      trees.set(tree.root, tree);
    }
  }
  const modules = [...new Set([...trees.keys()].map((root) => root.slice(0, root.indexOf("."))))];
  return [...problems, ...testProblems(trees, modules), ...contractProblems(trees)];
}

function testProblems(trees: Map<string, Tree>, modules: string[]): string[] {
  const problems: string[] = [];
  const wanted = new Set<string>();
  for (const { root, tests } of trees.values()) {
    const module = root.slice(0, root.indexOf("."));
    for (const test of tests) {
      if (wanted.has(`${module} ${test}`)) problems.push(`${root} has two leaves for test_${test}`);
      wanted.add(`${module} ${test}`);
    }
  }
  const found = new Set<string>();
  for (const file of readdirSync(TESTS).filter((name) => name.endsWith(".t.sol"))) {
    const base = file.slice(0, -".t.sol".length);
    if (WITHOUT_TREES.test(base)) continue;
    const module = modules
      .filter((name) => base.startsWith(name))
      .sort((one, two) => two.length - one.length)[0];
    if (!module) problems.push(`${file} has no trees`);
    for (const [, test] of readFileSync(new URL(file, TESTS), "utf8").matchAll(
      /function test(?:Fuzz)?_(\w+)\(/g,
    )) {
      const key = `${module} ${test}`;
      if (found.has(key)) problems.push(`${file}: test_${test} is there twice`);
      found.add(key);
      if (!wanted.has(key)) problems.push(`${file}: test_${test} stands in no tree of ${module}`);
    }
  }
  for (const key of wanted) if (!found.has(key)) problems.push(`No test for ${key.replace(" ", ": test_")}`);
  return problems;
}

function contractProblems(trees: Map<string, Tree>): string[] {
  const problems: string[] = [];
  const roots = new Set(trees.keys());
  const outcomes = [...trees.values()].flatMap((tree) => tree.outcomes).join("\n");
  const entries: readonly { type: string; name?: string }[] = aiforgeAbi;
  const isIn = (type: string, name: string) =>
    entries.some((entry) => entry.type === type && entry.name === name);
  const mentions = (text: string, name: string) => new RegExp(`\\b${name}\\b`).test(text);

  for (const file of readdirSync(SOLIDITY).filter((name) => name.endsWith(".sol"))) {
    const module = file.slice(0, -".sol".length);
    const source = readFileSync(new URL(file, SOLIDITY), "utf8");
    const declared = (pattern: RegExp) => [...source.matchAll(pattern)].map(([, name]) => name ?? "");
    for (const name of declared(/\bfunction (\w+)\([^)]*\)[^{;]*?\b(?:external|public)\b/g)) {
      if (isIn("function", name) && !roots.has(`${module}.${name}`))
        problems.push(`No tree for ${module}.${name}`);
    }
    const getters = declared(/^ {4}[^/(]*(?:\([^)]*\))?[^;(]* public (?:constant |immutable )?(\w+)\b/gm);
    for (const name of getters.filter((getter) => isIn("function", getter))) {
      if (roots.has(`${module}.${name}`)) continue;
      if (!mentions(readTree(module, roots), name))
        problems.push(`${module}.${GETTERS} does not read ${name}`);
    }
    for (const name of declared(/\berror (\w+)\(/g)) {
      if (isIn("error", name) && !mentions(outcomes, name)) problems.push(`No tree reverts with ${name}`);
    }
    for (const name of declared(/\bevent (\w+)\(/g)) {
      if (isIn("event", name) && !mentions(outcomes, name)) problems.push(`No tree emits ${name}`);
    }
  }
  return problems;
}

function readTree(module: string, roots: Set<string>): string {
  return roots.has(`${module}.${GETTERS}`)
    ? readFileSync(new URL(`${module}/${GETTERS}.tree`, TREES), "utf8")
    : "";
}

function camel(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/\W/g, "").replaceAll("_", ""))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

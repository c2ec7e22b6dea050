import { child, childrenOf, enumsIn, isNode, listOf, type Node, type Range, rangeOf, typeOf } from "./ast.ts";

/** A source with one small mistake in it. */
export interface Mutant extends Range {
  /** File, function, original and replacement: stays the same when lines move. */
  id: string;
  file: string;
  line: number;
  operator: string;
  /** What comes instead of the range. */
  replacement: string;
}

export interface Source {
  content: string;
  ast: Node;
}

interface Context {
  code: (node: Node) => string;
  enums: Map<string, string[]>;
  add: (operator: string, place: Range, replacement: string) => void;
}

const ARITHMETIC = new Map(Object.entries({ "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "**": "*" }));
const BITWISE = new Map(Object.entries({ "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&" }));
const LOGICAL = new Map(Object.entries({ "&&": "||", "||": "&&" }));
const RELATIONAL = new Map([
  ["<", ["<=", ">="]],
  ["<=", ["<", ">"]],
  [">", [">=", "<="]],
  [">=", [">", "<"]],
  ["==", ["!="]],
  ["!=", ["=="]],
]);
const ASSIGNMENT = new Map([
  ["+=", ["-=", "="]],
  ["-=", ["+=", "="]],
  ["*=", ["/="]],
  ["/=", ["*="]],
  ["|=", ["&="]],
  ["&=", ["|="]],
]);
const DELETABLE = new Set(["ExpressionStatement", "EmitStatement", "Return", "Continue", "Break"]);

/** What can be wrong with a node, by its type. Deleted statements come on top. */
const MISTAKES: Record<string, (node: Node, context: Context) => void> = {
  BinaryOperation(node, { add, code }) {
    const [left, right] = [code(child(node, "leftExpression")), code(child(node, "rightExpression"))];
    const operator = String(node.operator);
    const take = (name: string, by = "") => by && add(name, rangeOf(node), `${left} ${by} ${right}`);
    take("arithmetic", ARITHMETIC.get(operator));
    take("bitwise", BITWISE.get(operator));
    take("logical", LOGICAL.get(operator));
    for (const by of RELATIONAL.get(operator) ?? []) take("relational", by);
  },

  UnaryOperation(node, { add, code }) {
    const operand = code(child(node, "subExpression"));
    if (node.operator === "!") add("logical", rangeOf(node), operand);
    const by = node.operator === "++" ? "--" : node.operator === "--" ? "++" : undefined;
    if (by) add("arithmetic", rangeOf(node), node.prefix ? by + operand : operand + by);
  },

  Assignment(node, { add, code }) {
    const [left, right] = [code(child(node, "leftHandSide")), code(child(node, "rightHandSide"))];
    for (const by of ASSIGNMENT.get(String(node.operator)) ?? []) {
      add("assignment", rangeOf(node), `${left} ${by} ${right}`);
    }
  },

  IfStatement(node, { add }) {
    const condition = rangeOf(child(node, "condition"));
    add("never", condition, "false");
    // A guard that always reverts is noticed by whatever test passes it.
    const isGuard = child(node, "trueBody").nodeType === "RevertStatement" && !isNode(node.falseBody);
    if (!isGuard) add("always", condition, "true");
  },

  Conditional(node, { add, code }) {
    const part = (key: string) => code(child(node, key));
    const swapped = `${part("condition")} ? ${part("falseExpression")} : ${part("trueExpression")}`;
    add("swap", rangeOf(node), swapped);
  },

  ModifierInvocation(node, { add }) {
    if (node.kind === "modifierInvocation") add("modifier", rangeOf(node), "");
  },

  FunctionCall(node, { add, code }) {
    const values = listOf(node, "arguments");
    for (const [i, value] of values.entries()) {
      const next = values[i + 1];
      if (!next || typeOf(value) !== typeOf(next) || code(value) === code(next)) continue;
      const [{ start, length }, other] = [rangeOf(value), rangeOf(next)];
      const between = code({ nodeType: "", src: `${start + length}:${other.start - start - length}:` });
      add("swap", { start, length: other.start + other.length - start }, code(next) + between + code(value));
    }
  },

  Literal(node, { add, code }) {
    const [place, value] = [rangeOf(node), code(node)];
    if (node.kind === "bool") add("constant", place, value === "true" ? "false" : "true");
    if (node.kind === "string" && value !== '""') add("constant", place, '""');
    if (node.kind === "number") add("constant", place, `(${value} + 1)`);
    if (node.kind === "number" && node.value !== "0") add("constant", place, `(${value} - 1)`);
  },

  MemberAccess(node, { add, code, enums }) {
    const of = child(node, "expression");
    const members = enums.get(typeOf(of).replace(/^type\((.*)\)$/, "$1")) ?? [];
    const other = members[(members.indexOf(String(node.memberName)) + 1) % members.length];
    if (other) add("enum", rangeOf(node), `${code(of)}.${other}`);
  },
};

/**
 * All mutants of some sources, each different from them in one place.
 * @param sources what the compiler read and made of it, by name; imports belong to it.
 * @param files the names of those to mutate.
 */
export function mutantsOf(sources: Record<string, Source>, files: string[]): Mutant[] {
  const enums = new Map(Object.values(sources).flatMap(({ ast }) => enumsIn(ast)));
  return files.flatMap((file) => {
    const source = sources[file];
    if (!source) throw new Error(`The contract does not import ${file}`);
    return mutantsIn(file, source, enums);
  });
}

/** The text of a source with the mutant's mistake in it. */
export function applied({ start, length, replacement }: Mutant, content: string): string {
  const bytes = Buffer.from(content);
  return bytes.subarray(0, start) + replacement + bytes.subarray(start + length);
}

function mutantsIn(file: string, { content, ast }: Source, enums: Map<string, string[]>): Mutant[] {
  const bytes = Buffer.from(content);
  const text = ({ start, length }: Range) => bytes.subarray(start, start + length).toString();
  const mutants: Mutant[] = [];
  const seen = new Map<string, number>();

  const visit = (node: Node, parent: Node, scope: string) => {
    if (node.nodeType === "InlineAssembly" || node.nodeType === "ImportDirective") return;
    const isScope = node.nodeType === "FunctionDefinition" || node.nodeType === "ModifierDefinition";
    const inner = isScope ? String(node.name || node.kind) : scope;

    const add = (operator: string, place: Range, replacement: string) => {
      // A lone literal says little: its id shows what it stands in.
      const shown = node.nodeType === "Literal" || node.nodeType === "MemberAccess" ? rangeOf(parent) : place;
      const [before, after] = [
        text({ start: shown.start, length: place.start - shown.start }),
        text({
          start: place.start + place.length,
          length: shown.start + shown.length - place.start - place.length,
        }),
      ];
      const change = `${squeeze(text(shown))} -> ${squeeze(before + replacement + after) || "nothing"}`;
      const name = `${file} ${inner}: ${change}`;
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      const id = times === 1 ? name : `${name} (${times})`;
      const line = text({ start: 0, length: place.start }).split("\n").length;
      mutants.push({ id, file, line, operator, ...place, replacement });
    };
    const inHeader = parent.nodeType === "ForStatement" && node !== parent.body;
    if (DELETABLE.has(node.nodeType) && !inHeader) {
      const { start } = rangeOf(node);
      // With the semicolon, which is not part of the node.
      add("delete", { start, length: bytes.indexOf(";", start) + 1 - start }, "{}");
    }
    MISTAKES[node.nodeType]?.(node, { add, enums, code: (of) => text(rangeOf(of)) });
    for (const next of childrenOf(node)) visit(next, node, inner);
  };

  visit(ast, ast, "");
  return mutants;
}

function squeeze(code: string): string {
  return code.replace(/\s+/g, " ").trim();
}

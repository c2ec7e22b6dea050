/** A node of the compiler's syntax tree, as far as it is read here. */
export interface Node {
  nodeType: string;
  /** "start:length:file", in bytes. */
  src: string;
  [key: string]: unknown;
}

/** A stretch of a source, in bytes. */
export interface Range {
  start: number;
  length: number;
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "nodeType" in value && "src" in value;
}

/** All nodes right below a node, in the order of its fields. */
export function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) => (Array.isArray(value) ? value : [value]).filter(isNode));
}

/** The node in a field. Throws where there is none. */
export function child(node: Node, key: string): Node {
  const value = node[key];
  if (!isNode(value)) throw new Error(`${node.nodeType} has no ${key}`);
  return value;
}

/** The nodes in a field that holds a list, holes left out. */
export function listOf(node: Node, key: string): Node[] {
  const value = node[key];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function rangeOf({ src }: Node): Range {
  const [start = 0, length = 0] = src.split(":").map(Number);
  return { start, length };
}

/** What the compiler calls the type of an expression; empty where it has none. */
export function typeOf(node: Node): string {
  const type = node.typeDescriptions;
  const name = type && typeof type === "object" && "typeString" in type ? type.typeString : "";
  return typeof name === "string" ? name : "";
}

/** The members of every enum below a node, by the name of its type ("enum Jobs.JobStatus"). */
export function enumsIn(node: Node, contract = ""): [string, string[]][] {
  return childrenOf(node).flatMap((inner): [string, string[]][] => {
    const name = String(inner.name);
    if (inner.nodeType === "ContractDefinition") return enumsIn(inner, `${name}.`);
    if (inner.nodeType !== "EnumDefinition") return [];
    return [[`enum ${contract}${name}`, listOf(inner, "members").map((member) => String(member.name))]];
  });
}

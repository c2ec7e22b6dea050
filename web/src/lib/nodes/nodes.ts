import type { Node, NodeFilter, NodeSort } from "../api/index.ts";
import { showTime } from "../session/time.ts";

/** What a node is doing, as its badge says it. */
interface NodeState {
  kind: "active" | "draining" | "inactive" | "off";
  text: string;
}

type StateFields = Pick<Node, "status" | "draining" | "deactivated" | "lastHeartbeatAt" | "createdAt">;

/** The worst that is true of a node, with since when. */
export function nodeState(node: StateFields): NodeState {
  if (node.deactivated) return { kind: "off", text: `Out of service since ${showTime(node.deactivated.at)}` };
  if (node.status === "inactive") {
    const heard = node.lastHeartbeatAt;
    return {
      kind: "inactive",
      text: heard ? `Inactive since ${showTime(heard)}` : `Not heard since ${showTime(node.createdAt)}`,
    };
  }
  if (node.draining) return { kind: "draining", text: "Draining: takes nothing new" };
  return { kind: "active", text: "Active" };
}

/** Whether something can be asked of it now. */
export const live = (node: StateFields) => node.status === "active" && !node.deactivated;

/** Those that can be asked for something first, then the better record; the same order whoever was heard last. */
export function byStanding(a: Node, b: Node): number {
  return (
    Number(live(b)) - Number(live(a)) ||
    Number(a.draining) - Number(b.draining) ||
    b.reputation.score - a.reputation.score ||
    a.name.localeCompare(b.name) ||
    a.id.localeCompare(b.id)
  );
}

/** What the list of nodes can be narrowed to. */
export const NODE_FILTERS: Record<NodeFilter, string> = {
  active: "Active",
  serving: "Serving a model",
  jobs: "Takes jobs",
  gpu: "Has a GPU",
};

/** By what the list of nodes can be ordered. */
export const NODE_SORTS: Record<NodeSort, string> = {
  standing: "Ready first, then record",
  price: "Cheapest for jobs",
  reputation: "Best record",
};

/** "2 CPUs", "0.5 CPUs", "1 CPU". */
export function showCpus(millis: number): string {
  const cpus = Number((millis / 1000).toFixed(2));
  return `${cpus} ${cpus === 1 ? "CPU" : "CPUs"}`;
}

/** How a model stands on one node. */
export interface ModelOnNode {
  kind: "serving" | "warm" | "warming" | "failed" | "cold";
  text: string;
}

/** What a node does with a model: what it says of it, held against whether its probe passed and whether it is heard. */
export function modelOnNode(
  node: StateFields & Pick<Node, "models" | "offered">,
  modelId: string,
): ModelOnNode {
  const said = node.models.find((model) => model.modelId === modelId);
  if (!said || !live(node)) return { kind: "cold", text: "Cold" };
  if (said.state === "ready") {
    return node.offered.includes(modelId)
      ? { kind: "serving", text: "Serving" }
      : { kind: "warm", text: "Warm, waits for its probe" };
  }
  if (said.state === "failed") return { kind: "failed", text: "Failed to load" };
  if (said.state === "loading") return { kind: "warming", text: "Warming up" };
  const part = said.progress === undefined ? "" : `, ${Math.floor(said.progress * 100)} %`;
  return { kind: "warming", text: `Fetching the weights${part}` };
}

/** How a model stands in the network, and the nodes that have anything to do with it, the furthest first. */
export function modelInNetwork(nodes: readonly Node[], modelId: string) {
  const order = ["serving", "warm", "warming", "failed", "cold"] as const;
  const on = nodes
    .map((node) => ({ node, state: modelOnNode(node, modelId) }))
    .filter(({ state }) => state.kind !== "cold")
    .sort((a, b) => order.indexOf(a.state.kind) - order.indexOf(b.state.kind));
  const kind = on.find(({ state }) => state.kind !== "failed")?.state.kind ?? "cold";
  return { kind, on };
}

/** "12 done, 1 failed", or that there were none yet. */
export function showRecord({ completed, failed }: Node["reputation"]): string {
  if (completed + failed === 0) return "No job yet";
  return `${completed} done, ${failed} failed`;
}

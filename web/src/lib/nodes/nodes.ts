import type { Node } from "../api/index.ts";
import { showTime } from "../session/time.ts";

/** What a node is doing, as its badge says it. */
export interface NodeState {
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
const live = (node: StateFields) => node.status === "active" && !node.deactivated;

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

/** What a list of nodes can be narrowed to. */
export const NODE_FILTERS = {
  active: { label: "Active", holds: (node: Node) => live(node) },
  serving: { label: "Serving a model", holds: (node: Node) => live(node) && node.offered.length > 0 },
  jobs: { label: "Takes jobs", holds: (node: Node) => live(node) && !node.draining && !!node.jobs?.enabled },
  gpu: { label: "Has a GPU", holds: (node: Node) => gpuCount(node) > 0 },
} as const;
export type NodeFilter = keyof typeof NODE_FILTERS;

/** GPUs that it offers to jobs or, if none, that it measured. */
export function gpuCount({ jobs, figures }: Pick<Node, "jobs" | "figures">): number {
  return jobs?.gpus || (figures?.gpus.length ?? 0);
}

/** "2 CPUs", "0.5 CPUs", "1 CPU". */
export function showCpus(millis: number): string {
  const cpus = Number((millis / 1000).toFixed(2));
  return `${cpus} ${cpus === 1 ? "CPU" : "CPUs"}`;
}

/** Memory or disk given in MiB: "512 MB", "7.8 GB", "1.2 TB", in powers of 1024. */
export function showMegabytes(mb: number): string {
  if (mb < 1024) return `${mb} MB`;
  const gb = mb / 1024;
  const short = (value: number) => value.toFixed(value < 10 ? 1 : 0).replace(/\.0$/, "");
  return gb < 1024 ? `${short(gb)} GB` : `${short(gb / 1024)} TB`;
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

const ENDS: Record<string, string> = {
  node_lost: "the node was lost",
  node_failed: "the node failed",
  node_refused: "the node refused it",
  exit_code: "ended with an error",
  out_of_memory: "out of memory",
  time_limit: "over its time limit",
  setup_time_limit: "set-up took too long",
  output_too_large: "its output was too large",
  too_many_files: "too many files",
  output_invalid: "its output was not valid",
  input_missing: "an input was missing",
  image_missing: "the image was missing",
  cancelled_by_owner: "cancelled by its owner",
  cancelled_by_admin: "cancelled by an admin",
  deadline: "its deadline passed",
};

/** Why an attempt ended, in words. */
export const endReason = (code: string): string => ENDS[code] ?? code.replaceAll("_", " ");

/** Seconds as a time span: "45 s", "12 min", "3 h 20 min". */
export function showSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

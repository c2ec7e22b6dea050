import { describe, expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { byStanding, live, modelInNetwork, modelOnNode, nodeState, showCpus } from "./nodes.ts";

const MODEL = "072189b5-ef83-47ac-a8f5-a0d85a5f0eab";
const node = (changes: Partial<Node> = {}): Node => ({
  id: "d82cb886-a953-4b88-87a5-cbf5769d2ad9",
  name: "one",
  address: "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
  status: "active",
  version: "0.1.0",
  capacity: 4,
  active: 0,
  models: [],
  offered: [],
  figures: null,
  jobs: null,
  draining: false,
  runningJobs: 0,
  used: { cpuMillis: 0, memoryMb: 0, gpus: 0, diskMb: 0 },
  reputation: { completed: 0, failed: 0, probeScore: 1, score: 0.8 },
  probes: { passed: 0, failed: 0, recent: [], lastPassedAt: null, lastFailedAt: null },
  deactivated: null,
  lastHeartbeatAt: "2026-11-21T11:00:00Z",
  verifiedAt: null,
  createdAt: "2026-11-01T11:00:00Z",
  ...changes,
});
const ready = { models: [{ modelId: MODEL, state: "ready" as const }] };

describe("what a node is doing", () => {
  it("says the worst that is true", () => {
    const off = { at: "2026-11-21T10:00:00Z", reason: "Nonsense" };
    expect(nodeState(node()).kind).toBe("active");
    expect(nodeState(node({ draining: true })).kind).toBe("draining");
    expect(nodeState(node({ draining: true, status: "inactive" }))).toMatchObject({
      kind: "inactive",
      text: expect.stringMatching(/^Inactive since 21 Nov 2026/),
    });
    expect(nodeState(node({ status: "inactive", deactivated: off })).kind).toBe("off");
    expect(nodeState(node({ status: "inactive", lastHeartbeatAt: null })).text).toMatch(
      /^Not heard since 1 Nov/,
    );
  });

  it("takes a node that is not heard or out of service for nothing", () => {
    const serving = node({ ...ready, offered: [MODEL] });
    expect(live(serving)).toBe(true);
    expect(live({ ...serving, status: "inactive" })).toBe(false);
    expect(live({ ...serving, deactivated: { at: "2026-11-21T10:00:00Z", reason: "Nonsense" } })).toBe(false);
  });
});

it("lists who can be asked first, then the better record", () => {
  const score = (value: number) => ({ completed: 1, failed: 0, probeScore: 1, score: value });
  const list = [
    node({ name: "late", status: "inactive", reputation: score(1) }),
    node({ name: "draining", draining: true, reputation: score(1) }),
    node({ name: "worse", reputation: score(0.5) }),
    node({ name: "better", reputation: score(0.9) }),
  ];
  expect(list.sort(byStanding).map(({ name }) => name)).toEqual(["better", "worse", "draining", "late"]);
});

describe("a model on a node", () => {
  it("is served only when its probe passed and the node is heard", () => {
    const serving = node({ ...ready, offered: [MODEL] });
    expect(modelOnNode(serving, MODEL).kind).toBe("serving");
    expect(modelOnNode(node(ready), MODEL).kind).toBe("warm");
    expect(modelOnNode({ ...serving, status: "inactive" }, MODEL).kind).toBe("cold");
    expect(modelOnNode(node(), MODEL).kind).toBe("cold");
    expect(
      modelOnNode(node({ models: [{ modelId: MODEL, state: "fetching", progress: 0.419 }] }), MODEL),
    ).toEqual({ kind: "warming", text: "Fetching the weights, 41 %" });
  });

  it("is as warm as its warmest node, whatever fails elsewhere", () => {
    const failed = node({ models: [{ modelId: MODEL, state: "failed" }] });
    const loading = node({ models: [{ modelId: MODEL, state: "loading" }] });
    expect(modelInNetwork([], MODEL)).toEqual({ kind: "cold", on: [] });
    expect(modelInNetwork([failed], MODEL).kind).toBe("cold");
    const { kind, on } = modelInNetwork([failed, loading, node()], MODEL);
    expect(kind).toBe("warming");
    expect(on.map(({ state }) => state.kind)).toEqual(["warming", "failed"]);
  });
});

it("shows processors for people", () => {
  expect([500, 1000, 2500, 64_000].map(showCpus)).toEqual(["0.5 CPUs", "1 CPU", "2.5 CPUs", "64 CPUs"]);
});

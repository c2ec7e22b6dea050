import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { type RawOptions, resolveConfig } from "../config.ts";
import { createLogger } from "../logger.ts";
import { runNode } from "../node.ts";
import { MODEL_ID, TestApi } from "../testing/api.ts";
import { account } from "./testing/world.ts";

const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const docker = await startDocker();
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let api: TestApi;
let dataDir: string;
let stop: AbortController;
let running: Promise<void>;

function startNode(options: Partial<RawOptions>): Promise<void> {
  const raw: RawOptions = {
    apiUrl: api.url,
    name: "test node",
    dataDir,
    engine: "embedded",
    gpu: "off",
    context: "8192",
    concurrency: "2",
    models: "all",
    ...options,
  };
  return runNode(resolveConfig(raw, {}), account, log, stop);
}

beforeEach(async () => {
  api = await TestApi.start();
  api.wanted = [];
  dataDir = await mkdtemp(join(tmpdir(), "node-jobs-"));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running?.catch(() => {});
  await api.stop();
  await rm(dataDir, { recursive: true });
});
afterAll(() => docker?.stop());

describe("a node that runs jobs", () => {
  it.runIf(docker)("says what it offers, and shows that it can run a container", async () => {
    running = startNode({ jobs: "on", dockerHost: docker!.host, jobMemory: "512", priceCpuHour: "0.1" });
    const peer = await api.peer();
    const { jobs } = await peer.next("hello");
    expect(jobs).toMatchObject({
      enabled: true,
      memoryMb: 512,
      rates: { cpuHour: "0.1" },
      images: [{ ref: "localhost/node:1", digest: `localhost/node@${docker!.image}` }],
    });
    expect(api.registrations[0]?.capabilities.jobs).toMatchObject({ instance: jobs?.instance });
    expect(await peer.next("heartbeat")).toMatchObject({ attempts: [], jobs: { enabled: true } });
    peer.send({ type: "job_probe", id: MODEL_ID, image: `localhost/node@${docker!.image}`, nonce: "abc" });
    expect(await peer.next("job_probe_result")).toMatchObject({
      id: MODEL_ID,
      ok: true,
      output: createHash("sha256").update("abc").digest("hex"),
    });
  });

  it("goes without jobs where no engine answers, or ends with how to have one", async () => {
    await expect(startNode({ jobs: "on", dockerHost: "unix:///tmp/none.sock" })).rejects.toMatchObject({
      message: expect.stringContaining("No container engine answers"),
      hint: expect.stringContaining("Docker or Podman"),
    });
    running = startNode({ jobs: "auto", dockerHost: "unix:///tmp/none.sock" });
    const { jobs } = await (await api.peer()).next("hello");
    expect(jobs).toMatchObject({ enabled: false, cpuMillis: 0, images: [] });
  });

  it("runs once on a folder", async () => {
    running = startNode({});
    await api.peer();
    await expect(startNode({})).rejects.toThrow(/Another aiforge-miner/);
  });

  it("ends with a sentence when it was started elsewhere", async () => {
    running = startNode({});
    const peer = await api.peer();
    await peer.next("hello");
    peer.socket.close(4410, "another process of this node took its place");
    await expect(running).rejects.toThrow(/started elsewhere/);
  });
});

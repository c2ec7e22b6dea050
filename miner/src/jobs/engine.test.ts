import { execFile } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startDocker, type TestDocker } from "../../../scripts/testing/docker.ts";
import { createLogger } from "../logger.ts";
import { resolveJobs } from "./config.ts";
import { ContainerEngine } from "./engine.ts";
import { findImage, isAllowed, nameOf } from "./images.ts";
import { Jobs } from "./jobs.ts";
import { removeFolder } from "./outputs.ts";
import { JobRunner } from "./runner.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { script, workOf } from "./testing/work.ts";
import { account, soundWork } from "./testing/world.ts";

const run = promisify(execFile);
const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const SCRIPT = fileURLToPath(new URL("../../../scripts/services/docker.sh", import.meta.url));
const PATIENCE = { timeout: 90_000, interval: 100 };
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describe("ContainerEngine.open", () => {
  it("says what is missing, and how to have it", async () => {
    await expect(ContainerEngine.open("unix:///tmp/no/such.sock")).rejects.toMatchObject({
      message: expect.stringContaining("unix:///tmp/no/such.sock"),
      hint: expect.stringContaining("--docker-host"),
    });
    await expect(ContainerEngine.open("gopher://x")).rejects.toThrow(/gopher/);
  });
});

describe("the name of an image", () => {
  it("is known without its tag, port or digest", () => {
    expect(nameOf("localhost/node:1")).toBe("localhost/node");
    expect(nameOf("host:5000/a/b@sha256:00")).toBe("host:5000/a/b");
    expect(nameOf("host:5000/a/b:3@sha256:00")).toBe("host:5000/a/b");
  });

  it("counts for a list by its digest alone", () => {
    const digest = `sha256:${"ab".repeat(32)}`;
    const allowed = [{ ref: "node:1", digest: `localhost/node@${digest}`, arch: "amd64" }];
    expect(isAllowed(`localhost/node@${digest}`, allowed)).toBe(true);
    expect(isAllowed(digest, allowed)).toBe(true);
    for (const image of ["localhost/node:1", "node:1", `localhost/node@sha256:${"ac".repeat(32)}`])
      expect(isAllowed(image, allowed)).toBe(false);
  });
});

const docker: TestDocker | null = await startDocker({ own: true });

describe.runIf(docker)("a container engine that is killed", () => {
  let api: JobsApi;
  let dataDir: string;
  let jobs: Jobs;

  beforeAll(async () => {
    const engine = await ContainerEngine.open(docker!.host);
    expect(engine.info).toMatchObject({ kind: "docker", rootless: false, nvidia: false });
    expect((await findImage(engine, `localhost/node@${docker!.image}`))?.id).toBe(docker!.image);
    expect(await findImage(engine, `localhost/node@sha256:${"0".repeat(64)}`)).toBeNull();
  });
  beforeEach(async () => {
    api = await JobsApi.start();
    dataDir = await mkdtemp(join(tmpdir(), "engine-"));
  });
  afterEach(async () => {
    await jobs?.close();
    await api.stop();
    await removeFolder(dataDir);
  });
  afterAll(() => docker!.stop());

  it("fails the job, offers nothing while it is away, and is cleaned up when it is back", async () => {
    jobs = new Jobs({
      config: resolveJobs({ jobs: "on", dockerHost: docker!.host }),
      apiUrl: api.url,
      dataDir,
      account,
      token: () => "token",
      engineOf: () => null,
      onChange: () => {},
      log,
      backoffBaseMs: 20,
      engineMs: 300,
      pollMs: 200,
    });
    await jobs.start();
    const command = script(`console.log("on"); setInterval(() => {}, 1000);`);
    const kept = api.offer(soundWork(docker!.image, { command }));
    await vi.waitFor(() => expect(JobsApi.text(kept)).toBe("on\n"), PATIENCE);
    process.kill(Number(await readFile(join(docker!.dir!, "docker.pid"), "utf8")), "SIGKILL");
    await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
    expect(kept.finish).toMatchObject({
      failure: { code: "node_failed", message: expect.stringContaining("engine") },
    });
    await vi.waitFor(() => expect(jobs.capability.enabled).toBe(false), PATIENCE);
    await run("bash", [SCRIPT, "start", docker!.dir!]);
    await vi.waitFor(() => expect(jobs.capability.enabled).toBe(true), PATIENCE);
    const engine = await ContainerEngine.open(docker!.host);
    expect(await engine.docker.listContainers({ all: true })).toEqual([]);
    const next = api.offer(soundWork(docker!.image));
    await vi.waitFor(() => expect(next.state).toBe("finished"), PATIENCE);
  });
});

describe("an NVIDIA GPU", () => {
  it("is seen by a container that asks for it", async (context) => {
    const gpu = await run("nvidia-smi", ["-L"]).then(
      ({ stdout }) => stdout.trim().split("\n").length,
      () => 0,
    );
    const engine = await ContainerEngine.open(null).catch(() => null);
    const image = process.env.AIFORGE_GPU_IMAGE;
    const missing =
      gpu === 0
        ? "nvidia-smi finds no GPU on this machine"
        : !engine?.info.nvidia
          ? "no container engine with the NVIDIA container toolkit answers"
          : !image
            ? "AIFORGE_GPU_IMAGE names no image on this machine that has sh"
            : null;
    if (missing !== null) {
      process.stderr.write(`\nSkipped the GPU test: ${missing}.\n`);
      context.skip(missing);
      return;
    }
    const found = await findImage(engine!, image!);
    const dir = await mkdtemp(join(tmpdir(), "gpu-"));
    let text = "";
    const runner = new JobRunner({
      engine: engine!,
      labels: {},
      fetchInputs: async () => {},
      openSocket: async () => async () => {},
      network: null,
      log,
    });
    const told = {
      state: () => {},
      progress: () => {},
      sample: () => {},
      log: (_: string, piece: string) => {
        text += piece;
      },
    };
    const work = workOf(found!.id, {
      image: found!.id,
      gpus: 1,
      memoryMb: 1_024,
      command: ["nvidia-smi", "-L"],
    });
    const ended = await runner.run(work, join(dir, "job"), ["0"], told, new AbortController().signal);
    await removeFolder(dir);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(text).toMatch(/^GPU 0:/);
  });
});

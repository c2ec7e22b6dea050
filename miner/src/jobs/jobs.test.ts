import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { createLogger } from "../logger.ts";
import { resolveJobs } from "./config.ts";
import { ContainerEngine, LABELS } from "./engine.ts";
import { Jobs, type JobsParameters } from "./jobs.ts";
import { removeFolder } from "./outputs.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { script } from "./testing/work.ts";
import { account, KEY, soundWork } from "./testing/world.ts";

const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const docker = await startDocker();
const PATIENCE = { timeout: 90_000, interval: 50 };
// Whole processes and containers start here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe.runIf(docker)("the jobs of a node", () => {
  let api: JobsApi;
  let dataDir: string;
  let jobs: Jobs | null = null;
  const image = docker?.image ?? "";

  async function start(change: Partial<JobsParameters> = {}, raw = {}): Promise<Jobs> {
    jobs = new Jobs({
      config: resolveJobs({ jobs: "on", dockerHost: docker!.host, jobConcurrency: "2", ...raw }),
      apiUrl: api.url,
      dataDir,
      account,
      token: () => "token",
      engineOf: () => null,
      onChange: () => {},
      log,
      backoffBaseMs: 20,
      pollMs: 200,
      ...change,
    });
    await jobs.start();
    return jobs;
  }
  const containers = async () => {
    const engine = await ContainerEngine.open(docker!.host);
    const filters = { label: [`${LABELS.node}=${account.address.toLowerCase()}`] };
    return engine.docker.listContainers({ all: true, filters });
  };
  const idle = () =>
    vi.waitFor(async () => expect(await readdir(join(dataDir, "jobs"))).toEqual([]), PATIENCE);

  beforeAll(async () => {
    expect(await containers()).toEqual([]);
  });
  beforeEach(async () => {
    api = await JobsApi.start();
    dataDir = await mkdtemp(join(tmpdir(), "jobs-"));
  });
  afterEach(async () => {
    await jobs?.close();
    jobs = null;
    await api.stop();
    await removeFolder(dataDir);
    expect(await containers(), "containers left behind").toEqual([]);
  });
  afterAll(() => docker!.stop());

  it("takes a job by polling, brings its outputs and logs, and forgets it", async () => {
    const input = await api.input("data/in.txt", Buffer.from("the input"));
    const kept = api.offer(
      soundWork(
        image,
        {
          command: script(`
            import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
            console.log("read", readFileSync("/in/data/in.txt", "utf8"));
            console.log("AIFORGE_PROGRESS 0.5");
            writeFileSync("/out/empty", "");
            writeFileSync("/out/big.bin", Buffer.alloc(3 << 20, 7));
            symlinkSync("/etc/passwd", "/out/passwd");
          `),
        },
        { inputs: [input] },
      ),
    );
    const node = await start();
    expect(node.capability).toMatchObject({
      enabled: true,
      engine: "docker",
      network: false,
      anyImage: false,
      images: [{ ref: "localhost/node:1", digest: `localhost/node@${image}` }],
      instance: node.instance,
    });
    await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
    expect(kept.finish).toMatchObject({ exitCode: 0, outOfMemory: false, timedOut: false, failure: null });
    expect((kept.finish!.files as { path: string }[]).map(({ path }) => path)).toEqual(["big.bin", "empty"]);
    expect(kept.files.get("big.bin")?.equals(Buffer.alloc(3 << 20, 7))).toBe(true);
    expect(kept.files.get("empty")?.length).toBe(0);
    expect(kept.instance).toBe(node.instance);
    expect(JobsApi.text(kept)).toBe("read the input\n");
    expect(JobsApi.text(kept, "system")).toContain('"passwd" is a symbolic link and is left out');
    const kinds = kept.reports.map((r) => (r.type === "state" ? r.state : r.type));
    expect(kinds.filter((kind) => kind !== "sample" && kind !== "log")).toEqual([
      "setup",
      "running",
      "progress",
      "uploading",
    ]);
    expect(kept.reports.map(({ seq }) => seq)).toEqual(kept.reports.map((_, at) => at + 1));
    await idle();
    expect(node.attempts).toEqual([]);
  });

  it("bears an API that fails at every step", async () => {
    const input = await api.input("a", Buffer.from("a"));
    const command = script(
      `import { writeFileSync } from "node:fs"; writeFileSync("/out/a", "b"); for (let i = 0; i < 500; i++) console.log(i);`,
    );
    const kept = api.offer(soundWork(image, { command }, { inputs: [input] }));
    api.flaky = 3;
    const node = await start();
    await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
    expect(kept.state).toBe("finished");
    expect(JobsApi.text(kept)).toBe(Array.from({ length: 500 }, (_, i) => `${i}\n`).join(""));
    expect(kept.reports.map(({ seq }) => seq)).toEqual(kept.reports.map((_, at) => at + 1));
    await vi.waitFor(() => expect(node.attempts).toEqual([]), PATIENCE);
  });

  it("is refused nothing silently: image, price, resources, forgeries and network", async () => {
    const other = `sha256:${"cd".repeat(32)}`;
    const forged = soundWork(image, { command: ["node", "-e", "0"] });
    forged.spec.command = ["node", "-e", "1"];
    const stolen = soundWork(image);
    stolen.assignment.node = `0x${"22".repeat(20)}`;
    const cases: [RegExp, ReturnType<typeof soundWork>][] = [
      [/not on this node's list/, soundWork(other)],
      [/asks for \d+/, soundWork(image, { timeLimitSeconds: 86_400 }, { price: 400_000n })],
      [/cpuMillis 999000/, soundWork(image, { cpuMillis: 999_000 }, { price: 10n ** 12n })],
      [/gpus 1/, soundWork(image, { gpus: 1 }, { price: 10n ** 12n })],
      [/gives jobs no network/, soundWork(image, { network: true })],
      [
        /does not serve the model/,
        soundWork(image, { engineModelId: "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11" }),
      ],
      [/not the one that was paid for/, forged],
      [/another job or another node/, stolen],
    ];
    const offered = cases.map(([why, work]) => ({ why, kept: api.offer(work) }));
    await start();
    for (const { why, kept } of offered) {
      await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
      expect(kept.finish).toMatchObject({
        exitCode: null,
        failure: { code: "node_refused", message: expect.stringMatching(why) },
      });
    }
    await idle();
  });

  it("fails a job whose input is not what its CID says, or is not there", async () => {
    const input = await api.input("a", Buffer.from("what was paid for"));
    api.inputs.set(input.cid, Buffer.from("something else!!!"));
    const tampered = api.offer(soundWork(image, {}, { inputs: [input] }));
    const gone = await api.input("b", Buffer.from("b"));
    api.inputs.delete(gone.cid);
    const missing = api.offer(soundWork(image, {}, { inputs: [gone] }));
    await start();
    for (const kept of [tampered, missing]) {
      await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
      expect(kept.finish).toMatchObject({ exitCode: null, failure: { code: "input_missing" } });
    }
    expect(JSON.stringify(tampered.finish)).toContain("it has the CID");
  });

  it("kills and forgets what was cancelled or lost, and says nothing more of it", async () => {
    const command = script(`console.log("at work"); setInterval(() => {}, 1000);`);
    const polled = api.offer(soundWork(image, { command }));
    const pushed = api.offer(soundWork(image, { command }));
    const node = await start();
    const working = (kept: typeof polled) =>
      vi.waitFor(() => expect(JobsApi.text(kept)).toBe("at work\n"), PATIENCE);
    await Promise.all([working(polled), working(pushed)]);
    expect(node.attempts.sort()).toEqual([...api.attempts.keys()].sort());
    node.cancel(pushed.work.attemptId);
    polled.state = "lost";
    await vi.waitFor(() => expect(node.attempts).toEqual([]), PATIENCE);
    expect([polled.finish, pushed.finish]).toEqual([null, null]);
    expect(await containers()).toEqual([]);
    await idle();
  });

  it("does not take what another process took", async () => {
    const kept = api.offer(soundWork(image));
    kept.state = "accepted";
    kept.instance = "another";
    const node = await start();
    node.offer(kept.work);
    await vi.waitFor(() => expect(node.attempts).toEqual([]), PATIENCE);
    expect([kept.finish, kept.reports]).toEqual([null, []]);
  });

  it("hands a stopped job back at once when the node ends", async () => {
    const kept = api.offer(
      soundWork(image, { command: script(`console.log("on"); setInterval(() => {}, 1000);`) }),
    );
    const node = await start();
    await vi.waitFor(() => expect(JobsApi.text(kept)).toBe("on\n"), PATIENCE);
    await node.close();
    expect(kept.finish).toMatchObject({
      failure: { code: "node_failed", message: expect.stringContaining("stopped") },
    });
    expect(await readdir(join(dataDir, "jobs"))).toEqual([]);
  });

  it("answers a probe by polling with what the container printed", async () => {
    api.probe = { id: "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11", image: `localhost/node@${image}`, nonce: "n0" };
    const node = await start();
    await vi.waitFor(() => expect(api.probes.length).toBe(1), PATIENCE);
    const output = createHash("sha256").update("n0").digest("hex");
    expect(api.probes[0]).toMatchObject({ ok: true, output, detail: null });
    const gone = await node.probe({ id: "x", image: `localhost/no@sha256:${"0".repeat(64)}`, nonce: "n" });
    expect(gone).toMatchObject({ ok: false, detail: expect.stringContaining("not here") });
  });

  it("offers no network that would not keep jobs from this machine", async () => {
    const engine = await ContainerEngine.open(docker!.host);
    const bridge = await engine.docker.createNetwork({ Name: `test-${Date.now()}`, Driver: "bridge" });
    try {
      // From a plain bridge a container reaches its gateway, which is this machine: unless it has a firewall of its own.
      const plain = docker!.dir === null ? [] : [bridge.id];
      for (const allowNetwork of ["host", "no-such-network", ...plain]) {
        const node = await start({}, { allowNetwork });
        expect(node.capability).toMatchObject({ enabled: true, network: false });
        await node.close();
      }
    } finally {
      await bridge.remove();
    }
  });

  describe("killed at any moment", () => {
    const program = fileURLToPath(new URL("./testing/node-process.ts", import.meta.url));
    let child: ChildProcess;

    function launch(): void {
      child = spawn(process.execPath, [program], {
        env: {
          ...process.env,
          JOBS_API: api.url,
          JOBS_DATA: dataDir,
          JOBS_DOCKER: docker!.host,
          JOBS_KEY: KEY,
        },
        stdio: ["ignore", "inherit", "inherit"],
      });
    }
    async function kill(): Promise<void> {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    afterEach(() => {
      child.kill("SIGKILL");
    });

    it("leaves no container and no folder while a job runs; the job is told to have failed", async () => {
      const kept = api.offer(
        soundWork(image, { command: script(`console.log("on"); setInterval(() => {}, 1000);`) }),
      );
      launch();
      await vi.waitFor(() => expect(JobsApi.text(kept)).toBe("on\n"), PATIENCE);
      await kill();
      expect((await containers()).length, "the container lives on without its miner").toBe(1);
      await start();
      expect(await containers()).toEqual([]);
      await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
      expect(kept.finish).toMatchObject({
        failure: { code: "node_failed", message: expect.stringContaining("restarted") },
      });
      await idle();
    });

    it("hands in a result that was complete, once", async () => {
      const command = script(
        `import { writeFileSync } from "node:fs"; writeFileSync("/out/result", "done");`,
      );
      const kept = api.offer(soundWork(image, { command }));
      launch();
      // As soon as the end of the container is on the disk the API goes away: nothing can be handed in.
      const record = join(dataDir, "jobs", kept.work.attemptId, "attempt.json");
      await vi.waitFor(
        () => expect(kept.reports.some((r) => r.type === "state" && r.state === "running")).toBe(true),
        PATIENCE,
      );
      api.down = true;
      await vi.waitFor(
        async () => expect(JSON.parse(await readFile(record, "utf8")).end).toMatchObject({ exitCode: 0 }),
        PATIENCE,
      );
      await kill();
      api.down = false;
      expect(kept.finish).toBeNull();
      await start();
      await vi.waitFor(() => expect(kept.finish).not.toBeNull(), PATIENCE);
      expect(kept.finish).toMatchObject({ exitCode: 0, failure: null });
      expect(kept.files.get("result")?.toString()).toBe("done");
      expect(kept.told).toBe(1);
      await idle();
    });
  });
});

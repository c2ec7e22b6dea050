import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startDocker } from "../../../scripts/testing/docker.ts";
import { createLogger } from "../logger.ts";
import { ContainerEngine, LABELS } from "./engine.ts";
import { LOG_CAP } from "./logs.ts";
import { listOutputs, removeFolder } from "./outputs.ts";
import { JobError, type RunEnd, type Specification, type Work } from "./protocol.ts";
import { JobRunner } from "./runner.ts";
import { Told } from "./testing/told.ts";
import { script, workOf } from "./testing/work.ts";

const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
const docker = await startDocker();
const FOLDER = "runner-test";
// Containers start here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe.runIf(docker)("a job's container", () => {
  let engine: ContainerEngine;
  let root: string;
  beforeAll(async () => {
    engine = await ContainerEngine.open(docker!.host);
    root = await mkdtemp(join(tmpdir(), "runner-"));
  });
  afterAll(async () => {
    expect(await engine.cleanLeftovers(FOLDER), "containers left behind").toBe(0);
    await removeFolder(root);
    await docker!.stop();
  });

  async function run(
    spec: Partial<Specification>,
    { signal = new AbortController().signal, told = new Told(), change = {} as Partial<Work> } = {},
  ): Promise<{ end: RunEnd; told: Told; out: string; ms: number }> {
    const runner = new JobRunner({
      engine,
      labels: { [LABELS.node]: "test", [LABELS.folder]: FOLDER },
      fetchInputs: async (work, folder) => {
        await mkdir(folder, { recursive: true });
        for (const { path } of work.inputs) await writeFile(join(folder, path), `the file ${path}`);
      },
      openSocket: () => Promise.reject(new JobError("node_failed", "No model.")),
      network: null,
      log,
    });
    const work = workOf(docker!.image, spec, change);
    const folder = join(root, work.attemptId);
    const since = performance.now();
    const end = await runner.run(work, folder, [], told, signal);
    const ms = performance.now() - since;
    const left = await engine.docker.listContainers({
      all: true,
      filters: { label: [`${LABELS.attempt}=${work.attemptId}`] },
    });
    expect(left, "the container is gone").toEqual([]);
    return { end, told, out: join(folder, "out"), ms };
  }

  it("reads its input, prints in order, writes its output and tells its progress", async () => {
    const { end, told, out } = await run(
      {
        env: { GREETING: "good day", AIFORGE_X: "x" },
        command: script(`
          import { readFileSync, writeFileSync } from "node:fs";
          const pause = () => new Promise((resolve) => setTimeout(resolve, 30));
          for (let i = 0; i < 20; i++) { console.log("line", i); console.error("note", i); await pause(); }
          console.log("AIFORGE_PROGRESS 0.25");
          console.log("AIFORGE_PROGRESS yes");
          const said = [process.env.GREETING, process.env.AIFORGE_JOB_ID.length, process.env.AIFORGE_INPUT, process.env.AIFORGE_OUTPUT];
          writeFileSync("/out/said.txt", [...said, readFileSync("/in/a.txt", "utf8")].join("|"));
          writeFileSync("/out/progress.json", JSON.stringify({ progress: 0.75 }));
          await new Promise((resolve) => setTimeout(resolve, 1500));
          process.stdout.write("no line break");
        `),
      },
      { change: { inputs: [{ cid: "", path: "a.txt", size: 0, url: "x" }] } },
    );
    expect(end).toMatchObject({ exitCode: 0, outOfMemory: false, timedOut: false, failure: null });
    expect(end.containerSeconds).toBeGreaterThan(2);
    expect(end.containerSeconds).toBeLessThan(20);
    expect(await readFile(join(out, "said.txt"), "utf8")).toBe("good day|36|/in|/out|the file a.txt");
    const lines = (name: string) => Array.from({ length: 20 }, (_, i) => `${name} ${i}\n`).join("");
    expect(told.texts.stdout).toBe(`${lines("line")}AIFORGE_PROGRESS yes\nno line break`);
    expect(told.texts.stderr).toBe(lines("note"));
    const all = told.order.join("");
    expect(all.indexOf("note 3"), "both streams in turn").toBeLessThan(all.indexOf("line 10"));
    expect(told.shares).toEqual([0.25, 0.75]);
    expect(told.states).toEqual(["setup", "running"]);
  });

  it.each([0, 1, 42, 255])("gives the exit code %i", async (exitCode) => {
    const { end } = await run({ command: script(`process.exit(${exitCode})`) });
    expect(end).toMatchObject({ exitCode, failure: null, timedOut: false });
  });

  it("gives the shell's exit codes for a command that is not there or no program", async () => {
    expect((await run({ command: ["no-such-program"] })).end).toMatchObject({ exitCode: 127, failure: null });
    expect((await run({ command: ["/etc/passwd"] })).end).toMatchObject({ exitCode: 126, failure: null });
  });

  it("has no more memory than it was given, swap included", async () => {
    const { end } = await run({
      memoryMb: 64,
      command: script(`const all = []; for (;;) all.push(Buffer.alloc(4 << 20, 1));`),
    });
    expect(end).toMatchObject({ exitCode: 137, outOfMemory: true, timedOut: false, failure: null });
  });

  it("counts what lies in /tmp as memory, and runs nothing from there", async () => {
    const { told, end } = await run({
      memoryMb: 100,
      diskMb: 200,
      command: script(`
        import { appendFileSync, chmodSync, rmSync, writeFileSync } from "node:fs";
        import { spawnSync } from "node:child_process";
        try { for (let i = 0; i < 200; i++) appendFileSync("/tmp/" + (i % 2), Buffer.alloc(1 << 20)); } catch (error) { console.log(error.code); }
        rmSync("/tmp/0");
        writeFileSync("/tmp/big", "#!/usr/local/bin/node");
        chmodSync("/tmp/big", 0o755);
        console.log(spawnSync("/tmp/big").error?.code);
      `),
    });
    expect(told.texts.stdout).toBe("ENOSPC\nEACCES\n");
    expect(end.exitCode).toBe(0);
  });

  it("stands a fork bomb", async () => {
    const { end, told } = await run({
      timeLimitSeconds: 5,
      memoryMb: 512,
      command: script(`
        import { spawn } from "node:child_process";
        let refused = 0;
        const again = () => {
          for (let i = 0; i < 20; i++) spawn("node", ["-e", "setInterval(() => {}, 1000)"]).on("error", ({ code }) => { if (refused++ === 0) console.log(code); });
          setTimeout(again, 50);
        };
        again();
      `),
    });
    // Whichever limit is reached first, it ends by itself or at its time.
    expect(end.exitCode).not.toBe(0);
    expect(end.timedOut || end.outOfMemory || told.texts.stdout.includes("EAGAIN")).toBe(true);
  });

  it("keeps 1 MiB of an endless output and reads on without filling memory or disk", async () => {
    const { end, told } = await run({
      timeLimitSeconds: 4,
      command:
        script(`const text = "x".repeat(1023) + "\\n"; const go = () => process.stdout.write(text.repeat(64), go); go();
        process.on("SIGTERM", () => process.exit(3));`),
    });
    expect(end).toMatchObject({ timedOut: true });
    expect(told.texts.stdout.length).toBe(LOG_CAP);
    expect(told.texts.system).toContain("The log ends here");
  });

  it("is ended at its time limit, politely first", async () => {
    const { end, ms } = await run({
      timeLimitSeconds: 2,
      command: script(
        `process.on("SIGTERM", () => process.exit(7)); for (;;) await new Promise((resolve) => setTimeout(resolve, 100));`,
      ),
    });
    expect(end).toMatchObject({ exitCode: 7, timedOut: true, failure: null });
    expect(end.containerSeconds).toBeGreaterThanOrEqual(2);
    expect(ms).toBeLessThan(30_000);
  });

  it("is killed when it ignores SIGTERM", async () => {
    const { end } = await run({
      timeLimitSeconds: 1,
      command: script(`process.on("SIGTERM", () => {}); for (;;);`),
    });
    expect(end).toMatchObject({ exitCode: 137, timedOut: true, outOfMemory: false });
    expect(end.containerSeconds).toBeGreaterThan(10);
    expect(end.containerSeconds).toBeLessThan(40);
  });

  it("reaches no network: not this machine, not the world", async () => {
    const server = createServer((_, response) => response.end("reached"));
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as AddressInfo;
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const targets = ["127.0.0.1", "1.1.1.1", "169.254.169.254", ...own.map(({ address }) => address)];
    await new Promise<void>((resolve, reject) => {
      const probe = connect(port, "127.0.0.1", () => resolve(probe.destroy() && undefined));
      probe.on("error", reject);
    });
    const { told, end } = await run({
      command: script(`
        import { connect } from "node:net";
        import { lookup } from "node:dns/promises";
        import { networkInterfaces } from "node:os";
        const tries = ${JSON.stringify(targets)}.map((host) => new Promise((resolve) => {
          const socket = connect({ host, port: ${port}, timeout: 3000 }, () => resolve("reached " + host));
          socket.on("error", ({ code }) => resolve(code));
          socket.on("timeout", () => resolve("timeout"));
        }));
        console.log(Object.keys(networkInterfaces()).join());
        console.log([...await Promise.all(tries), await lookup("example.com").then(() => "resolved", () => "no name")].join());
      `),
    });
    server.close();
    expect(end.exitCode).toBe(0);
    const [interfaces, answers] = told.texts.stdout.split("\n");
    expect(interfaces).toBe("lo");
    expect(answers).not.toMatch(/reached|resolved/);
  });

  it("writes nowhere but to /out and /tmp, has no rights and is nobody", async () => {
    const { told } = await run(
      {
        command: script(`
          import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
          const attempt = (path) => { try { writeFileSync(path, "x"); return path; } catch (error) { return error.code; } };
          console.log(["/x", "/usr/local/bin/node", "/in/a.txt", "/in/b", "/etc/passwd", "/dev/sda", "/run/x", "/proc/sysrq-trigger", "/sys/kernel/x", "/out/x", "/tmp/x"].map(attempt).join());
          const status = readFileSync("/proc/self/status", "utf8");
          for (const field of ["CapEff", "CapBnd", "NoNewPrivs", "Seccomp"]) console.log(new RegExp(field + ":\\\\s*(\\\\w+)").exec(status)[1]);
          console.log(process.getuid(), process.getgid());
          try { process.setuid(0); console.log("root"); } catch (error) { console.log(error.code); }
        `),
      },
      { change: { inputs: [{ cid: "", path: "a.txt", size: 0, url: "x" }] } },
    );
    const [written, effective, bounding, privileges, seccomp, ids, root_] = told.texts.stdout.split("\n");
    const refused = written!.split(",");
    expect(refused.slice(-2)).toEqual(["/out/x", "/tmp/x"]);
    for (const code of refused.slice(0, -2)) expect(code).toMatch(/^E(ROFS|ACCES|PERM|NOENT)$/);
    expect([effective, bounding]).toEqual(["0000000000000000", "0000000000000000"]);
    expect([privileges, seccomp, ids, root_]).toEqual(["1", "2", "1000 1000", "EPERM"]);
  });

  it("cannot lead out of /out by links, and makes no device or pipe an output", async () => {
    const { out, end } = await run({
      command: script(`
        import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
        symlinkSync("/etc/shadow", "/out/shadow");
        symlinkSync("/", "/out/root");
        symlinkSync("../attempt.json", "/out/up");
        symlinkSync("/etc/shadow", "/out/progress.json");
        mkdirSync("/out/a/b", { recursive: true });
        writeFileSync("/out/a/b/c", "kept");
        await new Promise((resolve) => setTimeout(resolve, 1200));
      `),
    });
    expect(end).toMatchObject({ exitCode: 0, failure: null });
    const found = await listOutputs(out, 1e6);
    expect(found).toMatchObject({ files: [{ path: "a/b/c", size: 4 }] });
    expect(found.links.sort()).toEqual(["progress.json", "root", "shadow", "up"]);
    const piped = await run({
      command: script(
        `import { createServer } from "node:net"; createServer().listen("/out/socket", () => process.exit(0));`,
      ),
    });
    await expect(listOutputs(piped.out, 1e6)).rejects.toMatchObject({ code: "output_invalid" });
  });

  it("is killed soon when it writes a million small files", async () => {
    const { end, out, ms } = await run({
      timeLimitSeconds: 60,
      command: script(
        `import { writeFileSync } from "node:fs"; for (let i = 0; i < 1e6; i++) writeFileSync("/out/" + i, "");`,
      ),
    });
    expect(end.failure?.code).toBe("too_many_files");
    expect(end.exitCode).toBe(137);
    expect(ms).toBeLessThan(60_000);
    const since = performance.now();
    await removeFolder(out);
    expect(performance.now() - since).toBeLessThan(20_000);
  });

  it("is killed when its output grows over its limit, in one file or in many", async () => {
    const one = await run({
      outputLimitMb: 2,
      command: script(
        `import { appendFileSync } from "node:fs"; for (let i = 0; i < 9; i++) appendFileSync("/out/big", Buffer.alloc(1 << 20)); setInterval(() => {}, 1000);`,
      ),
    });
    expect(one.end).toMatchObject({ exitCode: 137, failure: { code: "output_too_large" } });
    const holes = await run({
      outputLimitMb: 20,
      memoryMb: 64,
      command: script(
        `import { truncateSync, writeFileSync } from "node:fs"; writeFileSync("/out/holes", ""); try { truncateSync("/out/holes", 2 ** 40); } catch ({ code }) { console.log(code); }`,
      ),
    });
    expect(holes.told.texts.stdout, "one file has a bound of its own").toBe("EFBIG\n");
    expect((await stat(join(holes.out, "holes"))).size).toBe(0);
    const many = await run({
      outputLimitMb: 2,
      command: script(
        `import { writeFileSync } from "node:fs"; for (let i = 0; i < 9; i++) writeFileSync("/out/" + i, Buffer.alloc(1 << 20)); setInterval(() => {}, 1000);`,
      ),
    });
    expect(many.end).toMatchObject({ exitCode: 137, failure: { code: "output_too_large" } });
  });

  it("does not start with an image that is not there, by any name", async () => {
    const id = `sha256:${"ab".repeat(32)}`;
    for (const image of [`localhost/node@${id}`, id, `127.0.0.1:9/no/such@${id}`]) {
      const { end, told } = await run({ image });
      expect(end).toMatchObject({ exitCode: null, containerSeconds: 0, failure: { code: "image_missing" } });
      expect(told.states).toEqual(["setup"]);
    }
  });

  it("is gone at once when it is cancelled, with the reason", async () => {
    const stop = new AbortController();
    const told = new Told();
    told.onText = (all) => {
      if (all.includes("here")) stop.abort(new JobError("node_failed", "The node is needed elsewhere."));
    };
    const { end, ms } = await run(
      {
        command: script(`process.on("SIGTERM", () => {}); console.log("here"); setInterval(() => {}, 1000);`),
      },
      { signal: stop.signal, told },
    );
    expect(end.failure).toEqual({ code: "node_failed", message: "The node is needed elsewhere." });
    expect(ms).toBeLessThan(30_000);
    const before = await run({}, { signal: AbortSignal.abort(new JobError("node_refused", "Never.")) });
    expect(before.end).toMatchObject({ exitCode: null, failure: { code: "node_refused" } });
  });

  it("tells what it uses", async () => {
    const { told } = await run({ timeLimitSeconds: 7, cpuMillis: 500, command: script(`for (;;);`) });
    expect(told.samples.length).toBeGreaterThan(0);
    expect(told.samples[0]!.cpu).toBeGreaterThan(0.1);
    expect(told.samples[0]!.cpu).toBeLessThan(0.8);
    expect(told.samples[0]!.memoryBytes).toBeGreaterThan(1e6);
    expect(told.samples[0]!.memoryBytes).toBeLessThan(128 * 2 ** 20);
    expect(await readdir(root)).not.toEqual([]);
  });
});

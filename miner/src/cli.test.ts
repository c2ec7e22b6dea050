import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CommandLine } from "./commands/testing/run.ts";
import { TestApi } from "./testing/api.ts";

// The well-known account 7 of the local chain.
const KEY = "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356";
let api: TestApi;
let dir: string;

let cli: CommandLine;

beforeEach(async () => {
  api = await TestApi.start();
  dir = await mkdtemp(join(tmpdir(), "cli-"));
  cli = new CommandLine(dir);
});
afterEach(async () => {
  await api.stop();
  await rm(dir, { recursive: true, force: true });
});

// Each starts several processes.
describe("aiforge-miner", { timeout: 120_000 }, () => {
  it("explains itself and each command", async () => {
    expect((await cli.run(["--help"])).output).toMatch(
      /init.*doctor.*benchmark.*start.*status.*earnings.*claim.*drain/s,
    );
    for (const command of ["init", "doctor", "benchmark", "start", "status", "earnings", "claim", "drain"]) {
      const { output, code } = await cli.run([command, "--help"]);
      expect(code).toBe(0);
      for (const option of ["--config", "--api-url", "--json"]) expect(output).toContain(option);
      // A secret has no flag.
      expect(output).not.toMatch(/--(upstream-)?key[ =]/);
    }
  });

  it("serves from start to SIGTERM and tells neither key nor token", async () => {
    const args = ["start", "--api-url", api.url, "--data-dir", "data", "--gpu", "off", "--json"];
    const { child, exit, output } = cli.start(args, { env: { AIFORGE_MINER_KEY: KEY } });
    const peer = await api.peer();
    await peer.ready();
    peer.ask("a", "ping");
    expect((await peer.end("a")).text).toBe("pong");
    child.kill("SIGTERM");
    expect(await exit).toBe(0);
    const lines = output().trim().split("\n");
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(
      expect.arrayContaining(["starting", "registered", "ready", "answered", "stopped"]),
    );
    expect(output()).not.toContain(KEY.slice(2));
    expect(output()).not.toContain("token-1");
  });

  it("stops in the middle of an answer, and while the API is away", async () => {
    const args = ["start", "--api-url", api.url, "--data-dir", "data", "--gpu", "off"];
    const busy = cli.start(args, { env: { AIFORGE_MINER_KEY: KEY } });
    const peer = await api.peer();
    await peer.ready();
    peer.ask("a", "Tell me a story about a fox and a lantern.");
    await peer.next("delta");
    busy.child.kill("SIGINT");
    expect(await busy.exit).toBe(0);
    api.failWith = 503;
    const waiting = cli.start(args, { env: { AIFORGE_MINER_KEY: KEY } });
    await expect.poll(waiting.output, { timeout: 60_000 }).toContain("not connected");
    waiting.child.kill("SIGTERM");
    expect(await waiting.exit).toBe(0);
  });

  it("ends with one sentence when something is wrong", async () => {
    expect(await cli.run(["start", "--api-url", api.url])).toEqual({
      code: 1,
      output:
        "No wallet key.\nRun aiforge-miner init, pass --key-file FILE (mode 0600), or set AIFORGE_MINER_KEY.\n",
    });
    const file = join(dir, "key");
    await writeFile(file, KEY);
    await chmod(file, 0o644);
    const open = await cli.run(["start", "--api-url", api.url, "--key-file", file]);
    expect(open.output).toContain(`The key file ${file} can be read by others.\nchmod 600 ${file}`);
    const wrong = await cli.run(["start", "--concurrency", "many"], { env: { AIFORGE_MINER_KEY: KEY } });
    expect(wrong).toEqual({
      code: 1,
      output: "--concurrency must be a whole number from 1 to 1024, not “many”.\n",
    });
  });

  it("has a doctor that finds what is missing", async () => {
    const args = ["--data-dir", "data", "--gpu", "off"];
    const ill = await cli.run(["doctor", "--api-url", "http://127.0.0.1:9", ...args]);
    expect(ill.code).toBe(1);
    expect(ill.output).toMatch(/✖ wallet key.*No wallet key/);
    expect(ill.output).toMatch(/✖ API/);
    expect(ill.output).toMatch(/✔ engine +llama.cpp starts, on the CPU/);
    const state = await cli.run(["status", "--api-url", api.url, ...args], {
      env: { AIFORGE_MINER_KEY: KEY },
    });
    expect(state.output).toMatch(/✔ wallet +0x14dC79964da2C08b23698B3D3cc7Ca32193d9955/);
    expect(state.output).toMatch(/✖ registered +not yet/);
  });
});

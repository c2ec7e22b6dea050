import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CommandLine } from "./testing/run.ts";

const TIMEOUT = 120_000;
let home: string;
let cli: CommandLine;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "benchmark-"));
  cli = new CommandLine(home);
});
afterAll(() => rm(home, { recursive: true, force: true }));

it(
  "measures the machine",
  async () => {
    const args = ["benchmark", "--seconds", "1", "--gpu", "off"];
    const figures = await cli.json<{
      cpu: { cores: number; single: { gflops: number; sha256Mbs: number }; all: { gflops: number } };
      memory: { copyGbs: number };
      disk: { writeMbs: number; readMbs: number };
      tokens: { tokensPerSecond: number; tokens: number; device: string };
    }>(args);
    expect(figures.code).toBe(0);
    const { cpu, memory, disk, tokens } = figures;
    for (const figure of [
      cpu.single.gflops,
      cpu.single.sha256Mbs,
      cpu.all.gflops,
      memory.copyGbs,
      disk.writeMbs,
      disk.readMbs,
    ])
      expect(figure).toBeGreaterThan(0);
    expect(tokens).toMatchObject({ device: "the CPU" });
    expect(tokens.tokensPerSecond).toBeGreaterThan(1);
    expect(tokens.tokens).toBeGreaterThan(5);
    const none = await cli.run(["benchmark", "--seconds", "1", "--model", "none.gguf"]);
    expect(none.code).toBe(1);
    expect(none.output).toContain("none.gguf does not exist");
  },
  TIMEOUT,
);

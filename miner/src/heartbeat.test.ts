import { cpus, tmpdir, totalmem } from "node:os";
import { describe, expect, it } from "vitest";
import { machineFigures, parseNvidiaSmi } from "./heartbeat.ts";

describe("machineFigures", () => {
  it("measures this machine", async () => {
    const { cpu, memory, disk } = await machineFigures(tmpdir());
    expect(cpu.cores).toBeGreaterThanOrEqual(1);
    expect(cpu.cores).toBeLessThanOrEqual(cpus().length);
    expect(cpu.load).toBeGreaterThanOrEqual(0);
    expect(cpu.load).toBeLessThanOrEqual(1);
    expect(memory.total).toBe(totalmem());
    for (const { total, free } of [memory, disk]) {
      expect(Number.isSafeInteger(total) && Number.isSafeInteger(free)).toBe(true);
      expect(free).toBeGreaterThan(0);
      expect(free).toBeLessThanOrEqual(total);
    }
  });
});

describe("parseNvidiaSmi", () => {
  it("reads what nvidia-smi prints, in bytes", () => {
    expect(parseNvidiaSmi("NVIDIA H100 80GB HBM3, 81559, 512\nNVIDIA L4, 23034, 0\n")).toEqual([
      { name: "NVIDIA H100 80GB HBM3", memoryTotal: 81_559 * 1_048_576, memoryUsed: 512 * 1_048_576 },
      { name: "NVIDIA L4", memoryTotal: 23_034 * 1_048_576, memoryUsed: 0 },
    ]);
  });

  it("leaves out what is not a GPU", () => {
    expect(parseNvidiaSmi("No devices were found\n\nTesla, [N/A], [N/A]\n")).toEqual([]);
  });
});

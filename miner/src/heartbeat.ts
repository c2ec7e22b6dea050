import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { currentLoad, mem } from "systeminformation";
import type { MachineFigures } from "./protocol.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;

/**
 * GPUs from the output of
 * `nvidia-smi --query-gpu=name,memory.total,memory.used --format=csv,noheader,nounits` (MiB); bytes.
 * Lines that do not read as a GPU are left out.
 */
export function parseNvidiaSmi(output: string): MachineFigures["gpus"] {
  return output.split("\n").flatMap((line) => {
    const [name, total, used] = line.split(",").map((cell) => cell.trim());
    const memoryTotal = Number(total) * MIB;
    const memoryUsed = Number(used) * MIB;
    if (!name || !Number.isFinite(memoryTotal) || !Number.isFinite(memoryUsed)) return [];
    return [{ name, memoryTotal, memoryUsed }];
  });
}

let nvidiaSmiMissing = false;

async function gpus(): Promise<MachineFigures["gpus"]> {
  if (nvidiaSmiMissing) return [];
  try {
    const { stdout } = await run(
      "nvidia-smi",
      ["--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits"],
      { timeout: 5_000 },
    );
    return parseNvidiaSmi(stdout);
  } catch (error) {
    // Not there: do not look again. There but failing (a driver being updated): try at the next beat.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") nvidiaSmiMissing = true;
    return [];
  }
}

/** Bytes of the disk that holds `folder`: its size, and what an ordinary user may still write. */
export async function diskOf(folder: string): Promise<{ total: number; free: number }> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return { total: blocks * bsize, free: bavail * bsize };
}

/** What this machine is doing now; the disk is the one that holds the data folder. */
export async function machineFigures(dataDir: string): Promise<MachineFigures> {
  const [load, memory, disk, cards] = await Promise.all([currentLoad(), mem(), diskOf(dataDir), gpus()]);
  return {
    cpu: { cores: availableParallelism(), load: Math.min(1, Math.max(0, load.currentLoad / 100)) },
    // "available" counts what the kernel would give back from its caches; "free" would look full for ever.
    memory: { total: memory.total, free: memory.available },
    disk,
    gpus: cards,
  };
}

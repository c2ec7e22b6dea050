import { diskOf, machineFigures } from "../heartbeat.ts";
import type { ContainerEngine } from "./engine.ts";
import type { JobsConfig } from "./jobs.ts";
import type { Resources } from "./terms.ts";

const MIB = 1024 * 1024;

/** What jobs may use together, by the operator's word or a part of the machine. */
export async function resourcesOf(
  engine: ContainerEngine,
  config: JobsConfig,
  dataDir: string,
): Promise<Resources> {
  const { cpus, memory, nvidia } = engine.info;
  const disk = await diskOf(dataDir);
  const gpus = nvidia ? (await machineFigures(dataDir)).gpus.length : 0;
  return {
    // No container can have more than there are.
    cpuMillis: Math.min(config.jobCpus ?? cpus, cpus) * 1_000,
    memoryMb: config.jobMemoryMb ?? Math.floor((memory * 0.75) / MIB),
    diskMb: config.jobDiskMb ?? Math.floor(disk.free / 2 / MIB),
    gpus,
    concurrency: config.jobConcurrency,
  };
}

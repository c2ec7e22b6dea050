import type Docker from "dockerode";

/** Processor time that a container had used at a moment. */
export interface StatsReading {
  /** Nanoseconds of all cores together. */
  cpu: number;
  /** Milliseconds of this process's own clock. */
  at: number;
}

/** Cores in use between two readings. */
export function cpuBetween(from: StatsReading, to: StatsReading): number {
  const share = (to.cpu - from.cpu) / ((to.at - from.at) * 1e6);
  return Number.isFinite(share) ? Math.max(0, Math.round(share * 1_000) / 1_000) : 0;
}

/** Bytes that a container holds, without files that the kernel only caches. */
export function memoryOf(memory: Docker.MemoryStats): number {
  const cached: Record<string, number> = { ...memory.stats };
  // Control groups version 2 and 1.
  const inactive = cached.inactive_file ?? cached.total_inactive_file ?? 0;
  return Math.max(0, memory.usage - inactive);
}

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** When it was started, in the system's own notation. */
  startedAt: string;
}

/** Set for every process that the supervisor starts, so that its descendants can be told from others. */
export const INSTANCE_VARIABLE = "AIFORGE_INSTANCE";

/** The identity of a running process, or null when there is none (a zombie is none). */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const startedAt = process.platform === "linux" ? await linuxStart(pid) : await psStart(pid);
  return startedAt ? { pid, startedAt } : null;
}

/** Whether that very process still runs. */
export async function isAlive({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  return (await identify(pid))?.startedAt === startedAt;
}

/** proc(5): field 3 of /proc/<pid>/stat is the state, field 22 the start time in ticks since boot. */
async function linuxStart(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X") return null;
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return `${boot.trim()}:${fields[19]}`;
}

async function psStart(pid: number): Promise<string | null> {
  const ps = await promisify(execFile)("ps", ["-o", "state=,lstart=", "-p", String(pid)]).catch(() => null);
  const line = ps?.stdout.trim();
  return line && !line.startsWith("Z") ? line.replace(/^\S+\s+/, "") : null;
}

/** Processes, besides this one, that carry the mark of a data folder. Linux only; elsewhere none are found. */
export async function findMarked(dataDir: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const mark = `${INSTANCE_VARIABLE}=${dataDir}`;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    if (pid === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark)) found.push(pid);
  }
  return found;
}

/** Signals a process group, or the process when it leads none; quietly when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch {
      // ESRCH: no such group, or gone already.
    }
  }
}

/** Waits until none of the processes is left. @returns whether that came true in time */
export async function waitForEnd(processes: ProcessIdentity[], milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const alive = await Promise.all(processes.map(isAlive));
    if (!alive.includes(true)) return true;
    if (Date.now() >= deadline) return false;
    await sleep(50);
  }
}

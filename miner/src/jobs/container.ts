import type Docker from "dockerode";
import type { Specification } from "./protocol.ts";

const MIB = 1024 * 1024;
/** Where jobs find the model that was asked for. */
const ENGINE_SOCKET = "/run/aiforge/engine.sock";
/** Seconds between SIGTERM and SIGKILL. */
export const STOP_SECONDS = 10;
/** Threads count too. Node itself needs about ten. */
const PIDS = 512;
/** Of the job's user, over all of its containers; each alone is bound by PIDS. */
const USER_PROCESSES = 16_384;
/** Folders that an image may want to write to. */
const MAX_VOLUMES = 16;

export interface ContainerParameters {
  /** `sha256:…` of an image that the engine has. */
  imageId: string;
  /** The image's own volumes. */
  volumes: readonly string[];
  spec: Specification;
  jobId: string;
  /** On this machine. */
  folders: { in: string; out: string; run: string | null };
  /** `uid:gid` of the job. */
  user: string;
  labels: Record<string, string>;
  /** Indices of the GPUs that it gets. */
  gpus: readonly string[];
  /** Name of an engine's network, or null for none at all. */
  network: string | null;
  engine: "docker" | "podman";
}

/** Bytes of `/tmp`, which is memory: half of what the job has, and no more than its disk. */
const tmpBytes = ({ memoryMb, diskMb }: Specification): number =>
  Math.floor(Math.min(memoryMb / 2, diskMb) * MIB);

/** Bytes that `/out` may hold: inputs and outputs share the disk that was asked for. */
export function outputBytes(spec: Specification): number {
  const inputs = spec.inputs.reduce((sum, { size }) => sum + size, 0);
  return Math.max(0, Math.min(spec.outputLimitMb * MIB, spec.diskMb * MIB - inputs));
}

/**
 * A container that can reach nothing but its inputs, `/out` and `/tmp`: no network, no privilege, no writable root,
 * and a bound on all that it can use up.
 */
export function containerOptions(parameters: ContainerParameters): Docker.ContainerCreateOptions {
  const { spec, folders } = parameters;
  const [program = "", ...rest] = spec.command;
  const memory = spec.memoryMb * MIB;
  const taken = new Set(["/in", "/out", "/tmp", "/run/aiforge"]);
  // One file of either; what is in /out together is watched.
  const file = Math.max(outputBytes(spec), tmpBytes(spec));
  const volumes = parameters.volumes.filter((path) => !taken.has(path.replace(/\/+$/, "")));
  if (volumes.length > MAX_VOLUMES) throw new Error(`The image declares ${volumes.length} volumes.`);
  // Volumes too: else the engine would give each a folder on the disk, without a limit.
  const scratch = ["/tmp", ...volumes];
  return {
    Image: parameters.imageId,
    Entrypoint: [program],
    Cmd: rest,
    User: parameters.user,
    Hostname: "job",
    Env: Object.entries({
      HOME: "/tmp",
      ...spec.env,
      AIFORGE_JOB_ID: parameters.jobId,
      AIFORGE_INPUT: "/in",
      AIFORGE_OUTPUT: "/out",
      ...(folders.run ? { AIFORGE_ENGINE: ENGINE_SOCKET } : {}),
    }).map(([name, value]) => `${name}=${value}`),
    Labels: parameters.labels,
    Healthcheck: { Test: ["NONE"] },
    StopTimeout: STOP_SECONDS,
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      Memory: memory,
      // The same again: no swap.
      MemorySwap: memory,
      NanoCpus: spec.cpuMillis * 1_000_000,
      PidsLimit: PIDS,
      NetworkMode: parameters.network ?? "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      IpcMode: "private",
      ShmSize: Math.min(64 * MIB, Math.floor(memory / 2)),
      Ulimits: [
        { Name: "nofile", Soft: 4_096, Hard: 4_096 },
        { Name: "fsize", Soft: file, Hard: file },
        { Name: "core", Soft: 0, Hard: 0 },
        // Podman's own default of 2^20 is more than it may give on many machines, and then nothing starts.
        ...(parameters.engine === "podman"
          ? [{ Name: "nproc", Soft: USER_PROCESSES, Hard: USER_PROCESSES }]
          : []),
      ],
      LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "1" } },
      RestartPolicy: { Name: "no" },
      Mounts: [
        bind(folders.in, "/in", true),
        bind(folders.out, "/out", false),
        ...(folders.run ? [bind(folders.run, "/run/aiforge", true)] : []),
        ...(parameters.engine === "docker" ? scratch.map((path) => tmpfs(path, tmpBytes(spec))) : []),
      ],
      ...(parameters.engine === "podman"
        ? { Tmpfs: Object.fromEntries(scratch.map((path) => [path, tmpfsOptions(tmpBytes(spec))])) }
        : {}),
      ...(parameters.gpus.length > 0
        ? {
            DeviceRequests: [
              { Driver: "nvidia", DeviceIDs: [...parameters.gpus], Capabilities: [["gpu"]], Count: 0 },
            ],
          }
        : {}),
    },
  };
}

function bind(source: string, target: string, readOnly: boolean): Docker.MountSettings {
  return { Type: "bind", Source: source, Target: target, ReadOnly: readOnly };
}

/** Docker mounts these with `noexec,nosuid,nodev`. */
function tmpfs(target: string, bytes: number): Docker.MountSettings {
  return { Type: "tmpfs", Source: "", Target: target, TmpfsOptions: { SizeBytes: bytes, Mode: 0o1777 } };
}

/** Podman leaves `noexec` away unless it is told, which it can be only like this. */
const tmpfsOptions = (bytes: number): string => `rw,noexec,nosuid,nodev,size=${bytes},mode=1777`;

/**
 * Whom a job runs as: 1000 where this process is root and can give it its folders, else this process's own user, whose
 * files those are. In a rootless engine that user is called 0.
 */
export function jobUser(rootless: boolean): { user: string; chown: { uid: number; gid: number } | null } {
  const uid = process.getuid?.() ?? 1_000;
  const gid = process.getgid?.() ?? 1_000;
  if (rootless) return { user: "0:0", chown: null };
  if (uid === 0) return { user: "1000:1000", chown: { uid: 1_000, gid: 1_000 } };
  return { user: `${uid}:${gid}`, chown: null };
}

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { describe, MinerError } from "../errors.ts";

/** Labels by which a node knows its containers again. */
export const LABELS = {
  node: "network.aiforge.node",
  /** Of the data folder, so that two nodes on one engine leave each other alone. */
  folder: "network.aiforge.folder",
  attempt: "network.aiforge.attempt",
  job: "network.aiforge.job",
} as const;

/** An engine answers such calls at once, or it is not well. */
const CALL_MS = 30_000;

export interface EngineInfo {
  kind: "docker" | "podman";
  version: string;
  /** Processors of the machine it runs on. */
  cpus: number;
  /** Bytes. */
  memory: number;
  /** As images say it: amd64, arm64. */
  arch: string;
  /** Whether root in a container is the user of this process. */
  rootless: boolean;
  /** Whether it can hand NVIDIA GPUs to a container. */
  nvidia: boolean;
}

/** A Docker or Podman engine, over its socket. */
export class ContainerEngine {
  readonly docker: Docker;
  readonly host: string;
  readonly info: EngineInfo;

  private constructor(docker: Docker, host: string, info: EngineInfo) {
    this.docker = docker;
    this.host = host;
    this.info = info;
  }

  /**
   * Opens the engine at `host`, or the first that answers where engines are.
   * @param host as DOCKER_HOST has it: `unix:///var/run/docker.sock`
   * @throws MinerError when none answers
   */
  static async open(host: string | null): Promise<ContainerEngine> {
    const found: string[] = [];
    for (const candidate of host ? [host] : defaultHosts()) {
      const docker = new Docker(connectionOf(candidate));
      try {
        return new ContainerEngine(docker, candidate, await inspectEngine(docker));
      } catch (error) {
        found.push(`${candidate}: ${describe(error)}`);
      }
    }
    throw new MinerError(
      found.length > 0
        ? `No container engine answers (${found.join("; ")}).`
        : "There is no container engine on this machine.",
      {
        hint: "Start Docker or Podman, or name its socket with --docker-host, and see that this user may open it.",
        retryable: true,
      },
    );
  }

  async alive(): Promise<boolean> {
    try {
      await within(this.docker.ping(), 5_000);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Removes this folder's containers, running or not.
   * @param keeps whether the container of an attempt stays, at this very moment; a probe's has none
   * @returns how many went
   */
  async cleanLeftovers(
    folder: string,
    keeps: (attemptId: string | undefined) => boolean = () => false,
  ): Promise<number> {
    const filters = { label: [`${LABELS.folder}=${folder}`] };
    const containers = await within(this.docker.listContainers({ all: true, filters }));
    const left = containers.filter(({ Labels }) => !keeps(Labels[LABELS.attempt]));
    for (const { Id } of left) await this.remove(Id);
    return left.length;
  }

  /** Kills and removes a container; one that is gone already is no error. */
  async remove(id: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await within(this.docker.getContainer(id).remove({ force: true, v: true }));
        return;
      } catch (error) {
        const status = statusOf(error);
        if (status === 404) return;
        // 409: somebody else is removing it. Both that and a busy mount pass.
        if (attempt >= 5) throw error;
        await sleep(200 * attempt);
      }
    }
  }
}

/** Where engines listen when nobody says otherwise, as far as there is a socket. */
function defaultHosts(): string[] {
  if (process.env.DOCKER_HOST) return [process.env.DOCKER_HOST];
  if (process.platform === "win32") return ["npipe:////./pipe/docker_engine"];
  const runtime = process.env.XDG_RUNTIME_DIR;
  const sockets = [
    "/var/run/docker.sock",
    ...(runtime ? [join(runtime, "docker.sock")] : []),
    join(homedir(), ".docker/run/docker.sock"),
    "/run/podman/podman.sock",
    ...(runtime ? [join(runtime, "podman/podman.sock")] : []),
  ];
  return sockets.filter((path) => existsSync(path)).map((path) => `unix://${path}`);
}

function connectionOf(host: string): Docker.DockerOptions {
  const socket = /^(?:unix|npipe):\/\/(.+)$/.exec(host)?.[1];
  if (socket) return { socketPath: socket };
  const url = URL.parse(host.replace(/^tcp:/, "http:"));
  if (url?.protocol === "http:" && url.hostname)
    return { protocol: "http", host: url.hostname, port: Number(url.port || 2375) };
  throw new MinerError(`“${host}” is not the address of a container engine.`, {
    hint: "Such as unix:///var/run/docker.sock.",
  });
}

interface Info {
  NCPU: number;
  MemTotal: number;
  Architecture: string;
  ServerVersion: string;
  SecurityOptions?: string[];
  Runtimes?: Record<string, unknown>;
  DiscoveredDevices?: { Source?: string }[];
}

async function inspectEngine(docker: Docker): Promise<EngineInfo> {
  const [version, info] = await within(
    Promise.all([
      docker.version() as Promise<{ Version: string; Components?: { Name: string }[] }>,
      docker.info() as Promise<Info>,
    ]),
    10_000,
  );
  const podman = version.Components?.some(({ Name }) => /podman/i.test(Name)) ?? false;
  return {
    kind: podman ? "podman" : "docker",
    version: version.Version,
    cpus: info.NCPU,
    memory: info.MemTotal,
    arch: { x86_64: "amd64", aarch64: "arm64" }[info.Architecture] ?? info.Architecture,
    rootless: info.SecurityOptions?.some((option) => option.includes("rootless")) ?? false,
    nvidia: "nvidia" in (info.Runtimes ?? {}) || (info.DiscoveredDevices?.length ?? 0) > 0,
  };
}

/** @throws MinerError when `call` takes longer: a stuck engine must not hold a job for ever */
export async function within<T>(call: Promise<T>, ms = CALL_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new MinerError(`The container engine did not answer within ${ms / 1_000} s.`)),
      ms,
    );
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
    // Whoever lost the race may still fail.
    call.catch(() => {});
  }
}

/** The engine's HTTP status behind an error, or null. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : null;
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Config } from "../config.ts";
import { describe, MinerError } from "../errors.ts";
import { parseNvidiaSmi } from "../heartbeat.ts";
import { LOCAL_IMAGE } from "../jobs/config.ts";
import { ContainerEngine, within } from "../jobs/engine.ts";
import { allowedImages } from "../jobs/images.ts";
import type { JobsConfig } from "../jobs/jobs.ts";
import { fine, type Outcome, problem, warning } from "./finding.ts";

const run = promisify(execFile);

/** What to do about an engine that does not answer, by why it does not. */
function engineFix(reason: string): string {
  if (/EACCES|permission denied/i.test(reason))
    return "Let this user open the socket: sudo usermod -aG docker $USER, then log in again.";
  if (/ECONNREFUSED|ENOENT|socket hang up/i.test(reason))
    return "Start the engine (sudo systemctl start docker), or name its socket with --docker-host.";
  return "Install Docker (on Debian: sudo apt install docker.io) or Podman, or turn jobs off with --jobs off.";
}

/** The container engine, as far as jobs are wanted. */
export async function containerCheck(jobs: JobsConfig): Promise<Outcome> {
  if (jobs.jobs === "off") return fine("no jobs are taken (--jobs off)");
  let engine: ContainerEngine;
  try {
    engine = await ContainerEngine.open(jobs.dockerHost);
  } catch (error) {
    const reason = describe(error);
    // An address that is none is wrong in every case; without an engine, a node that need not have one does its other work.
    const needed = jobs.jobs === "on" || jobs.dockerHost !== null;
    return (needed ? problem : warning)(reason, engineFix(reason));
  }
  const { kind, version, rootless } = engine.info;
  const told = (await within(engine.docker.info(), 10_000)) as {
    CgroupVersion?: string;
    DefaultRuntime?: string;
    MemoryLimit?: boolean;
    PidsLimit?: boolean;
    CpuCfsQuota?: boolean;
  };
  const detail = `${kind} ${version} at ${engine.host}, cgroup v${told.CgroupVersion ?? "1"}, ${told.DefaultRuntime ?? "default runtime"}${rootless ? ", rootless" : ""}`;
  const unlimited = [
    told.MemoryLimit === false && "memory",
    told.PidsLimit === false && "processes",
    told.CpuCfsQuota === false && "processors",
  ].filter(Boolean);
  if (unlimited.length > 0)
    return problem(
      `${detail}; it cannot limit ${unlimited.join(" and ")}`,
      "Boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1) and all its controllers, or use Docker with root.",
    );
  if (jobs.images === "any") {
    if ((await allowedImages(engine, [LOCAL_IMAGE])).length > 0) return fine(`${detail}; any image`);
    return warning(
      `${detail}; any image, but none for the probes that a node has to pass: no job is offered to it`,
      `Give one with Node.js, Python or sha256sum that name (${kind} tag node:24-alpine ${LOCAL_IMAGE}), and start again.`,
    );
  }
  const here = await allowedImages(engine, jobs.images);
  const missing = jobs.images.filter((ref) => !here.some((image) => image.ref === ref));
  if (missing.length > 0)
    return warning(
      `${detail}; not here yet: ${missing.join(", ")}`,
      `Fetch it (${kind} pull ${missing[0]}), or allow others with --images.`,
    );
  return fine(`${detail}; allowed: ${jobs.images.join(", ")}`);
}

/** NVIDIA cards, and whether containers and the engine can use them. */
export async function gpuCheck(config: Pick<Config, "jobs">): Promise<Outcome> {
  let output: string;
  try {
    ({ stdout: output } = await run(
      "nvidia-smi",
      ["--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits"],
      { timeout: 10_000 },
    ));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return fine("no NVIDIA GPU (there is no nvidia-smi)");
    return warning(
      `nvidia-smi fails: ${describe(error).split("\n")[0]}`,
      "Install the driver that fits the running kernel, and restart the machine.",
    );
  }
  const cards = parseNvidiaSmi(output);
  if (cards.length === 0) return fine("nvidia-smi finds no GPU");
  const names = cards.map(({ name, memoryTotal }) => `${name} ${(memoryTotal / 1024 ** 3).toFixed(1)} GiB`);
  if (config.jobs.jobs === "off") return fine(names.join(", "));
  const engine = await ContainerEngine.open(config.jobs.dockerHost).catch((error) => {
    if (error instanceof MinerError) return null;
    throw error;
  });
  if (!engine) return warning(`${names.join(", ")}; no container engine to hand it to`, engineFix(""));
  if (engine.info.nvidia) return fine(`${names.join(", ")}; containers can have it`);
  return warning(
    `${names.join(", ")}; containers cannot have it`,
    "Install nvidia-container-toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker.",
  );
}

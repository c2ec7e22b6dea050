import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { z } from "zod";
import type { Config } from "../config.ts";
import { EmbeddedLoader } from "../engines/embedded.ts";
import { MinerError } from "../errors.ts";
import { diskOf, machineFigures } from "../heartbeat.ts";
import { type Check, check, fine, type Outcome, problem, warning } from "./finding.ts";
import { containerCheck, gpuCheck } from "./machine.ts";
import { networkChecks } from "./network.ts";

const GIB = 1024 ** 3;
const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;

/** Everything that a node needs; each check looks by itself, so that they can run at once. */
export function checksOf(config: Config): Check[] {
  const { coordinator, dialOut, wallet, registration, clock, chains } = networkChecks(config);
  return [
    wallet,
    coordinator,
    dialOut,
    registration,
    clock,
    ...chains,
    check("disk", "Give another --data-dir.", () => disk(config.dataDir)),
    check("memory", "Restart the machine if this stays.", () => memory(config.dataDir)),
    check("containers", "Start Docker, or turn jobs off with --jobs off.", () => containerCheck(config.jobs)),
    check("GPU", "Run nvidia-smi and see what it says.", () => gpuCheck(config)),
    check("engine", "Reinstall with npm install, or pass requests on with --engine openai.", () =>
      engine(config),
    ),
  ];
}

async function disk(dataDir: string): Promise<Outcome> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { free } = await diskOf(dataDir);
  const detail = `${gib(free)} free for ${dataDir}`;
  const fix = "Free some, or choose a larger disk with --data-dir: weights and jobs need it.";
  if (free < GIB) return problem(detail, fix);
  return free < 10 * GIB ? warning(detail, fix) : fine(detail);
}

async function memory(dataDir: string): Promise<Outcome> {
  const { memory } = await machineFigures(dataDir);
  const detail = `${gib(memory.free)} of ${gib(memory.total)} free, ${availableParallelism()} processors`;
  if (memory.free >= GIB) return fine(detail);
  return warning(detail, "Stop other programs, or serve smaller models with --models.");
}

async function engine(config: Config): Promise<Outcome> {
  if (config.engine === "embedded") {
    const { context: maxContext, gpu: use } = config;
    const loader = new EmbeddedLoader({ concurrency: 1, maxContext, gpu: use, threads: null });
    const { gpu } = await loader.start();
    await loader.dispose();
    return fine(`llama.cpp starts, ${gpu === false ? "on the CPU" : `with ${gpu}`}`);
  }
  const response = await fetch(`${config.upstreamUrl}/models`, {
    headers: config.upstreamKey === null ? {} : { authorization: `Bearer ${config.upstreamKey}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok)
    throw new MinerError(`${config.upstreamUrl}/models answers ${response.status}.`, {
      hint: "Check --upstream-url, and the key in AIFORGE_UPSTREAM_KEY.",
    });
  const { data } = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(await response.json());
  const offered = new Set(data.map(({ id }) => id));
  const missing =
    config.models === "all" ? [] : [...config.models.values()].filter((n) => n && !offered.has(n));
  const names = [...offered].join(", ") || "nothing";
  if (missing.length > 0)
    return problem(
      `the upstream offers ${names}, but not ${missing.join(", ")}`,
      "Name one that it offers with --upstream-model or --models ID=NAME.",
    );
  return fine(`the upstream offers ${names}`);
}

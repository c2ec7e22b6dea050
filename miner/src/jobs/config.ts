import { Option } from "commander";
import { MinerError } from "../errors.ts";
import { chainOptions, resolveChains } from "../own-chains.ts";
import type { JobsConfig } from "./jobs.ts";

export type { JobsConfig } from "./jobs.ts";

/** Options for container jobs as commander hands them over. */
export interface RawJobOptions {
  jobs?: JobsConfig["jobs"];
  dockerHost?: string;
  images?: string;
  jobCpus?: string;
  jobMemory?: string;
  jobDisk?: string;
  jobConcurrency?: string;
  priceCpuHour?: string;
  priceMemoryHour?: string;
  priceGpuHour?: string;
  allowNetwork?: string;
  rpcUrl?: string;
  contracts?: string;
}

/**
 * The image that a machine can make of its own node (scripts/services/docker.sh). Allowed unless an operator says
 * otherwise; a node that takes any image is probed with it.
 */
export const LOCAL_IMAGE = "localhost/node:1";
const MAX_IMAGES = 200;
const PRICES = { cpuHour: "0.02", memoryGbHour: "0.005", gpuHour: "0.5" };

const env = (option: Option, name: string): Option => option.env(`AIFORGE_MINER_${name}`);

/** Container jobs: whether, which, with how much, and for what. */
export const jobOptions = [
  env(
    new Option("--jobs <use>", "run container jobs: on, off, or auto: when an engine answers")
      .choices(["on", "off", "auto"])
      .default("auto"),
    "JOBS",
  ),
  new Option(
    "--docker-host <address>",
    "the container engine, such as unix:///var/run/docker.sock (default: the first that answers)",
  ).env("DOCKER_HOST"),
  env(
    new Option("--images <list>", "images that jobs may use, separated by commas, or any").default(
      LOCAL_IMAGE,
    ),
    "IMAGES",
  ),
  env(new Option("--job-cpus <n>", "processors for all jobs together (default: all)"), "JOB_CPUS"),
  env(
    new Option("--job-memory <MiB>", "memory for all jobs together (default: three quarters)"),
    "JOB_MEMORY",
  ),
  env(
    new Option("--job-disk <MiB>", "disk for all jobs together (default: half of what is free)"),
    "JOB_DISK",
  ),
  env(new Option("--job-concurrency <n>", "jobs at a time").default("2"), "JOB_CONCURRENCY"),
  env(
    new Option("--price-cpu-hour <USDT>", "the least for a processor an hour").default(PRICES.cpuHour),
    "PRICE_CPU_HOUR",
  ),
  env(
    new Option("--price-memory-hour <USDT>", "the least for a GiB of memory an hour").default(
      PRICES.memoryGbHour,
    ),
    "PRICE_MEMORY_HOUR",
  ),
  env(
    new Option("--price-gpu-hour <USDT>", "the least for a GPU an hour").default(PRICES.gpuHour),
    "PRICE_GPU_HOUR",
  ),
  env(
    new Option(
      "--allow-network <name>",
      "an engine's network for jobs that ask for one; offered when it keeps them away from this machine and private addresses",
    ),
    "ALLOW_NETWORK",
  ),
  ...chainOptions,
];

/**
 * Checks the options for jobs.
 * @throws MinerError naming the first that is wrong
 */
export function resolveJobs(raw: RawJobOptions): JobsConfig {
  return {
    jobs: raw.jobs ?? "off",
    dockerHost: raw.dockerHost || null,
    images: images(raw.images ?? LOCAL_IMAGE),
    jobCpus: raw.jobCpus ? whole("--job-cpus", raw.jobCpus, 1_024) : null,
    jobMemoryMb: raw.jobMemory ? whole("--job-memory", raw.jobMemory, 100_000_000) : null,
    jobDiskMb: raw.jobDisk ? whole("--job-disk", raw.jobDisk, 1_000_000_000) : null,
    jobConcurrency: whole("--job-concurrency", raw.jobConcurrency ?? "2", 1_024),
    rates: {
      cpuHour: price("--price-cpu-hour", raw.priceCpuHour ?? PRICES.cpuHour),
      memoryGbHour: price("--price-memory-hour", raw.priceMemoryHour ?? PRICES.memoryGbHour),
      gpuHour: price("--price-gpu-hour", raw.priceGpuHour ?? PRICES.gpuHour),
    },
    allowNetwork: raw.allowNetwork || null,
    ...resolveChains(raw),
  };
}

function images(text: string): JobsConfig["images"] {
  if (text.trim() === "any") return "any";
  const list = text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  for (const ref of list)
    if (!/^[a-z0-9][a-zA-Z0-9._:/@-]{0,399}$/.test(ref))
      throw new MinerError(`--images: “${ref}” is not the name of an image.`, {
        hint: "Such as docker.io/library/python:3.13, or name@sha256:…",
      });
  if (list.length > MAX_IMAGES) throw new MinerError(`--images: at most ${MAX_IMAGES} images, or any.`);
  return [...new Set(list)];
}

function whole(option: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text.trim()) && value >= 1 && value <= max) return value;
  throw new MinerError(`${option} must be a whole number from 1 to ${max}, not “${text}”.`);
}

function price(option: string, text: string): string {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return text;
  throw new MinerError(
    `${option} must be an amount in USDT below a million with at most 6 decimals, not “${text}”.`,
  );
}

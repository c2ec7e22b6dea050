import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "./config.ts";
import { EmbeddedLoader } from "./engines/embedded.ts";
import { describe, MinerError } from "./errors.ts";
import { diskOf, machineFigures } from "./heartbeat.ts";
import { loadAccount, TokenStore } from "./identity.ts";

/** One thing that a node needs: what was found, or why it is not there. */
export interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

const GIB = 1024 ** 3;
const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;

async function check(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await look() };
  } catch (error) {
    const hint = error instanceof MinerError && error.hint ? ` ${error.hint}` : "";
    return { name, ok: false, detail: describe(error) + hint };
  }
}

async function apiHealth(apiUrl: string): Promise<string> {
  const response = await fetch(new URL("/api/health", apiUrl), { signal: AbortSignal.timeout(10_000) });
  const body = z
    .object({ status: z.string(), version: z.string().optional() })
    .safeParse(await response.json());
  if (!body.success) throw new MinerError(`${apiUrl} answers, but is no AIForge API.`);
  return `${apiUrl} is ${body.data.status}`;
}

async function engineCheck(config: Config): Promise<string> {
  if (config.engine === "embedded") {
    const loader = new EmbeddedLoader({
      concurrency: 1,
      maxContext: config.context,
      gpu: config.gpu,
      threads: null,
    });
    const { gpu } = await loader.start();
    await loader.dispose();
    return `llama.cpp starts, ${gpu === false ? "on the CPU" : `with ${gpu}`}`;
  }
  const response = await fetch(`${config.upstreamUrl}/models`, {
    headers: config.upstreamKey === null ? {} : { authorization: `Bearer ${config.upstreamKey}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new MinerError(`${config.upstreamUrl}/models answers ${response.status}.`);
  const { data } = z.object({ data: z.array(z.object({ id: z.string() })) }).parse(await response.json());
  const offered = new Set(data.map(({ id }) => id));
  const missing =
    config.models === "all" ? [] : [...config.models.values()].filter((n) => n && !offered.has(n));
  const names = [...offered].join(", ") || "nothing";
  if (missing.length > 0)
    throw new MinerError(`The upstream offers ${names}, but not ${missing.join(", ")}.`);
  return `the upstream offers ${names}`;
}

/** Looks at everything that a node needs before it can serve. */
export function diagnose(config: Config): Promise<Check[]> {
  return Promise.all([
    check("wallet key", async () => (await loadAccount(config.keyFile, { ...process.env })).address),
    check("API", () => apiHealth(config.apiUrl)),
    check("data folder", async () => {
      await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
      const { free } = await diskOf(config.dataDir);
      if (free < GIB) throw new MinerError(`Only ${gib(free)} free in ${config.dataDir}; weights need more.`);
      return `${config.dataDir}, ${gib(free)} free`;
    }),
    check("machine", async () => {
      const { cpu, memory, gpus } = await machineFigures(config.dataDir);
      const cards = gpus.map(({ name, memoryTotal }) => `${name} ${gib(memoryTotal)}`).join(", ");
      return `${cpu.cores} cores, ${gib(memory.free)} of ${gib(memory.total)} memory free, ${cards || "no NVIDIA GPU"}`;
    }),
    check("engine", () => engineCheck(config)),
  ]);
}

/** What is known here, without the engine: wallet, registration, weights on disk, the API. */
export async function status(config: Config): Promise<Check[]> {
  const account = await loadAccount(config.keyFile);
  const token = await new TokenStore(config.dataDir, config.apiUrl, account.address).read();
  const folder = join(config.dataDir, "weights");
  const files = (await readdir(folder).catch((): string[] => [])).filter((file) => file.endsWith(".gguf"));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return [
    { name: "wallet", ok: true, detail: account.address },
    {
      name: "registered",
      ok: token !== null,
      detail: token === null ? "not yet: run start" : `with ${config.apiUrl}`,
    },
    { name: "weights", ok: true, detail: `${files.length} files, ${gib(total)}` },
    await check("API", () => apiHealth(config.apiUrl)),
  ];
}

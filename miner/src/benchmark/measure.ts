import { access, constants, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Config } from "../config.ts";
import { EmbeddedLoader } from "../engines/embedded.ts";
import { describe, MinerError } from "../errors.ts";
import { diskOf, machineFigures } from "../heartbeat.ts";
import { progress } from "../output.ts";

const MIB = 1024 * 1024;
const COPY_BYTES = 64 * MIB;
const FILE_BYTES = 256 * MIB;
const PIECE = 4 * MIB;
const TOKENS = 128;
const DEMO_MODEL = fileURLToPath(new URL("../../../models/tiny-chat-q8_0.gguf", import.meta.url));

interface CoreFigures {
  /** Billions of floating-point operations a second. */
  gflops: number;
  /** Millions of bytes a second. */
  sha256Mbs: number;
}

export interface Figures {
  cpu: { name: string; cores: number; single: CoreFigures; all: CoreFigures };
  /** Billions of bytes copied a second. */
  memory: { copyGbs: number };
  /** Millions of bytes a second, with the data on the disk; `cached`: reading could not go around the memory. */
  disk: { writeMbs: number; readMbs: number; cached: boolean };
  tokens: {
    model: string;
    device: string;
    tokensPerSecond: number;
    firstTokenMs: number;
    tokens: number;
  } | null;
  tokensProblem: string | null;
  gpus: { name: string; memoryTotal: number; memoryUsed: number }[];
}

/** Measures one thing after the other, so that none disturbs another. */
export async function measure(
  config: Config,
  { model, seconds }: { model: string | null; seconds: number },
): Promise<Figures> {
  const cores = availableParallelism();
  const ms = seconds * 1_000;
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const figures: Figures = {
    cpu: { name: cpus()[0]?.model.trim() ?? "unknown", cores, single: NOTHING, all: NOTHING },
    memory: { copyGbs: 0 },
    disk: { writeMbs: 0, readMbs: 0, cached: true },
    tokens: null,
    tokensProblem: null,
    gpus: [],
  };
  const step = (title: string, task: () => Promise<void>) => ({ title, task });
  return progress(
    [
      step("One core", async () => {
        figures.cpu.single = await coresFor(1, ms);
      }),
      step(`${cores} cores`, async () => {
        figures.cpu.all = await coresFor(cores, ms);
      }),
      step("Memory", async () => {
        figures.memory.copyGbs = copying(ms);
      }),
      step("Disk", async () => {
        figures.disk = await disk(config.dataDir);
      }),
      step("Tokens", async () => {
        try {
          figures.tokens = await tokens(config, model);
        } catch (error) {
          if (model !== null) throw error;
          figures.tokensProblem = describe(error);
        }
      }),
      step("GPU", async () => {
        figures.gpus = (await machineFigures(config.dataDir)).gpus;
      }),
    ],
    figures,
    { json: config.json, live: true },
  );
}

const NOTHING: CoreFigures = { gflops: 0, sha256Mbs: 0 };

/** The sum over that many threads at once. */
async function coresFor(threads: number, ms: number): Promise<CoreFigures> {
  const each = await Promise.all(
    Array.from(
      { length: threads },
      () =>
        new Promise<CoreFigures>((done, failed) => {
          const worker = new Worker(new URL("./cpu-worker.ts", import.meta.url), { workerData: { ms } });
          worker.once("message", done).once("error", failed);
        }),
    ),
  );
  return each.reduce((sum, core) => ({
    gflops: sum.gflops + core.gflops,
    sha256Mbs: sum.sha256Mbs + core.sha256Mbs,
  }));
}

function copying(ms: number): number {
  const from = Buffer.alloc(COPY_BYTES, 1);
  const to = Buffer.alloc(COPY_BYTES, 2);
  let bytes = 0;
  const start = performance.now();
  do {
    from.copy(to);
    bytes += COPY_BYTES;
  } while (performance.now() - start < ms);
  return bytes / (performance.now() - start) / 1e6;
}

async function disk(dataDir: string): Promise<Figures["disk"]> {
  const { free } = await diskOf(dataDir);
  if (free < 4 * FILE_BYTES)
    throw new MinerError(
      `Only ${Math.floor(free / MIB)} MiB are free for ${dataDir}: too few to measure the disk.`,
    );
  const path = join(dataDir, `benchmark-${process.pid}`);
  try {
    const piece = Buffer.allocUnsafeSlow(PIECE);
    // No file system makes these smaller, or none of them.
    for (let at = 0; at < PIECE; at += 4) piece.writeInt32LE((Math.random() * 2 ** 31) | 0, at);
    const file = await open(path, "wx", 0o600);
    const start = performance.now();
    try {
      for (let at = 0; at < FILE_BYTES; at += PIECE) await file.write(piece, 0, PIECE, at);
      await file.sync();
    } finally {
      await file.close();
    }
    const writeMbs = FILE_BYTES / (performance.now() - start) / 1_000;
    return { writeMbs, ...(await reading(path)) };
  } finally {
    await rm(path, { force: true });
  }
}

/** Reads around the page cache where the system lets it, which wants memory at whole pages. */
async function reading(path: string): Promise<{ readMbs: number; cached: boolean }> {
  const memory = Buffer.allocUnsafeSlow(PIECE + 8_192);
  const direct = process.platform === "linux" ? constants.O_DIRECT : 0;
  // Where in a page a buffer begins is not told: the allocator's header is 16 bytes, or there is none.
  const ways = direct ? [[direct, 0] as const, [direct, 4_080] as const, [0, 0] as const] : [[0, 0] as const];
  for (const [flag, offset] of ways) {
    const file = await open(path, constants.O_RDONLY | flag).catch(() => null);
    if (file === null) continue;
    try {
      const start = performance.now();
      for (let at = 0; at < FILE_BYTES; at += PIECE) await file.read(memory, offset, PIECE, at);
      return { readMbs: FILE_BYTES / (performance.now() - start) / 1_000, cached: flag === 0 };
    } catch (error) {
      if (flag === 0) throw error;
    } finally {
      await file.close();
    }
  }
  throw new MinerError(`${path} cannot be read.`);
}

/** Generates with the embedded engine: with the file that was named, one that this node serves, or the demo model. */
async function tokens(config: Config, model: string | null): Promise<Figures["tokens"]> {
  const path = model === null ? await someModel(config.dataDir) : resolve(model);
  if (path === null)
    throw new MinerError("There is no model here yet.", { hint: "Name a GGUF with --model." });
  if (!(await stat(path).catch(() => null))?.isFile())
    throw new MinerError(`The model ${path} does not exist.`);
  const loader = new EmbeddedLoader({
    concurrency: 1,
    maxContext: Math.min(config.context, 4_096),
    gpu: config.gpu,
    threads: config.threads,
  });
  try {
    const { gpu } = await loader.start();
    const engine = await loader.load({ modelId: "benchmark", path, contextLength: null });
    try {
      const request = {
        messages: [{ role: "user" as const, content: "Tell me a long story about a fox and a lantern." }],
        maxTokens: TOKENS,
        temperature: 1,
        topP: 1,
        stop: [],
        seed: 1,
      };
      const start = performance.now();
      let first = 0;
      const stream = engine.generate(request, AbortSignal.timeout(120_000));
      let step = await stream.next();
      while (!step.done) {
        first ||= performance.now();
        step = await stream.next();
      }
      const { completionTokens } = step.value.usage;
      const seconds = (performance.now() - (first || start)) / 1_000;
      return {
        model: basename(path),
        device: gpu === false ? "the CPU" : gpu,
        tokensPerSecond: Math.max(completionTokens - 1, 0) / seconds,
        firstTokenMs: (first || performance.now()) - start,
        tokens: completionTokens,
      };
    } finally {
      await engine.dispose();
    }
  } finally {
    await loader.dispose();
  }
}

/** The smallest model that this node has, else the one that comes with the source. */
async function someModel(dataDir: string): Promise<string | null> {
  const folder = join(dataDir, "weights");
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith(".gguf"));
  const sized = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), size: (await stat(join(folder, name))).size })),
  );
  const smallest = sized.sort((a, b) => a.size - b.size)[0];
  if (smallest) return smallest.path;
  return access(DEMO_MODEL).then(
    () => DEMO_MODEL,
    () => null,
  );
}

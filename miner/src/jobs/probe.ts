import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "../errors.ts";
import { containerOptions, jobUser } from "./container.ts";
import { type ContainerEngine, LABELS, within } from "./engine.ts";
import { findImage, type Image } from "./images.ts";
import { attachContainer, startContainer } from "./lifecycle.ts";
import { LogSplitter, readOutput } from "./logs.ts";
import { removeFolder } from "./outputs.ts";
import type { JobProbe } from "./protocol.ts";

export interface ProbeResult {
  ok: boolean;
  /** What the container printed: the sha-256 of the nonce, in hexadecimal. */
  output: string;
  /** Milliseconds from the order to the end of the container. */
  ms: number;
  detail: string | null;
}

/** How images print the hash: most have one of these. */
const COMMANDS = [
  [
    "node",
    "-e",
    "console.log(require('crypto').createHash('sha256').update(process.env.PROBE_NONCE).digest('hex'))",
  ],
  ["sh", "-c", 'printf %s "$PROBE_NONCE" | sha256sum'],
  [
    "python3",
    "-c",
    "import hashlib, os; print(hashlib.sha256(os.environ['PROBE_NONCE'].encode()).hexdigest())",
  ],
];

/**
 * Runs a container under the same restrictions as a job's, with the same mounts, and says what it printed.
 * @param dir a folder for the mounts, removed afterwards
 */
export async function runProbe(
  engine: ContainerEngine,
  probe: Pick<JobProbe, "image" | "nonce">,
  labels: Record<string, string>,
  dir: string,
): Promise<ProbeResult> {
  const since = performance.now();
  const result = (ok: boolean, output: string, detail: string | null): ProbeResult => ({
    ok,
    output,
    ms: Math.round(performance.now() - since),
    detail,
  });
  try {
    const image = await findImage(engine, probe.image);
    if (!image) return result(false, "", `The image ${probe.image} is not here.`);
    for (const command of COMMANDS) {
      const output = await runOnce(engine, {
        image,
        command,
        env: { PROBE_NONCE: probe.nonce },
        network: null,
        labels,
        dir,
      });
      if (output !== null) return result(true, output.trim().split(/\s/)[0]?.slice(0, 100) ?? "", null);
    }
    return result(false, "", "The image has neither node nor sh nor python3.");
  } catch (error) {
    return result(false, "", describe(error).slice(0, 500));
  }
}

export interface OnceParameters {
  image: Image;
  command: string[];
  env: Record<string, string>;
  network: string | null;
  labels: Record<string, string>;
  dir: string;
}

/**
 * Runs a small container to its end, half a minute at most.
 * @returns what it printed, or null when the command is not in the image
 */
export async function runOnce(engine: ContainerEngine, parameters: OnceParameters): Promise<string | null> {
  const { image, command, env, network, labels, dir } = parameters;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(dir, ".probe-"));
  const folders = { in: join(folder, "in"), out: join(folder, "out"), run: null };
  let id: string | null = null;
  try {
    await Promise.all([mkdir(folders.in), mkdir(folders.out)]);
    const options = containerOptions({
      imageId: image.id,
      volumes: image.volumes,
      spec: {
        version: 1,
        image: image.id,
        command,
        env,
        inputs: [],
        outputLimitMb: 1,
        cpuMillis: 1_000,
        memoryMb: 128,
        gpus: 0,
        diskMb: 16,
        timeLimitSeconds: 30,
        network: network !== null,
        retries: 0,
        engineModelId: null,
        review: false,
      },
      jobId: "probe",
      folders,
      user: jobUser(engine.info.rootless).user,
      labels: { ...labels, [LABELS.job]: "probe" },
      gpus: [],
      network,
      engine: engine.info.kind,
    });
    const container = await within(engine.docker.createContainer(options));
    id = container.id;
    let text = "";
    const splitter = new LogSplitter({
      log: (stream, piece) => {
        if (stream === "stdout") text += piece;
      },
      progress: () => {},
    });
    const source = await attachContainer(container);
    if ("exitCode" in source) return null;
    const ended = container.wait({ condition: "next-exit" }) as Promise<unknown>;
    ended.catch(() => {});
    const early = await startContainer(container);
    if (early) {
      source.destroy();
      return null;
    }
    await within(Promise.all([ended, readOutput(source, splitter)]));
    return text;
  } finally {
    if (id !== null) await engine.remove(id).catch(() => {});
    await removeFolder(folder);
  }
}

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("../services/docker.sh", import.meta.url));
const DEFAULT_SOCKET = "/var/run/docker.sock";

export interface TestDocker {
  /** As DOCKER_HOST has it. */
  host: string;
  /** Id of `localhost/node:1`, `sha256:…`. */
  image: string;
  /** Of the engine, when it was started here: `docker.pid` is in it. */
  dir: string | null;
  stop: () => Promise<void>;
}

/**
 * A real Docker engine with the image `localhost/node:1`: the one of DOCKER_HOST or of this machine when it answers,
 * else one that is started for this process and ends with it (as root on Debian).
 * @param own starts one in any case: for tests that break it
 * @returns null where there is none; why is printed
 * @throws Error in CI, where there has to be one
 */
export async function startDocker({ own = false } = {}): Promise<TestDocker | null> {
  const found = own ? null : await existing();
  if (found) return { host: found, image: await loadImage(found), dir: null, stop: async () => {} };
  const missing = await whyNone();
  if (missing === null) return await startOwn();
  if (process.env.CI) throw new Error(`The container tests need a Docker engine: ${missing}`);
  process.stderr.write(`\nSkipped the container tests: ${missing}\n\n`);
  return null;
}

async function existing(): Promise<string | null> {
  const host = process.env.DOCKER_HOST ?? (existsSync(DEFAULT_SOCKET) ? `unix://${DEFAULT_SOCKET}` : null);
  if (!host) return null;
  const answers = await run("docker", ["-H", host, "version"], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
  return answers ? host : null;
}

async function whyNone(): Promise<string | null> {
  if (process.platform !== "linux") return "no engine answers; start Docker, or set DOCKER_HOST";
  if (process.getuid?.() !== 0) return "no engine answers, and only root can start one; set DOCKER_HOST";
  const has = (program: string) =>
    run("sh", ["-c", `command -v ${program}`]).then(
      () => true,
      () => false,
    );
  if ((await has("dockerd")) || (await has("apt-get"))) return null;
  return "there is no dockerd on this machine, and it is not Debian, where it could be installed";
}

async function startOwn(): Promise<TestDocker> {
  const dir = await mkdtemp(join(tmpdir(), "aiforge-docker-"));
  const stop = async () => {
    await run("bash", [SCRIPT, "stop", dir], { timeout: 60_000 });
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const { stdout } = await run("bash", [SCRIPT, "start", dir, String(process.pid)], { timeout: 300_000 });
    const host = stdout.trim();
    return { host, image: await loadImage(host), dir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Puts `localhost/node:1` into an engine that does not have it. */
async function loadImage(host: string): Promise<string> {
  const { stdout } = await run("bash", [SCRIPT, "image"], {
    env: { ...process.env, DOCKER_HOST: host },
    timeout: 120_000,
  });
  return stdout.trim();
}

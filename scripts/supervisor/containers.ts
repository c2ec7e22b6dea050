import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./config.ts";

const run = promisify(execFile);
/** The image of the job templates. */
const IMAGE = "localhost/node:1";
/** What stands in for it on machines whose own Node.js cannot run in a Linux container. */
const FROM_REGISTRY = "node:24-slim";
const IMAGE_MS = 300_000;

export interface ContainerEngine {
  /** As DOCKER_HOST has it; null when no engine answers. */
  host: string | null;
  /** For people: what is there, or what is missing and how to get it. */
  note: string;
}

const NONE =
  "no container engine answers, so container jobs are off. To turn them on start Docker (or set DOCKER_HOST) and run npm start again";

/** Finds the container engine of this machine, and sees that it has the image that the job templates run in. */
export async function findContainers(): Promise<ContainerEngine> {
  for (const host of candidates()) {
    const version = await versionOf(host).catch(() => null);
    if (version === null) continue;
    const problem = await ensureImage(host).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error)),
    );
    if (problem === null) return { host, note: version };
    return { host, note: `${version}, without ${IMAGE} for the job templates: ${problem}` };
  }
  return { host: null, note: NONE };
}

function candidates(): string[] {
  if (process.env.DOCKER_HOST) return [process.env.DOCKER_HOST];
  const sockets = ["/var/run/docker.sock", join(homedir(), ".docker/run/docker.sock")];
  return sockets.filter((path) => existsSync(path)).map((path) => `unix://${path}`);
}

/** @throws when nothing answers, or something that is no engine */
async function versionOf(host: string): Promise<string> {
  const { Version } = JSON.parse(await ask(host, "/version")) as { Version?: unknown };
  if (typeof Version !== "string") throw new Error("not an engine");
  return `Docker ${Version}`;
}

/** @throws Error that says why the image is not there */
async function ensureImage(host: string): Promise<void> {
  const there = await ask(host, `/images/${encodeURIComponent(IMAGE)}/json`).then(
    () => true,
    () => false,
  );
  if (there) return;
  const options = { env: { ...process.env, DOCKER_HOST: host }, timeout: IMAGE_MS };
  if (process.platform === "linux") {
    await run("bash", [join(ROOT, "scripts/services/docker.sh"), "image"], options);
    return;
  }
  await run("docker", ["pull", FROM_REGISTRY], options);
  await run("docker", ["tag", FROM_REGISTRY, IMAGE], options);
}

function ask(host: string, path: string): Promise<string> {
  const socketPath = /^unix:\/\/(.+)$/.exec(host)?.[1];
  const url = socketPath ? null : new URL(host.replace(/^tcp:/, "http:"));
  return new Promise((resolve, reject) => {
    const asked = request(
      { ...(url ? { host: url.hostname, port: url.port || 2375 } : { socketPath }), path, timeout: 5_000 },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => {
          if (response.statusCode === 200) resolve(body);
          else reject(new Error(`${path} answered ${response.statusCode}`));
        });
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}

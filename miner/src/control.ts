import { createHash } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { describe, MinerError } from "./errors.ts";

/** Bytes of a socket's path that every system takes. */
const MAX_PATH = 103;
const ASK_MS = 10_000;

const runningSchema = z.object({
  pid: z.number(),
  version: z.string(),
  startedAt: z.string(),
  connected: z.boolean(),
  draining: z.boolean(),
  /** Requests that are being answered. */
  active: z.number(),
  /** Attempts at jobs, from the offer to the told end. */
  attempts: z.array(z.string()),
  models: z.array(z.object({ modelId: z.string(), state: z.string() })),
  /** Whether it offers to run jobs now. */
  jobs: z.boolean(),
});
/** What a running node says of itself. */
export type Running = z.infer<typeof runningSchema>;

export interface Controlled {
  status: () => Omit<Running, "pid">;
  /** Takes no new work while it is on; what runs goes on. */
  drain: (on: boolean) => void;
  stop: () => void;
}

/** Where the node of a data folder listens to its operator: in the folder, which is this user's alone. */
function controlPath(dataDir: string): string {
  const folder = resolve(dataDir);
  if (process.platform !== "win32") return join(folder, "control.sock");
  return `\\\\.\\pipe\\aiforge-miner-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`;
}

/**
 * Lets `status` and `drain` of the same user reach this process. Call it with the folder's lock held.
 * @returns what closes it
 * @throws MinerError when the folder's path is too long for a socket
 */
export async function openControl(dataDir: string, node: Controlled): Promise<() => Promise<void>> {
  const path = controlPath(dataDir);
  if (Buffer.byteLength(path) > MAX_PATH)
    throw new MinerError(`The path of ${path} is too long for a socket.`, {
      hint: "status and drain cannot reach this process; choose a shorter --data-dir.",
    });
  if (process.platform !== "win32") await rm(path, { force: true });
  const server = createServer(async (asked, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const route = `${asked.method} ${asked.url}`;
    if (route === "POST /drain" || route === "POST /undrain") node.drain(route === "POST /drain");
    else if (route === "POST /stop") response.on("finish", node.stop);
    else if (route !== "GET /status") return void answer(404, {});
    answer(200, { ...node.status(), pid: process.pid });
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(path, done);
  });
  if (process.platform !== "win32") await chmod(path, 0o600);
  return async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
}

/**
 * Asks the node that runs on a data folder.
 * @returns null when none runs
 * @throws MinerError when one is there but does not answer
 */
export async function askRunning(
  dataDir: string,
  route: "GET /status" | "POST /drain" | "POST /undrain" | "POST /stop" = "GET /status",
): Promise<Running | null> {
  const [method, path] = route.split(" ");
  try {
    return await new Promise<Running>((done, failed) => {
      const signal = AbortSignal.timeout(ASK_MS);
      const asking = request({ socketPath: controlPath(dataDir), method, path, signal }, (response) => {
        text(response)
          .then((body) => done(runningSchema.parse(JSON.parse(body))))
          .catch(failed);
      });
      asking.on("error", failed).end();
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    // A socket that a killed process left behind refuses.
    if (code === "ENOENT" || code === "ECONNREFUSED") return null;
    throw new MinerError(`The node that runs on ${dataDir} does not answer: ${describe(error)}.`, {
      cause: error,
    });
  }
}

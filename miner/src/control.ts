import { createHash } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { describe, MinerError } from "./errors.ts";

/** Bytes of a socket's path that every system takes. */
const MAX_PATH = 103;
const ASK_MS = 10_000;
/** For what is being answered when the control closes. */
const FLUSH_MS = 2_000;
/** A process that ends drops whoever waits in its socket's queue; asked again, the socket is gone. */
const DROPPED = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
const DROPPED_TRIES = 20;
const DROPPED_PAUSE_MS = 100;
/** A node that was told to stop has so long for it. */
const STOP_MS = 60_000;
const STOP_LOOK_MS = 100;

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
  const server = createServer((asked, response) => {
    // One question a connection: none is left open to be torn down with a question in it.
    const headers = { "content-type": "application/json", connection: "close" };
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, headers).end(JSON.stringify(body));
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
    // What was asked is answered first; somebody who says nothing does not keep the process.
    const late = setTimeout(() => server.closeAllConnections(), FLUSH_MS);
    await new Promise((done) => server.close(done));
    clearTimeout(late);
  };
}

type Route = "GET /status" | "POST /drain" | "POST /undrain" | "POST /stop";

/**
 * Asks the node that runs on a data folder.
 * @returns null when none runs
 * @throws MinerError when one is there but does not answer
 */
export async function askRunning(dataDir: string, route: Route = "GET /status"): Promise<Running | null> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask(controlPath(dataDir), route);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      // A socket that a killed process left behind refuses.
      if (code === "ENOENT" || code === "ECONNREFUSED") return null;
      if (!DROPPED.has(code) || tries >= DROPPED_TRIES)
        throw new MinerError(`The node that runs on ${dataDir} does not answer: ${describe(error)}.`, {
          cause: error,
        });
    }
    await sleep(DROPPED_PAUSE_MS);
  }
}

function ask(socketPath: string, route: Route): Promise<Running> {
  const [method, path] = route.split(" ");
  return new Promise((done, failed) => {
    const signal = AbortSignal.timeout(ASK_MS);
    const asking = request({ socketPath, method, path, signal, agent: false }, (response) => {
      text(response)
        .then((body) => done(runningSchema.parse(JSON.parse(body))))
        .catch(failed);
    });
    asking.on("error", failed).end();
  });
}

/**
 * Stops the node that runs on a data folder and waits until it is gone; one that is gone already is stopped.
 * @throws MinerError when it is still there after a minute
 */
export async function stopRunning(dataDir: string): Promise<void> {
  const until = performance.now() + STOP_MS;
  let pid: number | null = null;
  for (let route: Route = "POST /stop"; ; route = "GET /status") {
    try {
      const running = await askRunning(dataDir, route);
      // Another process is there already where a service starts the node again.
      if (running === null || (pid !== null && running.pid !== pid)) return;
      pid = running.pid;
    } catch (error) {
      // Freeing a large model may keep it from answering.
      if (performance.now() > until) throw error;
    }
    if (performance.now() > until)
      throw new MinerError(`The node (pid ${pid}) was told to stop, but is still there.`, {
        hint: `End it with: kill -9 ${pid}`,
      });
    await sleep(STOP_LOOK_MS);
  }
}

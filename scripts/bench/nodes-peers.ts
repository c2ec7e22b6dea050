import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Containers } from "./nodes-container.ts";
import type { Client } from "./nodes-load.ts";

/** Room of one simulated node for jobs. */
export const CONCURRENCY = 4;

export const capability = (image: string) => ({
  enabled: true,
  engine: "docker",
  cpuMillis: 8_000,
  memoryMb: 16_384,
  gpus: 0,
  diskMb: 100_000,
  concurrency: CONCURRENCY,
  network: false,
  images: [{ ref: "localhost/node:1", digest: image, arch: "amd64" }],
  anyImage: false,
  rates: { cpuHour: "0.01", memoryGbHour: "0.01", gpuHour: "1" },
  instance: randomUUID(),
});

export const figures = (active: number) => ({
  cpu: { cores: 8, load: 0.25 },
  memory: { total: 17_179_869_184, free: 8_589_934_592 },
  disk: { total: 500_000_000_000, free: 250_000_000_000 },
  gpus: [],
  active,
});

/** What a probe's container would print. */
export const probeOutput = (nonce: string): string => createHash("sha256").update(nonce).digest("hex");

/** What the simulated nodes saw of jobs. */
export interface Seen {
  /** By job: when a node was first told of it, by `performance.now()`. */
  told: Map<string, number>;
  /** By job: attempts that were accepted. */
  accepted: Map<string, Set<string>>;
  /** By job: when its first attempt was reported to run, by `performance.now()`. */
  started: Map<string, number>;
  /** Jobs whose end the api took. */
  finished: Set<string>;
  /** Answers that should have been 200. */
  refused: number;
}

export interface PeerOptions {
  url: string;
  client: Client;
  token: string;
  image: string;
  seen: Seen;
  /** Where real containers run; null: what a node reports is all there is. */
  containers: () => Containers | null;
}

interface Frame {
  type: string;
  id?: string;
  nonce?: string;
  work?: { attemptId: string; jobId: string };
}

/** A node that is told of work by its WebSocket and does it at once: accept, running, finished. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #socket: WebSocket;
  readonly #jobs;
  readonly #taken = new Set<string>();
  #beats: NodeJS.Timeout | undefined;

  private constructor(options: PeerOptions) {
    const { url, token, image } = options;
    this.#options = options;
    this.#jobs = capability(image);
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/api/nodes/connect`, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.#socket.on("message", (data) => this.#told(JSON.parse(data.toString()) as Frame));
  }

  static async open(options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options);
    await once(peer.#socket, "open");
    peer.#send({ type: "hello", version: "bench", capacity: 1, models: [], jobs: peer.#jobs });
    peer.#beats = setInterval(() => peer.#send({ type: "heartbeat", ...figures(0) }), 30_000);
    return peer;
  }

  close(): void {
    clearInterval(this.#beats);
    this.#socket.terminate();
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #told(frame: Frame): void {
    if (frame.type === "ping") this.#send({ type: "pong" });
    if (frame.type === "job_probe") {
      const { id, nonce = "" } = frame;
      this.#send({ type: "job_probe_result", id, ok: true, output: probeOutput(nonce), ms: 1 });
    }
    // The same offer may come again until it is accepted.
    if (frame.type === "work" && frame.work && !this.#taken.has(frame.work.attemptId)) {
      this.#taken.add(frame.work.attemptId);
      this.#do(frame.work).catch((error: unknown) => {
        this.#options.seen.refused += 1;
        console.error(error instanceof Error ? error.message : error);
      });
    }
  }

  async #do({ attemptId, jobId }: { attemptId: string; jobId: string }): Promise<void> {
    const { seen, containers } = this.#options;
    const { instance } = this.#jobs;
    if (!seen.told.has(jobId)) seen.told.set(jobId, performance.now());
    if (!(await this.#say(attemptId, "accept", { instance }))) return;
    seen.accepted.set(jobId, (seen.accepted.get(jobId) ?? new Set()).add(attemptId));
    const container = await containers()?.start();
    if (!(await this.#say(attemptId, "reports", { reports: [{ seq: 1, type: "state", state: "running" }] })))
      return;
    if (!seen.started.has(jobId)) seen.started.set(jobId, performance.now());
    await container?.end;
    const end = {
      exitCode: 0,
      outOfMemory: false,
      timedOut: false,
      containerSeconds: 0,
      files: [],
      failure: null,
    };
    if (await this.#say(attemptId, "finish", end)) seen.finished.add(jobId);
  }

  async #say(attemptId: string, what: string, body: object): Promise<boolean> {
    const { client, token, seen } = this.#options;
    const { status } = await client.call("POST", `/api/nodes/attempts/${attemptId}/${what}`, token, body);
    if (status !== 200) seen.refused += 1;
    return status === 200;
  }
}

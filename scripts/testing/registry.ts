import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./postgres.ts";

const run = promisify(execFile);
const READY_MS = 60_000;

/** How badly the registry answers; may be changed between requests. */
export interface RegistryFaults {
  /** Stops sending after so many bytes of a layer, without closing; null: never. */
  stallAfter: number | null;
  /** Breaks the connection after so many bytes of a layer, `cuts` times. */
  cutAfter: number;
  cuts: number;
  /** Milliseconds between two pieces of a layer. */
  pieceMs: number;
  /** Answers nothing at all. */
  silent: boolean;
  /** Changes the bytes of layers. */
  wrong: boolean;
}

export interface TestRegistry {
  /** `127.0.0.1:PORT`, as in the name of an image. */
  host: string;
  faults: RegistryFaults;
  /** Nobody listens there any more. */
  die: () => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * A real registry (Debian's docker-registry) on loopback, behind a proxy that can be told to fail.
 * @returns null where there is none; why is printed
 * @throws Error in CI, where there has to be one
 */
export async function startRegistry(): Promise<TestRegistry | null> {
  const there = await run("sh", ["-c", "command -v docker-registry"]).then(
    () => true,
    () => false,
  );
  if (there) return serve();
  if (process.env.CI) throw new Error("The tests of registries need Debian's docker-registry.");
  process.stderr.write(
    "\nSkipped the tests of registries: there is no docker-registry; on Debian: sudo apt install docker-registry\n\n",
  );
  return null;
}

async function serve(): Promise<TestRegistry> {
  const dir = await mkdtemp(join(tmpdir(), "registry-"));
  const port = await freePort();
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(dir, "data") } },
    http: { addr: `127.0.0.1:${port}` },
  };
  // JSON is YAML.
  await writeFile(join(dir, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(dir, "config.yml")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  let log = "";
  child.stderr.on("data", (text) => {
    log = `${log}${text}`.slice(-4_000);
  });
  const proxy = new FaultyProxy(port);
  const stop = async () => {
    await proxy.close();
    await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  const until = Date.now() + READY_MS;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) break;
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new Error(`docker-registry did not start:\n${log}`);
    }
    await sleep(100);
  }
  const host = `127.0.0.1:${await proxy.listen()}`;
  return { host, faults: proxy.faults, die: () => proxy.close(), stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

class FaultyProxy {
  readonly faults: RegistryFaults = {
    stallAfter: null,
    cutAfter: 0,
    cuts: 0,
    pieceMs: 0,
    silent: false,
    wrong: false,
  };
  readonly #port: number;
  readonly #server = createServer((asked, answer) => this.#pass(asked, answer));

  constructor(port: number) {
    this.#port = port;
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    if (this.faults.silent) return;
    const { method, url: path, headers } = asked;
    const passed = request({ host: "127.0.0.1", port: this.#port, method, path, headers });
    const broken = () => answer.destroy();
    passed.on("error", broken).on("response", (response) => {
      response.on("error", broken);
      answer.writeHead(response.statusCode ?? 502, response.headers);
      const layer = method === "GET" && path?.includes("/blobs/");
      if (layer) response.pipe(this.#spoil(answer)).pipe(answer);
      else response.pipe(answer);
    });
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  }

  #spoil(answer: ServerResponse): Transform {
    const { faults } = this;
    let bytes = 0;
    return new Transform({
      transform: (chunk: Buffer, _, done) => {
        bytes += chunk.length;
        // Neither called nor closed: the reader waits.
        if (faults.stallAfter !== null && bytes > faults.stallAfter) return;
        if (faults.cuts > 0 && bytes > faults.cutAfter) {
          faults.cuts -= 1;
          answer.destroy();
          return;
        }
        const piece = faults.wrong ? Buffer.from(chunk.map((byte) => byte ^ 1)) : chunk;
        setTimeout(() => done(null, piece), faults.pieceMs);
      },
    });
  }
}

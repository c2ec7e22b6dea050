import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, type SupervisorConfig } from "../supervisor/config.ts";
import { findMarked } from "../supervisor/process-table.ts";
import { freePort } from "../testing/postgres.ts";

/** Where one instance lives; several can run beside each other. */
export interface Place {
  dataDir: string;
  ports: SupervisorConfig["ports"];
  webUrl: string;
  apiUrl: string;
  rpcUrl: string;
}

const READY = "AIForge runs";
const START_MS = 240_000;

/** A new data folder and free ports. */
export async function newPlace(): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), "aiforge-journey-"));
  const ports = {
    web: await freePort(),
    api: await freePort(),
    chain: await freePort(),
    database: await freePort(),
    mirror: await freePort(),
    tron: await freePort(),
    tronMirror: await freePort(),
  };
  return {
    dataDir,
    ports,
    webUrl: `http://localhost:${ports.web}`,
    apiUrl: `http://127.0.0.1:${ports.api}`,
    rpcUrl: `http://127.0.0.1:${ports.chain}`,
  };
}

/** One run of the supervisor, as `npm start` runs it. */
export class Stack {
  readonly place: Place;
  readonly exited: Promise<number | null>;
  #process: ChildProcess;
  #output = "";

  constructor(place: Place, env: NodeJS.ProcessEnv = {}) {
    this.place = place;
    const { ports, dataDir } = place;
    this.#process = spawn(process.execPath, [join(ROOT, "scripts/supervisor/main.ts")], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...cleanEnvironment(),
        AIFORGE_DATA: dataDir,
        PORT: String(ports.web),
        API_PORT: String(ports.api),
        CHAIN_PORT: String(ports.chain),
        DATABASE_PORT: String(ports.database),
        MIRROR_PORT: String(ports.mirror),
        TRON_PORT: String(ports.tron),
        TRON_MIRROR_PORT: String(ports.tronMirror),
        // A busy machine's nodes take their time.
        CHAIN_READ_MS: "20000",
        ...env,
      },
    });
    const collect = (chunk: Buffer) => {
      this.#output += chunk;
    };
    this.#process.stdout?.on("data", collect);
    this.#process.stderr?.on("data", collect);
    this.exited = new Promise((resolve) => this.#process.once("close", (code) => resolve(code)));
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Waits until it says that everything runs. @throws Error with its output when it ends before */
  async ready(): Promise<this> {
    const deadline = Date.now() + START_MS;
    while (!this.#output.includes(READY)) {
      if (this.#process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`The stack did not start:\n${this.#output}`);
      }
      await sleep(50);
    }
    return this;
  }

  /** @returns the exit code */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#process.kill(signal);
    return this.exited;
  }
}

/** Kills what is left of an instance, the supervisor included, and removes its files. */
export async function removePlace(place: Place, stack?: Stack): Promise<void> {
  await stack?.stop();
  for (const pid of await findMarked(place.dataDir)) process.kill(pid, "SIGKILL");
  await rm(place.dataDir, { recursive: true, force: true });
}

/** What the test runner and the person's shell set for themselves is not the stack's. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own =
    /^(VITEST|NODE_ENV$|TEST_|DATABASE_URL$|RPC_URL_|TRON_|CHAIN_IDS$|PUBLIC_URL$|AUTH_SECRET$|WEIGHTS_SECRET$|S3_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

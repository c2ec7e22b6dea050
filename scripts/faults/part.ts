import { setTimeout as sleep } from "node:timers/promises";
import type { Child, ChildSpec } from "../supervisor/child.ts";
import type { SupervisorConfig } from "../supervisor/config.ts";
import { signalGroup } from "../supervisor/process-table.ts";
import { Supervisor } from "../supervisor/supervisor.ts";

const AGAIN_MS = 200;
/** What the test runner and the person's shell set for themselves is not the house's. */
const NOT_THEIRS =
  /^(VITEST|TEST_|DATABASE_URL$|RPC_URL_|CHAIN_IDS$|PUBLIC_URL$|AUTH_SECRET$|WEIGHTS_SECRET$|S3_)/;

/** A supervisor of one process, which it gives another name or environment. */
class Single extends Supervisor {
  readonly #change: (spec: ChildSpec) => ChildSpec;
  child: Child | undefined;
  /** Nobody waits for it any more. */
  over = false;

  constructor(config: SupervisorConfig, change: (spec: ChildSpec) => ChildSpec) {
    super(config);
    this.#change = change;
  }

  override async start(spec: ChildSpec): Promise<Child> {
    const env = Object.fromEntries(
      Object.entries(spec.env).filter(
        ([name]) => process.env[name] !== spec.env[name] || !NOT_THEIRS.test(name),
      ),
    );
    this.child = await super.start(this.#change({ ...spec, env }));
    if (this.over) this.kill();
    return this.child;
  }

  kill(): void {
    const { pid, running } = this.child ?? {};
    if (pid !== undefined && running) signalGroup(pid, "SIGKILL");
  }
}

export interface PartOptions {
  name: string;
  config: SupervisorConfig;
  /** Starts the process as `npm start` does, and resolves when it is ready. */
  launch: (supervisor: Supervisor) => Promise<unknown>;
  /** What is different of its process. */
  change?: (spec: ChildSpec) => ChildSpec;
  /** Told of each end. */
  onEnd: (why: string) => void;
}

const parts = new Set<Part>();
// A run that is cut short leaves nothing behind.
process.once("exit", () => {
  for (const part of parts) part.end();
});

/** A process of the house. When it ends it is started again, as a service manager would, unless it is to stay down. */
export class Part {
  readonly #options: PartOptions;
  #kept = false;
  #ready = false;
  #current: Single | undefined;
  #keeping: Promise<void> = Promise.resolve();
  #why = "";

  constructor(options: PartOptions) {
    this.#options = options;
    parts.add(this);
  }

  get name(): string {
    return this.#options.name;
  }

  /** kill -9, with nobody left to wait for it. */
  end(): void {
    this.#current?.kill();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Starts it, and again whenever it ends. */
  up(): void {
    if (this.#kept) return;
    this.#kept = true;
    this.#keeping = this.#keeping.then(() => this.#keep());
  }

  /** Whether it is to be up. */
  get kept(): boolean {
    return this.#kept;
  }

  /** The next end is its last. @returns why it ended, when it has */
  async last(): Promise<string> {
    while (!this.#current) await sleep(20);
    this.#kept = false;
    await this.#keeping;
    return this.#why;
  }

  /** kill -9 of the process and its group. Resolves when it is dead; unless `down` it is started again. */
  async kill({ down = false } = {}): Promise<void> {
    if (!this.#ready) throw new Error(`The ${this.name} is not up, so it cannot be killed`);
    if (down) this.#kept = false;
    this.#ready = false;
    this.#current?.kill();
    await this.#current?.child?.exited;
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#kept = false;
    this.#current?.fail(new Error("It was closed"));
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    while (this.#kept) {
      const { config, change = (spec) => spec, launch, onEnd } = this.#options;
      const supervisor = new Single(config, change);
      this.#current = supervisor;
      const launched = launch(supervisor);
      launched.catch(() => {});
      try {
        await Promise.race([launched, supervisor.failed]);
        this.#ready = true;
        await supervisor.failed;
      } catch (error) {
        this.#why = error instanceof Error ? error.message : String(error);
        onEnd(this.#why);
      }
      this.#ready = false;
      supervisor.over = true;
      supervisor.kill();
      await supervisor.child?.exited;
      await sleep(AGAIN_MS);
    }
  }
}

import { Child, type ChildSpec } from "./child.ts";
import type { SupervisorConfig } from "./config.ts";
import { asFailure, Failure } from "./failure.ts";
import { findMarked, signalGroup } from "./process-table.ts";

/** Starts children, watches over them, and stops all of them: first what serves people, then what that stands on. */
export class Supervisor {
  readonly config: SupervisorConfig;
  /** Aborted as soon as anything is to stop: whoever waits gives up. */
  readonly signal: AbortSignal;
  /** Rejects with the first failure. */
  readonly failed: Promise<never>;
  #abort = new AbortController();
  #reject: (failure: Failure) => void = () => {};
  #failure: Failure | null = null;
  #children: Child[] = [];
  #finishes: (() => Promise<void>)[] = [];
  #starting = new Set<Promise<Child>>();
  #stopped: Promise<void> | null = null;

  constructor(config: SupervisorConfig) {
    this.config = config;
    this.signal = this.#abort.signal;
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => {});
  }

  /** Ends everything with this reason; only the first one counts. */
  fail(error: unknown): void {
    if (this.signal.aborted || this.#failure) return;
    this.#failure = asFailure(error);
    this.#reject(this.#failure);
  }

  /** Starts a process that runs until it is stopped; if it ends before that, everything does. */
  async start(spec: ChildSpec): Promise<Child> {
    const child = await this.#spawn(spec);
    void child.exited.then(async () => {
      if (!this.signal.aborted) this.fail(new Failure(`${await child.epitaph()}.`));
    });
    return child;
  }

  /**
   * Runs a command to its end.
   * @throws Failure when it does not exit with 0
   */
  async run(spec: ChildSpec): Promise<void> {
    const child = await this.#spawn(spec);
    const { code } = await child.exited;
    await child.stop();
    this.#children = this.#children.filter((other) => other !== child);
    if (code !== 0) throw new Failure(`${await child.epitaph()}.`);
    child.log.close();
  }

  /** Runs at the stop, after the services and before the foundation, e.g. to save the chain's state. */
  beforeFoundationStops(finish: () => Promise<void>): void {
    this.#finishes.push(finish);
  }

  async #spawn(spec: ChildSpec): Promise<Child> {
    this.signal.throwIfAborted();
    const starting = Child.start(spec, this.config.dataDir);
    this.#starting.add(starting);
    try {
      const child = await starting;
      this.#children.push(child);
      void child.logFailed.then((error) => this.fail(error));
      return child;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Stops everything; a second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Failure("Stopped."));
    await Promise.allSettled(this.#starting);
    const isFoundation = (child: Child) => child.spec.foundation ?? false;
    await Promise.all(this.#children.filter((child) => !isFoundation(child)).map((child) => child.stop()));
    for (const finish of this.#finishes) {
      await finish().catch((error) => {
        // A full disk fails the last save too; that has been said.
        const { message } = asFailure(error);
        if (message !== this.#failure?.message) console.error(message);
      });
    }
    await Promise.all(this.#children.filter(isFoundation).map((child) => child.stop()));
    for (const pid of await findMarked(this.config.dataDir)) signalGroup(pid, "SIGKILL");
  }
}

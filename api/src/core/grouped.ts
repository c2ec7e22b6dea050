import { setTimeout as sleep } from "node:timers/promises";

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

export interface GroupedOptions {
  /** Milliseconds that the first of a group waits for others. */
  gatherMs: number;
  /** The most that go together. */
  max: number;
}

/**
 * Does together what many callers ask for at a time: one group after another, so that under load the groups grow
 * instead of the number of queries.
 */
export class Grouped<I, O> {
  readonly #run: (inputs: I[]) => Promise<O[]>;
  readonly #options: GroupedOptions;
  #waiting: Waiting<I, O>[] = [];
  #running: Promise<void> | undefined;

  /** @param run answers all inputs, in their order */
  constructor(run: (inputs: I[]) => Promise<O[]>, options: GroupedOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** @throws what `run` threw for this input */
  ask(input: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      this.#running ??= this.#work();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #work(): Promise<void> {
    const { gatherMs, max } = this.#options;
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < max) await sleep(gatherMs);
      await this.#answer(this.#waiting.splice(0, max));
    }
    this.#running = undefined;
  }

  async #answer(group: Waiting<I, O>[]): Promise<void> {
    try {
      const outputs = await this.#run(group.map(({ input }) => input));
      for (const [at, { resolve }] of group.entries()) resolve(outputs[at] as O);
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      // One that cannot be stored must not take the others along.
      else for (const one of group) await this.#answer([one]);
    }
  }
}

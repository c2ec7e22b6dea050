/** How often blocks are made by themselves. */
export interface Beat {
  /** Milliseconds between blocks. */
  blockTime: number;
  /** Milliseconds between blocks while nobody sends anything. */
  idleBlockTime: number;
  /** Milliseconds without a transaction after which nobody does. */
  idleAfter: number;
}

/** Makes blocks, one after the other, until told to stop. */
export class BlockBeat {
  readonly #beat: Beat;
  readonly #mine: () => Promise<unknown>;
  #mining: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #usedAt = Date.now();
  #stopped = false;

  constructor(beat: Beat, mine: () => Promise<unknown>) {
    this.#beat = beat;
    this.#mine = mine;
    this.#wait();
  }

  /** Somebody sent a transaction: the next block comes at the fast beat, and so do those that make it solid. */
  wake(): void {
    this.#usedAt = Date.now();
    if (this.#stopped) return;
    // Without a timer a block is being made, and the wait after it will be a short one.
    if (this.#timer !== undefined) this.#wait();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#mining;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    const { blockTime, idleBlockTime, idleAfter } = this.#beat;
    const period = now - this.#usedAt < idleAfter ? blockTime : idleBlockTime;
    this.#timer = setTimeout(() => this.#make(), period - (now % period));
  }

  #make(): void {
    this.#timer = undefined;
    this.#mining = this.#mine()
      .catch((error) => console.error(error))
      .finally(() => this.#stopped || this.#wait());
  }
}

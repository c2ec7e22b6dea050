import type { TronBlock } from "./wire.ts";

/** How far the watcher is, for /health and /metrics. */
export class Progress {
  readonly #stuckMs: number;
  /** Newest solidified block, as a node last told. */
  solidHead = -1;
  /** Newest block of all, solidified or not. */
  head = -1;
  cursor = -1;
  /** Seconds since 1970 of the cursor's block. */
  cursorTimestamp = 0;
  /** Whether the cursor ever was at the solidified head. */
  caughtUp = false;
  /** Events that the reconciliation found on the chain and not here. */
  missing = 0;
  readonly #mayRest: boolean;
  // By a clock that nobody sets.
  #movedAt = performance.now();
  #heardAt = performance.now();

  /** @param mayRest whether the chain has no block for as long as nobody needs one, as one on this machine may */
  constructor(stuckMs: number, mayRest: boolean) {
    this.#stuckMs = stuckMs;
    this.#mayRest = mayRest;
  }

  /** A node told of its solidified head. */
  heard(): void {
    this.#heardAt = performance.now();
    if (this.#mayRest && this.cursor >= this.solidHead) this.#movedAt = this.#heardAt;
  }

  /** A block was written. */
  moved(block: TronBlock): void {
    this.cursor = block.number;
    this.cursorTimestamp = block.timestamp;
    this.#movedAt = this.#heardAt = performance.now();
  }

  /** Why the cursor counts as stuck, or null (R18). */
  stuck(now = performance.now()): string | null {
    const seconds = (since: number) => Math.round((now - since) / 1000);
    if (this.cursor < this.solidHead && now - this.#movedAt > this.#stuckMs) {
      return `Block ${this.cursor + 1} has not been written for ${seconds(this.#movedAt)} s; block ${this.solidHead} is solid.`;
    }
    if (now - this.#heardAt > this.#stuckMs) {
      return `No node has told of its solidified head for ${seconds(this.#heardAt)} s.`;
    }
    if (now - this.#movedAt > this.#stuckMs) {
      return `No block after ${this.cursor} has become solid for ${seconds(this.#movedAt)} s, as the nodes say.`;
    }
    return null;
  }
}

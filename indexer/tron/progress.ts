import type { TronBlock } from "./wire.ts";

/** How far the watcher is, for /health and /metrics. Times are milliseconds since 1970. */
export class Progress {
  readonly #stuckMs: number;
  /** Newest solidified block that any node told of. */
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
  reconciledAt = 0;
  #movedAt = Date.now();
  #heardAt = Date.now();

  constructor(stuckMs: number) {
    this.#stuckMs = stuckMs;
  }

  /** A node told of its solidified head. */
  heard(): void {
    this.#heardAt = Date.now();
    if (this.cursor >= this.solidHead) this.#movedAt = this.#heardAt;
  }

  /** A block was written. */
  moved(block: TronBlock): void {
    this.cursor = block.number;
    this.cursorTimestamp = block.timestamp;
    this.#movedAt = this.#heardAt = Date.now();
  }

  /** Why the cursor counts as stuck, or null (R18). */
  stuck(now = Date.now()): string | null {
    const seconds = (since: number) => Math.round((now - since) / 1000);
    if (this.cursor < this.solidHead && now - this.#movedAt > this.#stuckMs) {
      return `Block ${this.cursor + 1} has not been written for ${seconds(this.#movedAt)} s; block ${this.solidHead} is solid.`;
    }
    if (now - this.#heardAt > this.#stuckMs) {
      return `No node has told of its solidified head for ${seconds(this.#heardAt)} s.`;
    }
    return null;
  }
}

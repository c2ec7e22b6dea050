import type { Logger } from "pino";

export type Write = (nodeId: string) => Promise<unknown>;

/**
 * Writes what nodes tell of themselves, one write of a node after another. Of those of a kind that wait, the newest
 * takes the place of the others: a node that floods us costs one write at a time and no memory.
 */
export class NodeWrites {
  readonly #log: Logger;
  /** By node: the writes that wait for the one under way. */
  readonly #waiting = new Map<string, Map<string, Write>>();
  #stopped = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(nodeId: string, kind: "figures" | "presence" | "jobs" | "absence", write: Write): void {
    const waiting = this.#waiting.get(nodeId) ?? new Map<string, Write>();
    waiting.delete(kind);
    waiting.set(kind, write);
    if (this.#waiting.has(nodeId)) return;
    this.#waiting.set(nodeId, waiting);
    void this.#work(nodeId, waiting);
  }

  /** From now on what fails is not worth a word. */
  stop(): void {
    this.#stopped = true;
  }

  async #work(nodeId: string, waiting: Map<string, Write>): Promise<void> {
    // What is added meanwhile is visited too.
    for (const [kind, write] of waiting) {
      waiting.delete(kind);
      // A write that fails must not stop inference.
      await write(nodeId).catch((error) => {
        if (!this.#stopped) this.#log.warn({ err: error }, "A node's state could not be stored.");
      });
    }
    this.#waiting.delete(nodeId);
  }
}

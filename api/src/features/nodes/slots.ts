/** Requests that wait for any node to have a free slot, woken in the order in which they came. */
export class SlotQueue {
  readonly #waiting = new Set<() => void>();

  /** Resolves when a slot may be free, when `ms` have passed, or when the caller goes away. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
    });
  }

  wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}

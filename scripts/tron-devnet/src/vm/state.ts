/** One key and the value that it had, or has; undefined: none. */
export type Change = readonly [key: string, value: string | undefined];

/**
 * The state of the chain: texts by key, with checkpoints for the virtual machine and a record of what changed, from
 * which a block is undone or written to disk. There is no trie: no state root is served, and a block that changes
 * nothing costs nothing.
 *
 * Keys: `a<address>` an account, `c<address>` its code, `s<address><slot>` its storage, `m<address>` what is known of
 * a contract beside its code.
 */
export class State {
  readonly #values = new Map<string, string>();
  #journal: Change[] = [];
  readonly #checkpoints: number[] = [];

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: string | undefined) {
    this.#journal.push([key, this.#values.get(key)]);
    this.#write(key, value);
  }

  /** The keys that begin with `prefix`. Walks all of them. */
  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Returns how many checkpoints there were before it. */
  checkpoint(): number {
    return this.#checkpoints.push(this.#journal.length) - 1;
  }

  /** Forgets the last checkpoint. */
  commit() {
    this.#checkpoints.pop();
  }

  /** Goes back to the last checkpoint. */
  revert() {
    const length = this.#checkpoints.pop() ?? 0;
    for (const [key, value] of this.#journal.splice(length).reverse()) this.#write(key, value);
  }

  /** Goes back to the checkpoint that returned `depth`, past those that were left open after it. */
  revertTo(depth: number) {
    while (this.#checkpoints.length > depth) this.revert();
  }

  /** What changed since the last call: each key with its value before and after. There must be no checkpoint left. */
  takeChanges(): { before: Change[]; after: Change[] } {
    if (this.#checkpoints.length > 0) throw new Error("A checkpoint was left open");
    const first = new Map<string, string | undefined>();
    for (const [key, value] of this.#journal) if (!first.has(key)) first.set(key, value);
    this.#journal = [];
    const before = [...first].filter(([key, value]) => this.#values.get(key) !== value);
    return { before, after: before.map(([key]) => [key, this.#values.get(key)]) };
  }

  apply(changes: readonly Change[]) {
    for (const [key, value] of changes) this.set(key, value);
  }

  #write(key: string, value: string | undefined) {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}

/**
 * Finds stop strings in a text that arrives in pieces. Text is held back only while its end could be the
 * beginning of a stop string, so everything else streams on at once.
 */
export class StopScanner {
  readonly #stops: string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** The text that may be shown now, and whether a stop string was met (it is not part of the text). */
  push(piece: string): { text: string; stopped: boolean } {
    const all = this.#held + piece;
    let end = -1;
    for (const stop of this.#stops) {
      const at = all.indexOf(stop);
      if (at !== -1 && (end === -1 || at < end)) end = at;
    }
    if (end !== -1) {
      this.#held = "";
      return { text: all.slice(0, end), stopped: true };
    }
    const keep = this.#possibleStart(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stopped: false };
  }

  /** What is still held back when the text ends: it was no stop string after all. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Length of the longest end of `text` that begins some stop string. */
  #possibleStart(text: string): number {
    let longest = 0;
    for (const stop of this.#stops)
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
        if (text.endsWith(stop.slice(0, length))) longest = length;
    return longest;
  }
}

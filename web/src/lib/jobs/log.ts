import type { JobLog } from "../api/types.ts";

export interface LogLine {
  /** Of the page, in the order of coming. */
  key: number;
  attempt: number;
  stream: JobLog["stream"];
  text: string;
}

/** Lines that a page holds of one attempt. More would make it slow; the API keeps 1 MiB. */
export const MAX_LINES = 2_000;
/** Characters shown of one line. */
const MAX_CHARACTERS = 4_000;

// What moves a terminal's cursor or colours means nothing on a page.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/** One line as a terminal would leave it: what was overwritten by a carriage return is gone. */
export function cleanLine(text: string): string {
  const plain = text.replace(ESCAPES, "").replace(/\r+$/, "");
  const last = plain.slice(plain.lastIndexOf("\r") + 1).replace(CONTROL, "");
  return last.length > MAX_CHARACTERS ? `${last.slice(0, MAX_CHARACTERS)}…` : last;
}

/** What the containers of a job said, by attempt, each line once however often it comes; only the last are held. */
export class LogBook {
  #attempts = new Map<number, { seq: number; lines: LogLine[]; dropped: number }>();
  #key = 0;

  /** @returns whether it was new */
  add({ attempt, seq, stream, text }: Pick<JobLog, "attempt" | "seq" | "stream" | "text">): boolean {
    const book = this.#attempts.get(attempt) ?? { seq: -1, lines: [], dropped: 0 };
    this.#attempts.set(attempt, book);
    if (seq <= book.seq) return false;
    book.seq = seq;
    for (const line of text.replace(/\r?\n$/, "").split("\n")) {
      book.lines.push({ key: ++this.#key, attempt, stream, text: cleanLine(line) });
    }
    const over = book.lines.length - MAX_LINES;
    if (over > 0) {
      book.lines.splice(0, over);
      book.dropped += over;
    }
    return true;
  }

  /** A copy, so that a page sees that it changed. */
  of(attempt: number): { lines: LogLine[]; dropped: number; seq: number } {
    const book = this.#attempts.get(attempt);
    return { lines: book?.lines.slice() ?? [], dropped: book?.dropped ?? 0, seq: book?.seq ?? 0 };
  }
}

import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

const MAX_BYTES = 5 * 1024 * 1024;
const TAIL_LINES = 20;

/** One child's log. When it reaches 5 MiB it becomes `<file>.1` and starts anew, so two files are all there ever is. */
export class LogFile {
  readonly file: string;
  #descriptor: number;
  #size: number;
  #tail: string[] = [];

  constructor(file: string) {
    this.file = file;
    this.#descriptor = openSync(file, "a", 0o600);
    this.#size = fstatSync(this.#descriptor).size;
  }

  /** @throws the system's error, ENOSPC among them */
  write(chunk: Buffer): void {
    if (this.#size + chunk.length > MAX_BYTES) this.#rotate();
    writeSync(this.#descriptor, chunk);
    this.#size += chunk.length;
    const lines = chunk
      .toString()
      .split("\n")
      .filter((line) => line.trim());
    this.#tail = [...this.#tail, ...lines].slice(-TAIL_LINES);
  }

  /** The last lines that were written in this run, oldest first. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    renameSync(this.file, `${this.file}.1`);
    this.#descriptor = openSync(this.file, "a", 0o600);
    this.#size = 0;
  }
}

import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stream } from "./protocol.ts";

/** Bytes of output that are kept of one attempt: of 1 MiB, with room for what the node itself has to say. */
export const LOG_CAP = (1024 - 32) * 1024;
/** A line longer than this is cut into pieces. */
const MAX_LINE = 16 * 1024;
/** Bytes a second that are read of a container: one that prints more waits, as it would for a slow pipe. */
const READ_RATE = 8 * 1024 * 1024;
/** How long a line may wait for its end before it is shown as it is. */
const PARTIAL_MS = 500;
const PROGRESS = "AIFORGE_PROGRESS";

export interface LogSink {
  log(stream: Stream, text: string): void;
  /** 0 to 1. */
  progress(value: number): void;
}

/** The share that a progress line states, or null for any other line. */
export function progressOf(line: string): number | null {
  const match = /^AIFORGE_PROGRESS\s+(\d*\.?\d+(?:[eE]-?\d+)?)\s*$/.exec(line);
  const value = Number(match?.[1]);
  return match && Number.isFinite(value) ? Math.min(1, value) : null;
}

/**
 * Takes the output of one container apart: whole lines to the sink, progress lines out of it, and no more than
 * `LOG_CAP` bytes in all.
 */
export class LogSplitter {
  readonly #sink: LogSink;
  readonly #channels: Record<"stdout" | "stderr", { decoder: StringDecoder; rest: string }>;
  #left = LOG_CAP;
  #full = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: LogSink) {
    this.#sink = sink;
    this.#channels = {
      stdout: { decoder: new StringDecoder("utf8"), rest: "" },
      stderr: { decoder: new StringDecoder("utf8"), rest: "" },
    };
  }

  write(stream: "stdout" | "stderr", chunk: Uint8Array): void {
    const channel = this.#channels[stream];
    this.#take(stream, channel.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    if (this.#timer === undefined && (this.#channels.stdout.rest || this.#channels.stderr.rest))
      this.#timer = setTimeout(() => this.#showPartial(), PARTIAL_MS);
  }

  /** What was printed without a last line break. */
  end(): void {
    clearTimeout(this.#timer);
    for (const stream of ["stdout", "stderr"] as const) {
      const channel = this.#channels[stream];
      this.#take(stream, channel.decoder.end());
      if (channel.rest) this.#line(stream, channel.rest, "");
      channel.rest = "";
    }
  }

  #take(stream: "stdout" | "stderr", text: string): void {
    const channel = this.#channels[stream];
    let rest = channel.rest + text;
    let start = 0;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n", start)) {
      this.#line(stream, rest.slice(start, end), "\n");
      start = end + 1;
    }
    rest = rest.slice(start);
    while (rest.length > MAX_LINE) {
      this.#line(stream, rest.slice(0, MAX_LINE), "");
      rest = rest.slice(MAX_LINE);
    }
    channel.rest = rest;
  }

  #showPartial(): void {
    this.#timer = undefined;
    for (const stream of ["stdout", "stderr"] as const) {
      const channel = this.#channels[stream];
      // It may become a progress line yet.
      if (PROGRESS.startsWith(channel.rest) || channel.rest.startsWith(PROGRESS)) continue;
      this.#emit(stream, channel.rest);
      channel.rest = "";
    }
  }

  #line(stream: "stdout" | "stderr", line: string, end: string): void {
    const progress = stream === "stdout" ? progressOf(line) : null;
    if (progress !== null) this.#sink.progress(progress);
    else this.#emit(stream, line + end);
  }

  #emit(stream: "stdout" | "stderr", text: string): void {
    if (this.#full || text === "") return;
    // A database's text cannot hold a NUL.
    const clean = text.replaceAll("\0", "\ufffd").toWellFormed();
    const bytes = Buffer.byteLength(clean);
    const kept =
      bytes <= this.#left
        ? clean
        : new StringDecoder("utf8").write(Buffer.from(clean).subarray(0, this.#left));
    this.#left -= bytes;
    if (kept) this.#sink.log(stream, kept);
    if (this.#left >= 0) return;
    this.#full = true;
    this.#sink.log("system", "The log ends here: it holds 1 MiB at most.\n");
  }
}

/**
 * Reads the multiplexed output of a container (8 bytes of header, then the payload) to its end, at a bounded pace.
 * Broken-off streams simply end.
 */
export async function readOutput(source: AsyncIterable<Uint8Array>, splitter: LogSplitter): Promise<void> {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: "stdout" | "stderr" = "stdout";
  let allowance = READ_RATE;
  let since = performance.now();
  try {
    for await (const chunk of source) {
      let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const now = performance.now();
      allowance = Math.min(READ_RATE, allowance + ((now - since) / 1_000) * READ_RATE) - rest.length;
      since = now;
      if (allowance < 0) await sleep((-allowance / READ_RATE) * 1_000);
      while (rest.length > 0) {
        if (left === 0) {
          const needed = 8 - header.length;
          header = Buffer.concat([header, rest.subarray(0, needed)]);
          rest = rest.subarray(needed);
          if (header.length < 8) break;
          stream = header[0] === 2 ? "stderr" : "stdout";
          left = header.readUInt32BE(4);
          header = Buffer.alloc(0);
        } else {
          const part = rest.subarray(0, left);
          splitter.write(stream, part);
          left -= part.length;
          rest = rest.subarray(part.length);
        }
      }
    }
  } catch {
    // How the container ended is told elsewhere.
  }
  splitter.end();
}

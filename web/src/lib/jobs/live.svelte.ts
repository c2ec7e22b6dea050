import type { JobLog, JobSample, JobStreamEvent } from "../api/types.ts";
import { LogBook, type LogLine } from "./log.ts";
import { isOver } from "./words.ts";

/** A page draws this often at most, however fast a container prints. */
const DRAW_EVERY_MS = 150;
const AGAIN_AFTER_MS = 3_000;
const MAX_SAMPLES = 2_000;

interface Shown {
  lines: LogLine[];
  /** Lines that came before those that are held. */
  dropped: number;
}

/**
 * What happens to one job while its page is open: log lines, progress and samples as they come, over server-sent
 * events. The browser takes a broken connection up by itself; where it gives up, this begins anew, and what came
 * before is not told twice.
 */
export class JobLive {
  log = $state.raw<Shown>({ lines: [], dropped: 0 });
  /** Of the last attempt; 0 before the first. */
  attempt = $state(0);
  progress = $state<number | null>(null);
  samples = $state.raw<JobSample[]>([]);
  status = $state<"idle" | "connecting" | "live" | "lost" | "over">("idle");
  #book = new LogBook();
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #draw: ReturnType<typeof setTimeout> | undefined;
  #fresh: JobSample[] = [];
  #sampled = 0;
  #watched: number | null = null;
  #url: string;
  #onState: () => void;

  /** @param onState called when the job's state changed */
  constructor(jobId: string, onState: () => void) {
    this.#url = `/api/jobs/${encodeURIComponent(jobId)}/events`;
    this.#onState = onState;
  }

  open = (): void => {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.status = "connecting";
    const source = new EventSource(this.#url);
    this.#source = source;
    source.onopen = () => {
      this.status = "live";
    };
    source.onerror = () => {
      this.status = "lost";
      // After an answer that is no stream, a restart of the service for one, the browser does not try again.
      if (source.readyState === EventSource.CLOSED) this.#retry = setTimeout(this.open, AGAIN_AFTER_MS);
    };
    for (const type of ["state", "log", "progress", "sample"] as const) {
      source.addEventListener(type, (message) => this.#take(JSON.parse(message.data) as JobStreamEvent));
    }
  };

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#draw);
    this.#draw = undefined;
    this.#source?.close();
    this.#source = null;
  }

  /** Lines that were asked for, of an attempt that is over. */
  addLogs(logs: readonly JobLog[]): void {
    for (const log of logs) this.#book.add(log);
    this.#drawSoon();
  }

  /** Shows another attempt than the last. */
  watch(attempt: number | null): void {
    this.#watched = attempt;
    this.#drawNow();
  }

  seqOf(attempt: number): number {
    return this.#book.of(attempt).seq;
  }

  #take(event: JobStreamEvent): void {
    if (event.type === "log") {
      this.#begin(event.log.attempt);
      if (this.#book.add(event.log)) this.#drawSoon();
    } else if (event.type === "progress") {
      this.#begin(event.attempt);
      this.progress = event.progress;
    } else if (event.type === "sample") {
      this.#begin(event.attempt);
      this.#fresh.push(event.sample);
      this.#drawSoon();
    } else {
      this.#onState();
      // States come last, so nothing is left to be told.
      if (!isOver(event.event.to)) return;
      this.status = "over";
      this.close();
      this.#drawNow();
    }
  }

  #begin(attempt: number): void {
    if (attempt <= this.attempt) return;
    this.attempt = attempt;
    this.progress = null;
  }

  #drawSoon(): void {
    this.#draw ??= setTimeout(() => this.#drawNow(), DRAW_EVERY_MS);
  }

  #drawNow(): void {
    clearTimeout(this.#draw);
    this.#draw = undefined;
    const attempt = this.#watched ?? this.attempt;
    this.log = this.#book.of(attempt);
    if (this.#sampled !== this.attempt) this.samples = [];
    this.#sampled = this.attempt;
    if (this.#fresh.length === 0) return;
    const last = this.samples.at(-1)?.at ?? "";
    this.samples = [...this.samples, ...this.#fresh.filter(({ at }) => at > last)].slice(-MAX_SAMPLES);
    this.#fresh = [];
  }
}

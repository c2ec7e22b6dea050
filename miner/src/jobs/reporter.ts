import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../backoff.ts";
import { describe } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { ApiError, type Coordinator } from "./coordinator.ts";
import type { LogSink } from "./logs.ts";
import type { Report, Stream, Unnumbered } from "./protocol.ts";

/** Reports of one request, and characters of log in it. */
const BATCH = 400;
const BATCH_TEXT = 128 * 1024;
/** Characters of one report. */
const TEXT = 16 * 1024;
/** Reports gather for so long before they go. */
const GATHER_MS = 250;
/** Samples that wait for an API that is away; older ones go. Logs have a cap of their own. */
const MAX_SAMPLES = 500;
/** Even with nothing to tell the lease is renewed this often. */
const RENEW_MS = 25_000;

type Pending = Unnumbered<Report>;

export interface ReporterParameters {
  coordinator: Coordinator;
  attemptId: string;
  /** The API wants this attempt to stop. */
  onCancel: () => void;
  /** The attempt is not ours any more. */
  onLost: (why: string) => void;
  log: Logger;
  backoffBaseMs?: number;
}

/**
 * Tells the API how one attempt goes: in order, in batches, each kept until it was taken. An API that is away holds
 * nothing up; what may wait for it is bounded.
 */
export class Reporter implements LogSink {
  readonly #parameters: ReporterParameters;
  readonly #stop = new AbortController();
  #queue: Pending[] = [];
  #samples = 0;
  #seq: number | null;
  #wake: () => void = () => {};
  #idle: (() => void)[] = [];
  #busy = false;
  #over = false;
  readonly #pump: Promise<void>;

  /** @param resumed an earlier process reported of this attempt: its numbers are asked for first */
  constructor(parameters: ReporterParameters, { resumed = false } = {}) {
    this.#parameters = parameters;
    this.#seq = resumed ? null : 0;
    this.#pump = this.#run();
  }

  state(state: "setup" | "running" | "uploading"): void {
    this.#push({ type: "state", state });
  }

  log(stream: Stream, text: string): void {
    for (let at = 0; at < text.length; at += TEXT) this.#text(stream, text.slice(at, at + TEXT));
  }

  progress(value: number): void {
    // The last one is what counts.
    this.#queue = this.#queue.filter(({ type }) => type !== "progress");
    this.#push({ type: "progress", value });
  }

  sample(cpu: number, memoryBytes: number): void {
    if (this.#samples >= MAX_SAMPLES) {
      this.#queue.splice(
        this.#queue.findIndex(({ type }) => type === "sample"),
        1,
      );
      this.#samples -= 1;
    }
    this.#samples += 1;
    this.#push({ type: "sample", cpu, memoryBytes });
  }

  /** Resolves when all was told, when the attempt is over, or after `ms`. */
  async flushed(ms: number): Promise<void> {
    if (this.#over || (!this.#busy && this.#queue.length === 0)) return;
    const done = new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
    this.#wake();
    await Promise.race([done, sleep(ms, undefined, { ref: false })]);
  }

  /** Tells nothing more. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#pump;
  }

  #text(stream: Stream, text: string): void {
    const last = this.#queue.at(-1);
    if (last?.type === "log" && last.stream === stream && last.text.length + text.length <= TEXT)
      last.text += text;
    else this.#push({ type: "log", stream, text });
  }

  #push(report: Pending): void {
    if (this.#over) return;
    this.#queue.push(report);
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let renewed = performance.now();
    while (!signal.aborted && !this.#over) {
      if (this.#queue.length === 0) {
        this.#settle();
        if (performance.now() - renewed < RENEW_MS) await this.#pause(RENEW_MS);
        if (signal.aborted) break;
        // More comes with what just came. Only a change of state is worth a request of its own.
        if (this.#queue.length > 0 && this.#queue.every(({ type }) => type !== "state"))
          await sleep(GATHER_MS, undefined, { signal }).catch(() => {});
      }
      this.#busy = true;
      if (this.#seq === null) await this.#send([]);
      else await this.#send(this.#batch(this.#seq));
      this.#busy = false;
      renewed = performance.now();
    }
    this.#settle();
  }

  /** Until something is told, or `ms`. */
  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#queue.length === 0 && !this.#stop.signal.aborted)
      await sleep(ms, undefined, { signal: woken.signal, ref: false }).catch(() => {});
    this.#wake = () => {};
  }

  #settle(): void {
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }

  #batch(after: number): Report[] {
    const reports: Report[] = [];
    let characters = 0;
    for (const pending of this.#queue) {
      if (pending.type === "log") characters += pending.text.length;
      if (reports.length >= BATCH || (reports.length > 0 && characters > BATCH_TEXT)) break;
      reports.push({ ...pending, seq: after + reports.length + 1 } as Report);
    }
    this.#queue.splice(0, reports.length);
    this.#samples = this.#queue.filter(({ type }) => type === "sample").length;
    return reports;
  }

  /** Sends one batch until it is taken, with the same numbers each time. */
  async #send(reports: Report[]): Promise<void> {
    const { coordinator, attemptId, onCancel, onLost, log, backoffBaseMs = 1_000 } = this.#parameters;
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const answer = await coordinator.report(attemptId, reports, signal);
        this.#seq = Math.max(answer.lastSeq, reports.at(-1)?.seq ?? 0, this.#seq ?? 0);
        if (answer.cancel) onCancel();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.over) {
          this.#over = true;
          onLost(describe(error));
          return;
        }
        log.debug({ attemptId, reason: describe(error) }, "a report did not get through");
        // A batch that the API cannot take is not worth the attempt.
        if (error instanceof ApiError && !error.retryable) {
          log.warn({ attemptId, reason: describe(error) }, "reports were refused and left out");
          this.#seq = reports.at(-1)?.seq ?? this.#seq ?? 0;
          return;
        }
      }
      const delay = backoffDelay(failures, { baseMs: backoffBaseMs, capMs: 10_000 });
      await sleep(delay, undefined, { signal }).catch(() => {});
    }
  }
}

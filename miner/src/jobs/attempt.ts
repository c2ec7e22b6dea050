import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../backoff.ts";
import { describe } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { ApiError, type Coordinator } from "./coordinator.ts";
import { type OnchainStatus, ownResult } from "./onchain.ts";
import { type Finish, isSuccess, JobError, type RunEnd, type Standing, type Work } from "./protocol.ts";
import type { AttemptRecord, Records } from "./records.ts";
import { Reporter } from "./reporter.ts";
import { uploadOutputs } from "./uploads.ts";

/** An offer that cannot be accepted for so long is somebody else's by now. */
const ACCEPT_MS = 60_000;
/** Between two looks whether a result was verified. */
const VERIFIED_MS = 5_000;
/** A job that is over on chain needs nothing any more, however late. */
const GRACE_SECONDS = 3_600;

export interface AttemptDeps {
  coordinator: Coordinator;
  records: Records;
  run: (work: Work, folder: string, reporter: Reporter, signal: AbortSignal) => Promise<RunEnd>;
  /** Why this node does not take the work; null when it does. */
  refusal: (work: Work) => JobError | null;
  /** Submits a result with the node's own wallet. */
  submit: (work: Work, result: `0x${string}`) => Promise<{ status: OnchainStatus; hash: string | null }>;
  /** Milliseconds that the API may be away with a result in hand before that is done without it; null: by the job. */
  fallbackMs: number | null;
  /** Aborts when the process is to end: what is not told by then is told by the next one. */
  ending: AbortSignal;
  log: Logger;
  backoffBaseMs?: number;
  verifiedMs?: number;
}

/** The attempt is not ours any more: nothing is to be told. */
class Over extends Error {}

/** One attempt at a job, from the offer to the last word. */
export class Attempt {
  readonly id: string;
  readonly #deps: AttemptDeps;
  readonly #record: AttemptRecord;
  readonly #stop = new AbortController();
  readonly #lost = new AbortController();
  readonly #resumed: boolean;

  private constructor(record: AttemptRecord, deps: AttemptDeps, resumed: boolean) {
    this.id = record.work.attemptId;
    this.#record = record;
    this.#deps = deps;
    this.#resumed = resumed;
  }

  static fresh(work: Work, deps: AttemptDeps): Attempt {
    return new Attempt({ work, end: null, finish: null }, deps, false);
  }

  /** What an earlier process left: its container is gone. */
  static leftover(record: AttemptRecord, deps: AttemptDeps): Attempt {
    const end = record.end ?? failed("node_failed", "The node was restarted while the job ran.");
    return new Attempt({ ...record, end }, deps, true);
  }

  get work(): Work {
    return this.#record.work;
  }

  /** Ends the container at once, and says why. */
  stop(why: JobError): void {
    this.#stop.abort(why);
  }

  /** The API gave it up: ends the container and says nothing. */
  drop(): void {
    this.#lost.abort();
    this.#stop.abort(new JobError("node_failed", "The API took the job back."));
  }

  /**
   * Carries it out. Everything is on disk before it is told, so that a process that is killed anywhere in here leaves
   * an attempt that the next one can finish.
   */
  async carryOut(): Promise<void> {
    const { records, log } = this.#deps;
    try {
      if (!this.#resumed) await this.#accept();
      const reporter = this.#reporter();
      try {
        const end = this.#record.end ?? (await this.#run(reporter));
        await this.#save({ end });
        const finish = this.#record.finish ?? (await this.#bring(end, reporter));
        await this.#save({ finish });
        await reporter.flushed(5_000);
      } finally {
        await reporter.close();
      }
      await this.#tell();
    } catch (error) {
      if (this.#deps.ending.aborted) return;
      if (error instanceof Over) log.info({ attemptId: this.id }, "an attempt is over");
      else log.error({ attemptId: this.id, reason: describe(error) }, "an attempt was given up");
    }
    await records.remove(this.id).catch((error) => {
      log.warn({ attemptId: this.id, reason: describe(error) }, "the folder of a job could not be removed");
    });
  }

  async #accept(): Promise<void> {
    const { coordinator, records, ending } = this.#deps;
    await records.write(this.#record);
    const until = performance.now() + ACCEPT_MS;
    this.#record.work = await this.#persist((signal) => coordinator.accept(this.id, signal), {
      signal: AbortSignal.any([ending, this.#lost.signal]),
      enough: () => performance.now() > until,
    });
    await records.write(this.#record);
  }

  #reporter(): Reporter {
    const { coordinator, log, backoffBaseMs } = this.#deps;
    return new Reporter(
      {
        coordinator,
        attemptId: this.id,
        onCancel: () => this.drop(),
        onLost: () => this.drop(),
        log,
        ...(backoffBaseMs === undefined ? {} : { backoffBaseMs }),
      },
      { resumed: this.#resumed },
    );
  }

  async #run(reporter: Reporter): Promise<RunEnd> {
    const { log, records, refusal, run } = this.#deps;
    const { work } = this;
    const refused = refusal(work);
    if (refused) {
      log.warn({ jobId: work.jobId, reason: refused.message }, "a job was refused");
      return failed(refused.code, refused.message);
    }
    log.info({ jobId: work.jobId, attempt: work.attempt, image: work.spec.image }, "a job begins");
    const end = await run(work, records.folder(this.id), reporter, this.#stop.signal);
    const { exitCode, containerSeconds, failure } = end;
    log.info(
      { jobId: work.jobId, exitCode, containerSeconds, failure: failure?.code },
      "a job's container ended",
    );
    if (this.#lost.signal.aborted) throw new Over();
    return end;
  }

  /** Brings the outputs of a container that ended well. */
  async #bring(end: RunEnd, reporter: Reporter): Promise<Finish> {
    if (!isSuccess(end)) return { ...end, files: [] };
    reporter.state("uploading");
    try {
      const files = await uploadOutputs(this.work, {
        folder: join(this.#deps.records.folder(this.id), "out"),
        note: (text) => reporter.log("system", text),
        put: (file, body) =>
          this.#persist((signal) => this.#deps.coordinator.putOutput(this.id, file, body(), signal), {}),
      });
      return { ...end, files };
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      reporter.log("system", `${error.message}\n`);
      return { ...end, files: [], failure: { code: error.code, message: error.message } };
    }
  }

  /** Tells how it ended, by the API or, when that stays away, on chain. */
  async #tell(): Promise<void> {
    const { coordinator, fallbackMs, log } = this.#deps;
    const { finish, work } = this.#record;
    if (!finish) return;
    const patience = fallbackMs ?? patienceMs(work, Date.now());
    const since = performance.now();
    let alone = false;
    const standing = await this.#persist((signal) => coordinator.finish(this.id, finish, signal), {
      enough: () => this.#tooLate(),
      onFailure: async () => {
        if (alone || !isSuccess(finish) || performance.now() - since < patience) return;
        alone = await this.#submit(ownResult(work, finish));
      },
    });
    log.info({ jobId: work.jobId, state: standing.state }, "a job was handed in");
    if (work.spec.review && standing.state === "finished") await this.#submitVerified(standing);
  }

  /** A result that the client wants to look at is submitted by the node itself, as soon as it was verified. */
  async #submitVerified(first: Standing): Promise<void> {
    const { coordinator, ending, log, verifiedMs = VERIFIED_MS } = this.#deps;
    for (let standing = first; ; ) {
      if (standing.jobState === "completed" && standing.result) {
        if (await this.#submit(standing.result)) return;
      } else if (standing.jobState !== "verifying") return;
      if (this.#tooLate()) return;
      await sleep(verifiedMs, undefined, { signal: ending });
      standing = await this.#persist((signal) => coordinator.standing(this.id, signal), {
        enough: () => this.#tooLate(),
      });
      log.debug({ jobId: this.work.jobId, state: standing.jobState }, "a result waits to be verified");
    }
  }

  /** @returns whether there is nothing more to be done on chain */
  async #submit(result: `0x${string}`): Promise<boolean> {
    const { log, submit } = this.#deps;
    const { jobId } = this.work;
    try {
      const { status, hash } = await submit(this.work, result);
      log.info({ jobId, status, hash }, "the result is on chain");
      return true;
    } catch (error) {
      log.error({ jobId, reason: describe(error) }, "the result could not be submitted on chain");
      return !(error instanceof Error && "retryable" in error && error.retryable);
    }
  }

  #tooLate(): boolean {
    return Date.now() / 1_000 > this.work.job.deadline + GRACE_SECONDS;
  }

  async #save(change: Partial<AttemptRecord>): Promise<void> {
    if (this.#lost.signal.aborted) throw new Over();
    Object.assign(this.#record, change);
    await this.#deps.records.write(this.#record);
  }

  /**
   * Tries until it works, the API refuses for good, or it is `enough`.
   * @throws Over when the attempt is not ours any more
   */
  async #persist<T>(
    call: (signal: AbortSignal) => Promise<T>,
    {
      signal = AbortSignal.any([this.#deps.ending, this.#lost.signal]),
      enough = () => false,
      onFailure = async () => {},
    }: { signal?: AbortSignal; enough?: () => boolean; onFailure?: () => Promise<void> },
  ): Promise<T> {
    const { log, backoffBaseMs = 1_000 } = this.#deps;
    for (let failures = 1; ; failures++) {
      try {
        return await call(signal);
      } catch (error) {
        if (this.#lost.signal.aborted) throw new Over();
        signal.throwIfAborted();
        if (error instanceof ApiError && error.over) throw new Over();
        const retryable = error instanceof Error && "retryable" in error && error.retryable;
        if (!retryable || enough()) throw error;
        log.debug({ attemptId: this.id, reason: describe(error) }, "trying again");
        await onFailure();
      }
      await sleep(backoffDelay(failures, { baseMs: backoffBaseMs }), undefined, { signal }).catch(() => {});
      if (this.#lost.signal.aborted) throw new Over();
      signal.throwIfAborted();
    }
  }
}

/**
 * How long to wait for an API that is away: half of the time that the assignment is good for, an hour at most. Earlier,
 * it may be back yet, or have given the job to somebody else because this node alone cannot reach it.
 */
export function patienceMs({ assignment, job }: Work, now: number): number {
  const left = Math.min(assignment.expiry, job.deadline) * 1_000 - now;
  return Math.max(0, Math.min(3_600_000, left / 2));
}

function failed(code: JobError["code"], message: string): RunEnd {
  return {
    exitCode: null,
    outOfMemory: false,
    timedOut: false,
    containerSeconds: 0,
    failure: { code, message },
  };
}

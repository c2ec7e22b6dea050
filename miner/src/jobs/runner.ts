import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { describe } from "../errors.ts";
import { diskOf } from "../heartbeat.ts";
import type { Logger } from "../logger.ts";
import { containerOptions, jobUser, outputBytes } from "./container.ts";
import { type ContainerEngine, LABELS, within } from "./engine.ts";
import { ensureImage } from "./images.ts";
import { attachContainer, type Early, END_MS, endContainer, startContainer } from "./lifecycle.ts";
import { LogSplitter, readOutput } from "./logs.ts";
import { listOutputs, readProgress } from "./outputs.ts";
import { JobError, type RunEnd, type Work } from "./protocol.ts";
import type { Reporter as FullReporter } from "./reporter.ts";
import { cpuBetween, memoryOf, type StatsReading } from "./stats.ts";

/** Bytes of disk below which no job goes on: a file that was deleted while open is in no folder. */
const DISK_RESERVE = 256 * 1024 * 1024;
const WATCH_MS = 500;
const SAMPLE_MS = 5_000;
/** For the last of the log. */
const LOG_MS = 5_000;

export interface RunnerParameters {
  engine: ContainerEngine;
  /** Labels that every container of this node has. */
  labels: Record<string, string>;
  /** Brings the inputs of `work` to a folder. @throws JobError */
  fetchInputs: (work: Work, folder: string, signal: AbortSignal) => Promise<void>;
  /** Serves the model of `work` on a socket in a folder until the result is called. @throws JobError */
  openSocket: (work: Work, folder: string) => Promise<() => Promise<void>>;
  /** The engine's network for jobs that may have one. */
  network: string | null;
  log: Logger;
}

/** What a run tells while it lasts. */
export type Reporter = Pick<FullReporter, "state" | "log" | "progress" | "sample">;

/** Why a container is ended before its time. */
interface Stop {
  /** At once, without SIGTERM. */
  kill: boolean;
  timedOut?: boolean;
  error?: JobError;
}

/** Runs the container of an attempt: fetches what it needs, watches over it, says how it ended. */
export class JobRunner {
  readonly #parameters: RunnerParameters;

  constructor(parameters: RunnerParameters) {
    this.#parameters = parameters;
  }

  /**
   * Runs `work` in `folder`, which it fills with `in`, `out` and `run`. The container is gone when this returns.
   * @param gpus indices of the GPUs that it gets
   * @param signal ends it at once; its reason is told
   * @returns how it ended; what goes wrong here is a failure in it, never thrown
   */
  async run(
    work: Work,
    folder: string,
    gpus: readonly string[],
    reporter: Reporter,
    signal: AbortSignal,
  ): Promise<RunEnd> {
    const end: RunEnd = {
      exitCode: null,
      outOfMemory: false,
      timedOut: false,
      containerSeconds: 0,
      failure: null,
    };
    const setup = new Setup();
    try {
      const container = await this.#prepare(work, folder, gpus, reporter, signal, setup);
      await this.#attend(container, work, folder, reporter, signal, end);
    } catch (error) {
      const known = error instanceof JobError ? error : new JobError("node_failed", describe(error));
      end.failure = { code: known.code, message: known.message.slice(0, 2_000) };
      reporter.log("system", `${known.message}\n`);
    } finally {
      await setup.undo(this.#parameters.log);
    }
    return end;
  }

  /** All that does not count as the container's time. */
  async #prepare(
    work: Work,
    folder: string,
    gpus: readonly string[],
    reporter: Reporter,
    signal: AbortSignal,
    setup: Setup,
  ): Promise<Docker.Container> {
    const { engine, labels, fetchInputs, openSocket, network } = this.#parameters;
    reporter.state("setup");
    const late = AbortSignal.timeout(work.setupSeconds * 1_000);
    const both = AbortSignal.any([signal, late]);
    const folders = { in: join(folder, "in"), out: join(folder, "out"), run: join(folder, "run") };
    try {
      const user = jobUser(engine.info.rootless);
      for (const path of Object.values(folders)) {
        await mkdir(path, { recursive: true });
        await chmod(path, 0o755);
      }
      if (user.chown) await chown(folders.out, user.chown.uid, user.chown.gid);
      const [image] = await Promise.all([
        ensureImage(engine, work.spec.image, both, pullProgress(reporter)),
        fetchInputs(work, folders.in, both),
      ]);
      if (work.engineModelId !== null) setup.add(await openSocket(work, folders.run));
      const options = containerOptions({
        imageId: image.id,
        volumes: image.volumes,
        spec: work.spec,
        jobId: work.jobId,
        folders: { ...folders, run: work.engineModelId === null ? null : folders.run },
        user: user.user,
        labels: { ...labels, [LABELS.attempt]: work.attemptId, [LABELS.job]: work.jobId },
        gpus,
        network: work.spec.network ? network : null,
        engine: engine.info.kind,
      });
      both.throwIfAborted();
      const container = await within(engine.docker.createContainer(options), 2 * END_MS);
      setup.add(() => engine.remove(container.id));
      both.throwIfAborted();
      return container;
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      if (late.aborted)
        throw new JobError("setup_time_limit", `Set-up took longer than ${work.setupSeconds} s.`);
      throw error;
    }
  }

  async #attend(
    container: Docker.Container,
    work: Work,
    folder: string,
    reporter: Reporter,
    signal: AbortSignal,
    end: RunEnd,
  ): Promise<void> {
    const splitter = new LogSplitter(reporter);
    const unrunnable = (early: Early) => {
      reporter.log("system", `${early.message}\n`);
      end.exitCode = early.exitCode;
    };
    const source = await attachContainer(container);
    if ("exitCode" in source) return unrunnable(source);
    const logged = readOutput(source, splitter);
    // Asked for before the start, or a short container would be over before anybody waits for it.
    const ended = container.wait({ condition: "next-exit" }) as Promise<{ StatusCode: number }>;
    ended.catch(() => {});
    const over = new AbortController();
    const watching: Promise<void>[] = [];
    let started = 0;
    try {
      const early = await startContainer(container);
      if (early) return unrunnable(early);
      started = performance.now();
      reporter.state("running");
      const stop = new Promise<Stop>((resolve) => {
        watching.push(
          this.#limitTime(work, over.signal, resolve),
          this.#watchOutputs(work, folder, reporter, over.signal, resolve),
          this.#sample(container, reporter, over.signal),
        );
        const aborted = () => resolve({ kill: true, error: reasonOf(signal) });
        signal.addEventListener("abort", aborted, { once: true, signal: over.signal });
        if (signal.aborted) aborted();
      });
      const first = await Promise.race([
        ended.then(
          () => null,
          (error: unknown) => broken(error),
        ),
        stop,
      ]);
      if (first instanceof JobError) throw first;
      if (first !== null) {
        end.timedOut = first.timedOut ?? false;
        await endContainer(container, ended, first.kill);
      }
      end.containerSeconds = seconds(started);
      const { State } = await within(container.inspect());
      if (State.Running) throw new JobError("node_failed", "The container could not be stopped.");
      end.exitCode = State.ExitCode;
      end.outOfMemory = State.OOMKilled && State.ExitCode !== 0;
      if (first?.error) throw first.error;
    } catch (error) {
      if (started > 0) end.containerSeconds ||= seconds(started);
      throw error instanceof JobError ? error : broken(error);
    } finally {
      over.abort();
      await Promise.race([logged, sleep(LOG_MS, undefined, { ref: false })]);
      source.destroy();
      await Promise.all(watching);
    }
  }

  async #limitTime({ spec }: Work, over: AbortSignal, stop: (why: Stop) => void): Promise<void> {
    const until = performance.now() + spec.timeLimitSeconds * 1_000;
    while (!over.aborted) {
      const left = until - performance.now();
      if (left <= 0) return stop({ kill: false, timedOut: true });
      // A timer holds 24 days at most.
      await sleep(Math.min(left, 86_400_000), undefined, { signal: over }).catch(() => {});
    }
  }

  async #watchOutputs(
    { spec }: Work,
    folder: string,
    reporter: Reporter,
    over: AbortSignal,
    stop: (why: Stop) => void,
  ): Promise<void> {
    const out = join(folder, "out");
    let told: number | null = null;
    for (;;) {
      await sleep(WATCH_MS, undefined, { signal: over }).catch(() => {});
      if (over.aborted) return;
      try {
        await listOutputs(out, outputBytes(spec));
        if ((await diskOf(folder)).free < DISK_RESERVE)
          throw new JobError("node_failed", "The disk of this node is full.");
        const progress = await readProgress(out);
        if (progress !== null && progress !== told) {
          told = progress;
          reporter.progress(progress);
        }
      } catch (error) {
        // A socket or a strange name may be gone before the end; then it is looked at again.
        if (!(error instanceof JobError) || error.code === "output_invalid") continue;
        return stop({ kill: true, error });
      }
    }
  }

  async #sample(container: Docker.Container, reporter: Reporter, over: AbortSignal): Promise<void> {
    let last: StatsReading | null = null;
    while (!over.aborted) {
      try {
        const stats = (await within(
          container.stats({ stream: false, "one-shot": true } as { stream: false }),
          SAMPLE_MS,
        )) as unknown as Docker.ContainerStats;
        const reading = { cpu: stats.cpu_stats.cpu_usage.total_usage, at: performance.now() };
        if (!over.aborted && stats.memory_stats.usage !== undefined) {
          if (last) reporter.sample(cpuBetween(last, reading), memoryOf(stats.memory_stats));
          last = reading;
        }
      } catch {
        // A container that just ended has none.
      }
      await sleep(SAMPLE_MS, undefined, { signal: over }).catch(() => {});
    }
  }
}

/** What was set up, to be taken down in reverse. */
class Setup {
  readonly #undo: (() => Promise<unknown>)[] = [];

  add(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  async undo(log: Logger): Promise<void> {
    // What stays is found by its label later.
    for (const step of this.#undo.reverse())
      await step().catch((error) => log.warn({ reason: describe(error) }, "a job left something behind"));
  }
}

const seconds = (since: number): number => Math.round(performance.now() - since) / 1_000;

const broken = (error: unknown): JobError =>
  new JobError("node_failed", `The container engine failed: ${describe(error)}.`, { cause: error });

/** Why `signal` ended the run. */
function reasonOf(signal: AbortSignal): JobError {
  return signal.reason instanceof JobError
    ? signal.reason
    : new JobError("node_failed", "The node stopped the job.");
}

/** Tells of a download now and then. */
function pullProgress(reporter: Reporter): (share: number) => void {
  let told = Number.NEGATIVE_INFINITY;
  return (share) => {
    if (performance.now() - told < 5_000) return;
    told = performance.now();
    reporter.log("system", `Fetching the image: ${Math.round(share * 100)} %\n`);
  };
}

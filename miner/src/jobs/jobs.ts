import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobCapability } from "@aiforge/api/client";
import type { LocalAccount } from "viem";
import type { Engine } from "../engines/engine.ts";
import { describe, MinerError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { OwnChains } from "../own-chains.ts";
import { Places } from "../places.ts";
import { Attempt, type AttemptDeps } from "./attempt.ts";
import { Coordinator } from "./coordinator.ts";
import { LABELS } from "./engine.ts";
import { ContainerHost } from "./host.ts";
import { isAllowed } from "./images.ts";
import { fetchInputs } from "./inputs.ts";
import { submitOnChain } from "./onchain.ts";
import { type ProbeResult, runProbe } from "./probe.ts";
import { JobError, type JobProbe, type Work } from "./protocol.ts";
import { Records } from "./records.ts";
import { Results } from "./results.ts";
import { JobRunner, type Reporter } from "./runner.ts";
import { serveModel } from "./socket.ts";
import { type Claim, forgery, lacking, priceFloor, type Rates } from "./terms.ts";

/** Between two looks at the engine. */
const ENGINE_MS = 30_000;
/** Between two polls, unless the API asks for it more often. */
const POLL_MS = 10_000;
/** For telling, at the end of the process, that what runs was stopped. */
const FAREWELL_MS = 5_000;

export interface JobsConfig extends OwnChains {
  /** `auto`: when an engine answers. */
  jobs: "on" | "off" | "auto";
  dockerHost: string | null;
  /** References of the images that jobs may use, or any. */
  images: "any" | readonly string[];
  jobCpus: number | null;
  /** MiB. */
  jobMemoryMb: number | null;
  /** MiB. */
  jobDiskMb: number | null;
  jobConcurrency: number;
  rates: Rates;
  /** The engine's network for jobs that ask for one. */
  allowNetwork: string | null;
}

export interface JobsParameters {
  config: JobsConfig;
  apiUrl: string;
  dataDir: string;
  account: LocalAccount;
  token: () => string | null;
  engineOf: (modelId: string) => Engine | null;
  /** What the node offers to jobs has changed. */
  onChange: () => void;
  log: Logger;
  fallbackMs?: number | null;
  engineMs?: number;
  pollMs?: number;
  backoffBaseMs?: number;
}

/** The jobs of one node: takes them, runs them, hands them in, cleans up after them. */
export class Jobs {
  /** Of this process. */
  readonly instance = randomUUID();
  readonly coordinator: Coordinator;
  readonly #parameters: JobsParameters;
  readonly #records: Records;
  readonly #labels: Record<string, string>;
  readonly #ending = new AbortController();
  readonly #attempts = new Map<string, { attempt: Attempt; done: Promise<void> }>();
  /** What containers hold, and those that are about to be. */
  readonly #held = new Map<string, Claim & { gpuIds: string[] }>();
  readonly #host: ContainerHost;
  readonly #places: Places;
  readonly #results: Results;
  #draining = false;
  #closing = false;
  #background: Promise<unknown>[] = [];
  #probes = 0;

  constructor(parameters: JobsParameters) {
    const { account, apiUrl, dataDir, token } = parameters;
    this.#parameters = parameters;
    this.#records = new Records(dataDir);
    const folder = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
    this.#labels = { [LABELS.node]: account.address.toLowerCase(), [LABELS.folder]: folder };
    this.#host = new ContainerHost({
      config: parameters.config,
      dataDir,
      folder,
      labels: this.#labels,
      probeDir: this.#records.dir,
      // The containers of probes are over in half a minute.
      busy: (attemptId) => (attemptId === undefined ? this.#probes > 0 : this.#held.has(attemptId)),
      onChange: parameters.onChange,
      ending: this.#ending.signal,
      log: parameters.log,
    });
    this.coordinator = new Coordinator({ apiUrl, token, instance: this.instance });
    this.#results = new Results(dataDir);
    this.#places = new Places({
      own: parameters.config,
      apiUrl,
      dataDir,
      listed: () =>
        this.coordinator.chains(AbortSignal.any([this.#ending.signal, AbortSignal.timeout(30_000)])),
    });
  }

  /**
   * Opens the engine, cleans up after an earlier process and takes up what that had done.
   * @throws MinerError when jobs are on and there is no engine
   */
  async start(): Promise<void> {
    const { config, log, engineMs = ENGINE_MS } = this.#parameters;
    const leftovers = await this.#records.leftovers();
    if (config.jobs !== "off") {
      try {
        await this.#host.open();
      } catch (error) {
        if (config.jobs === "on") throw error;
        log.info(
          { reason: describe(error) },
          "no container jobs: start Docker or Podman, or say --jobs off to be quiet about it",
        );
      }
      this.#background.push(this.#host.watch(engineMs));
    }
    for (const record of leftovers) {
      log.info(
        { jobId: record.work.jobId, done: record.end !== null },
        "a job of the last run is brought to its end",
      );
      this.#carryOut(Attempt.leftover(record, this.#deps()));
    }
    if (config.jobs !== "off" || leftovers.length > 0) this.#background.push(this.#poll());
  }

  /** What this node offers, as the API keeps it. */
  get capability(): JobCapability {
    const { config } = this.#parameters;
    const { engine, images, network, resources } = this.#host;
    return {
      enabled: engine !== null && !this.#closing,
      engine: engine?.info.kind ?? "docker",
      ...resources,
      network: network !== null,
      images,
      anyImage: config.images === "any",
      rates: config.rates,
      instance: this.instance,
      draining: this.#draining,
    };
  }

  /** Attempts at work, whose leases are to be renewed. */
  get attempts(): string[] {
    return [...this.#attempts.keys()];
  }

  /** Takes no more work while it is on. */
  drain(on: boolean): void {
    this.#draining = on;
    this.#parameters.onChange();
  }

  /** Takes offered work; an offer that is known already is no news. */
  offer(work: Work): void {
    if (this.#closing || this.#attempts.has(work.attemptId)) return;
    // While the API is there: it may be away once there is a result.
    void this.#places.remember();
    this.#carryOut(Attempt.fresh(work, this.#deps()));
  }

  /** The API gave up an attempt. */
  cancel(attemptId: string): void {
    this.#attempts.get(attemptId)?.attempt.drop();
  }

  async probe({ image, nonce }: JobProbe): Promise<ProbeResult> {
    const failed = (detail: string): ProbeResult => ({ ok: false, output: "", ms: 0, detail });
    if (!this.#host.engine) return failed("No container engine answers.");
    if (this.#probes >= 2) return failed("Other probes are under way.");
    this.#probes += 1;
    try {
      return await runProbe(this.#host.engine, { image, nonce }, this.#labels, this.#records.dir);
    } finally {
      this.#probes -= 1;
    }
  }

  /** Stops every container, tells so as far as it can be told soon, and leaves the rest to the next process. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { attempt } of this.#attempts.values())
      attempt.stop(new JobError("node_failed", "The node was stopped while the job ran."));
    const done = Promise.all([...this.#attempts.values()].map(({ done }) => done));
    await Promise.race([done, sleep(FAREWELL_MS, undefined, { ref: false })]);
    this.#ending.abort();
    await done;
    await Promise.all(this.#background);
  }

  #carryOut(attempt: Attempt): void {
    const done = attempt.carryOut().finally(() => this.#attempts.delete(attempt.id));
    this.#attempts.set(attempt.id, { attempt, done });
  }

  #deps(): AttemptDeps {
    const { account, fallbackMs = null, log, backoffBaseMs } = this.#parameters;
    const access = { account, places: this.#places, results: this.#results };
    return {
      coordinator: this.coordinator,
      records: this.#records,
      run: (work, folder, reporter, signal) => this.#run(work, folder, reporter, signal),
      refusal: (work) => this.#refusal(work),
      submit: (work, result) => submitOnChain(work, result, access),
      fallbackMs,
      ending: this.#ending.signal,
      log,
      ...(backoffBaseMs === undefined ? {} : { backoffBaseMs }),
    };
  }

  #refusal(work: Work): JobError | null {
    const { account, config, engineOf } = this.#parameters;
    const { spec } = work;
    const refuse = (message: string) => new JobError("node_refused", message);
    if (!this.#host.engine || this.#closing)
      return new JobError("node_failed", "No container engine answers.");
    const forged = forgery(work, account.address);
    if (forged) return forged;
    if (config.images !== "any" && !isAllowed(spec.image, this.#host.images))
      return refuse(`The image ${spec.image} is not on this node's list.`);
    const floor = priceFloor(config.rates, spec);
    if (BigInt(work.job.price) < floor)
      return refuse(`The price is ${work.job.price} micro-USDT; this node asks for ${floor}.`);
    if (spec.network && this.#host.network === null) return refuse("This node gives jobs no network.");
    if (work.engineModelId !== null && engineOf(work.engineModelId) === null)
      return refuse(`This node does not serve the model ${work.engineModelId} now.`);
    const missing = lacking(spec, this.#host.resources, [...this.#held.values()]);
    return missing === null ? null : refuse(missing);
  }

  async #run(work: Work, folder: string, reporter: Reporter, signal: AbortSignal) {
    const { apiUrl, engineOf, log, token, backoffBaseMs } = this.#parameters;
    const engine = this.#host.engine;
    if (!engine) throw new MinerError("No container engine answers.");
    // Nothing was awaited since the resources were looked at.
    const taken = new Set([...this.#held.values()].flatMap(({ gpuIds }) => gpuIds));
    const gpuIds = Array.from({ length: this.#host.resources.gpus }, (_, at) => String(at))
      .filter((id) => !taken.has(id))
      .slice(0, work.spec.gpus);
    this.#held.set(work.attemptId, { ...work.spec, gpuIds });
    const runner = new JobRunner({
      engine,
      labels: this.#labels,
      fetchInputs: ({ inputs, jobId }, to, until) =>
        fetchInputs({
          inputs,
          folder: to,
          apiUrl,
          token,
          signal: until,
          onCut: (path, cut) => log.warn({ jobId, path, ...cut }, "an input's download was cut, and goes on"),
          ...(backoffBaseMs === undefined ? {} : { backoffBaseMs }),
        }),
      openSocket: ({ engineModelId }, to) =>
        serveModel({ folder: to, modelId: engineModelId ?? "", engineOf, log }),
      network: this.#host.network,
      log,
    });
    try {
      return await runner.run(work, folder, gpuIds, reporter, signal);
    } finally {
      this.#held.delete(work.attemptId);
    }
  }

  /** The way to work for when nothing is pushed, and a second one when it is. */
  async #poll(): Promise<void> {
    const { signal } = this.#ending;
    const { log, token } = this.#parameters;
    const { pollMs = POLL_MS } = this.#parameters;
    let pause = Math.min(1_000, pollMs);
    while (!signal.aborted) {
      // Apart, so that a thousand nodes do not ask in the same moment.
      await sleep(pause * (0.9 + Math.random() * 0.2), undefined, { signal }).catch(() => {});
      pause = pollMs;
      if (signal.aborted || token() === null) continue;
      try {
        const answer = await this.coordinator.work(signal);
        pause = Math.min(pollMs, answer.pollSeconds * 1_000);
        for (const attemptId of answer.cancel) this.cancel(attemptId);
        for (const work of answer.work) this.offer(work);
        if (answer.unreadable > 0) log.warn("work was offered that this version cannot read: update it");
        const { probe } = answer;
        if (probe) {
          const result = await this.probe(probe);
          await this.coordinator.probed(probe.id, result, signal);
        }
      } catch (error) {
        log.debug({ reason: describe(error) }, "could not ask for work");
      }
    }
  }
}

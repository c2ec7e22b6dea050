import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { LOCAL_IMAGE } from "./config.ts";
import { ContainerEngine } from "./engine.ts";
import { type AllowedImage, allowedImages, ensureImage } from "./images.ts";
import type { JobsConfig } from "./jobs.ts";
import { networkProblem } from "./network.ts";
import { resourcesOf } from "./resources.ts";
import type { Resources } from "./terms.ts";

const NO_RESOURCES: Resources = { cpuMillis: 0, memoryMb: 0, diskMb: 0, gpus: 0, concurrency: 0 };
/** What a probe of an engine uses where any image may be used. */
const PROBE_IMAGES = [LOCAL_IMAGE];
/** For one image of the list, before a job wants it. */
const FETCH_MS = 1_800_000;

export interface HostParameters {
  config: JobsConfig;
  dataDir: string;
  /** Of the label by which a node knows its containers again. */
  folder: string;
  labels: Record<string, string>;
  /** For the folders of containers that look at a network. */
  probeDir: string;
  /** Whether a container is in use; a probe's has no attempt. */
  busy: (attemptId: string | undefined) => boolean;
  /** What can be offered has changed. */
  onChange: () => void;
  ending: AbortSignal;
  log: Logger;
}

/** The container engine as it comes and goes, and what it has to offer while it is there. */
export class ContainerHost {
  readonly #parameters: HostParameters;
  #fetching: Promise<void>[] = [];
  engine: ContainerEngine | null = null;
  resources: Resources = NO_RESOURCES;
  images: AllowedImage[] = [];
  /** The engine's network for jobs that ask for one. */
  network: string | null = null;

  constructor(parameters: HostParameters) {
    this.#parameters = parameters;
  }

  /** @throws MinerError when no engine answers */
  async open(): Promise<void> {
    const { busy, config, dataDir, folder, log } = this.#parameters;
    const engine = await ContainerEngine.open(config.dockerHost);
    const left = await engine.cleanLeftovers(folder, busy);
    if (left > 0) log.info({ containers: left }, "containers of the last run were removed");
    this.images = await allowedImages(engine, config.images === "any" ? PROBE_IMAGES : config.images);
    this.resources = await resourcesOf(engine, config, dataDir);
    this.network = await this.#networkOf(engine);
    this.engine = engine;
    const { kind, version, cpus, rootless } = engine.info;
    log.info(
      { engine: `${kind} ${version}`, cpus, rootless, images: this.images.map(({ ref }) => ref) },
      "jobs run here",
    );
    if (config.images !== "any") this.#fetching.push(this.#fetchImages(engine, config.images));
  }

  /** Follows the engine until the end: away, no work is offered; back, what it left behind is removed. */
  async watch(every: number): Promise<void> {
    const { busy, ending, folder, log, onChange } = this.#parameters;
    while (!ending.aborted) {
      await sleep(every, undefined, { signal: ending }).catch(() => {});
      if (ending.aborted) break;
      if (this.engine && !(await this.engine.alive())) {
        log.error(
          { engine: this.engine.host },
          "the container engine does not answer: no jobs until it does",
        );
        this.engine = null;
        onChange();
      } else if (this.engine === null) {
        await this.open().then(onChange, (error) =>
          log.debug({ reason: describe(error) }, "still no container engine"),
        );
      } else
        await this.engine.cleanLeftovers(folder, busy).catch((error) => {
          log.warn({ reason: describe(error) }, "old containers could not be removed");
        });
    }
    await Promise.all(this.#fetching);
  }

  async #networkOf(engine: ContainerEngine): Promise<string | null> {
    const { config, labels, log, probeDir } = this.#parameters;
    if (config.allowNetwork === null) return null;
    const refs = config.images === "any" ? PROBE_IMAGES : config.images;
    const problem = await networkProblem(engine, config.allowNetwork, refs, labels, probeDir);
    if (problem === null) return config.allowNetwork;
    log.warn(
      { reason: problem },
      "jobs get no network: this one does not keep them away from private addresses",
    );
    return null;
  }

  /** Images on the list that are not here: a job should not have to wait for them. */
  async #fetchImages(engine: ContainerEngine, refs: readonly string[]): Promise<void> {
    const { ending, log, onChange } = this.#parameters;
    for (const ref of refs.filter((each) => !this.images.some((image) => image.ref === each))) {
      try {
        await ensureImage(engine, ref, AbortSignal.any([ending, AbortSignal.timeout(FETCH_MS)]));
      } catch (error) {
        if (ending.aborted) return;
        log.warn({ image: ref, reason: describe(error) }, "an image on the list is not to be had");
        continue;
      }
      this.images = await allowedImages(engine, refs).catch(() => this.images);
      onChange();
    }
  }
}

import type { Logger } from "pino";
import { Grouped } from "../../core/grouped.ts";
import type { Bus } from "../../db/bus.ts";
import type { Database } from "../../db/client.ts";
import type { JobCapability } from "./capability.ts";
import { renewLeases } from "./leases.ts";
import * as queries from "./queries-fleet.ts";
import { Serving } from "./serving.ts";
import { NodeTokens } from "./tokens.ts";

export interface ToldBeat extends queries.Beat {
  /** Attempts that the node is at: their leases are renewed. */
  attempts: readonly string[];
}

const GATHER = { gatherMs: 5, max: 500 };
const MINUTE_MS = 60_000;
const SAMPLES_MS = 1_000;
const FORGET_MS = 600_000;
/** Milliseconds for which a node that says the same of jobs costs no write. */
const SAID_MS = 300_000;

/** What many nodes say at a time, through whichever way they say it, stored together. */
export class Fleet {
  readonly tokens: NodeTokens;
  readonly serving: Serving;
  readonly #db: Database;
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #beats: Grouped<queries.Beat, undefined>;
  readonly #leases: Grouped<{ nodeId: string; attempts: readonly string[] }, string[]>;
  /** By node: when its figures were last kept. */
  readonly #sampled = new Map<string, number>();
  #samples: queries.Beat[] = [];
  #sampler: NodeJS.Timeout | undefined;
  #forgotAt = Date.now();
  /** By node: what it last said of jobs here, and when that was stored. */
  readonly #jobs = new Map<string, { said: string; at: number }>();

  constructor({ db, bus, log }: { db: Database; bus: Bus; log: Logger }) {
    this.#db = db;
    this.#bus = bus;
    this.#log = log;
    this.tokens = new NodeTokens(db, bus);
    this.serving = new Serving(db);
    this.#beats = new Grouped(async (beats) => {
      await queries.storeHeartbeats(db, newest(beats));
      return beats.map(() => undefined);
    }, GATHER);
    this.#leases = new Grouped((asked) => renewLeases(db, asked), GATHER);
    bus.on("node", ({ nodeId }) => {
      this.tokens.forget(nodeId);
      this.#jobs.delete(nodeId);
    });
  }

  /**
   * Stores a heartbeat and renews the leases of what the node is at.
   * @returns attempts that are not the node's any more: it should stop them
   */
  async beat({ attempts, ...beat }: ToldBeat): Promise<string[]> {
    const [over] = await Promise.all([
      attempts.length > 0 ? this.#leases.ask({ nodeId: beat.nodeId, attempts }) : [],
      this.#beats.ask(beat),
    ]);
    this.#sample(beat);
    return over;
  }

  /**
   * Takes what a node says of jobs; written when it is something new.
   * @returns false when another process of the same node took this one's place
   */
  async tellJobs(nodeId: string, jobs: JobCapability): Promise<boolean> {
    const said = JSON.stringify(jobs);
    const known = this.#jobs.get(nodeId);
    // It may have told another instance something else since: what is stored is not believed for ever.
    if (known?.said === said && Date.now() - known.at < SAID_MS) return true;
    const { current, replaced } = await queries.claimInstance(this.#db, nodeId, jobs.instance);
    if (!current) return false;
    await queries.storeCapability(this.#db, nodeId, jobs);
    if (replaced) await this.changed(nodeId);
    this.#jobs.set(nodeId, { said, at: Date.now() });
    await this.#bus.tell("pending", {});
    return true;
  }

  /** A node that came without a word of jobs takes none. */
  async tellNoJobs(nodeId: string): Promise<void> {
    this.#jobs.delete(nodeId);
    await queries.withdrawCapability(this.#db, nodeId);
  }

  /** What instances know of a node is not so any more. */
  async changed(nodeId: string): Promise<void> {
    // At once here, also when nobody listens.
    this.tokens.forget(nodeId);
    this.#jobs.delete(nodeId);
    await this.#bus.tell("node", { nodeId });
  }

  /** Resolves when all that was said is stored. */
  async idle(): Promise<void> {
    await this.#beats.idle();
    await this.#leases.idle();
    await this.#keepSamples();
  }

  #sample(beat: queries.Beat): void {
    const now = Date.now();
    if (now - (this.#sampled.get(beat.nodeId) ?? 0) < MINUTE_MS) return;
    this.#sampled.set(beat.nodeId, now);
    this.#samples.push(beat);
    this.#sampler ??= setTimeout(() => void this.#keepSamples(), SAMPLES_MS).unref();
  }

  async #keepSamples(): Promise<void> {
    clearTimeout(this.#sampler);
    this.#sampler = undefined;
    const samples = this.#samples.splice(0);
    try {
      await queries.storeSamples(this.#db, samples);
      if (Date.now() - this.#forgotAt > FORGET_MS) {
        this.#forgotAt = Date.now();
        // What is not heard any more has no use of its entry.
        for (const [nodeId, at] of this.#sampled) {
          if (Date.now() - at > FORGET_MS) {
            this.#sampled.delete(nodeId);
            this.#jobs.delete(nodeId);
          }
        }
        while ((await queries.forgetSamples(this.#db)) > 0);
      }
    } catch (error) {
      this.#log.warn({ err: error }, "The nodes' figures could not be kept.");
    }
  }
}

/** One beat a node: its last. */
function newest(beats: queries.Beat[]): queries.Beat[] {
  return [...new Map(beats.map((beat) => [beat.nodeId, beat])).values()];
}

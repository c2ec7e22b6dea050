import { Grouped } from "../../../core/grouped.ts";
import type { Deps } from "../../../deps.ts";
import { dueProbes } from "../../nodes/probes.ts";
import type { PendingProbe } from "../../nodes/schema.ts";
import { POLL_SECONDS, type Work } from "../protocol.ts";
import { assignWaiting, tryAgain } from "./assign.ts";
import { endOverdue } from "./lapse.ts";
import { newsFor, offersFor, type Told } from "./offers.ts";
import { mayEnd } from "./outage.ts";

/** Milliseconds. */
export interface SchedulerTimes {
  /** Between two looks at what waits, when nobody says that something does. */
  look: number;
  /** Between two looks at what is overdue. */
  overdue: number;
  /** Between two times that connected nodes are given what they should have and their probes. */
  sweep: number;
}

const TIMES: SchedulerTimes = { look: 500, overdue: 1_000, sweep: 5_000 };

export interface PollAnswer {
  work: Work[];
  cancel: string[];
  probe: PendingProbe | null;
  pollSeconds: number;
}

/**
 * Gives waiting jobs to nodes, tells the nodes, and ends what is overdue. Any number of instances may run one: all that
 * it decides is decided in the database.
 */
export class Scheduler {
  readonly #times: SchedulerTimes;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #busy = new Set<Promise<unknown>>();
  #polls: Grouped<string, PollAnswer> | undefined;
  #deps: Deps | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #freed = false;
  #failing = false;

  constructor(times: Partial<SchedulerTimes> = {}) {
    this.#times = { ...TIMES, ...times };
  }

  /** Begins to assign. Without it this instance still answers polls, from what others assigned. */
  start(deps: Deps): void {
    if (this.#deps) return;
    this.#deps = deps;
    deps.bus.on("pending", () => this.freed());
    deps.bus.on("work", ({ nodeIds }) => this.#guard(this.#deliver(nodeIds)));
    // A node that now offers containers, or whose probe passed, may take what waits.
    deps.nodes.onJobs = (nodeId) => {
      this.freed();
      this.#guard(this.probe(deps, [nodeId]));
    };
    deps.bus.start();
    this.#every(this.#times.look, async () => this.freed());
    this.#every(this.#times.overdue, async () => {
      if (!(await mayEnd(deps.db))) return;
      const stopped = await endOverdue(deps.db);
      if (stopped.length === 0) return;
      await this.tell(deps, stopped);
      this.freed();
    });
    this.#every(this.#times.sweep, async () => {
      const connected = deps.nodes.connectedIds();
      await this.#deliver(connected);
      await this.probe(deps, connected);
    });
    this.wake();
  }

  /** Ends with what is under way. */
  async stop(): Promise<void> {
    this.#deps = undefined;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
    await Promise.all(this.#busy);
  }

  /** A job waits: looks at once. */
  wake(): void {
    if (!this.#deps) return;
    this.#again = true;
    this.#running ??= this.#run(this.#deps).finally(() => {
      this.#running = undefined;
    });
  }

  /** A node has room, or may have: jobs that found none are tried again. */
  freed(): void {
    this.#freed = true;
    this.wake();
  }

  /** Has these nodes learn what they are to do or stop, each by the instance that it is connected to. */
  async tell(deps: Deps, nodeIds: readonly string[]): Promise<void> {
    const unique = [...new Set(nodeIds)];
    const elsewhere = unique.filter((id) => !deps.nodes.has(id));
    await Promise.all([
      this.#deliver(unique, deps),
      elsewhere.length > 0 ? deps.bus.tell("work", { nodeIds: elsewhere }) : undefined,
    ]);
  }

  /** Gives connected nodes the container probes that are due. */
  async probe(deps: Deps, nodeIds: readonly string[]): Promise<void> {
    for (const [nodeId, probe] of await dueProbes(deps.db, nodeIds)) {
      deps.nodes.send(nodeId, { type: "job_probe", ...probe });
    }
  }

  /** What a node that polls is to do; many polls are one look into the database. */
  poll(deps: Deps, nodeId: string): Promise<PollAnswer> {
    this.#polls ??= new Grouped((ids) => answers(deps, ids), { gatherMs: 5, max: 500 });
    return this.#polls.ask(nodeId);
  }

  async #run(deps: Deps): Promise<void> {
    while (this.#again && this.#deps) {
      this.#again = false;
      const freed = this.#freed;
      this.#freed = false;
      try {
        if (freed) await tryAgain(deps.db);
        const { assigned } = await assignWaiting(deps);
        this.#failing = false;
        if (assigned.length === 0) continue;
        this.#again = true;
        const nodeIds = assigned.map(({ nodeId }) => nodeId);
        this.#guard(this.tell(deps, nodeIds));
      } catch (error) {
        // While the database is away every look fails: one line says so.
        if (!this.#failing) deps.log.warn({ err: error }, "Jobs could not be assigned; trying again.");
        this.#failing = true;
      }
    }
  }

  async #deliver(nodeIds: readonly string[], deps = this.#deps): Promise<void> {
    if (!deps) return;
    const here = nodeIds.filter((id) => deps.nodes.has(id));
    for (const [nodeId, { work, cancel }] of await offersFor(deps.db, here)) {
      for (const attemptId of cancel)
        deps.nodes.send(nodeId, { type: "job_cancel", attemptId, reason: "over" });
      for (const each of work) deps.nodes.send(nodeId, { type: "work", work: each });
    }
  }

  /** Does something at an interval, never twice at a time. */
  #every(ms: number, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      this.#guard(
        work().finally(() => {
          busy = false;
        }),
      );
    }, ms);
    this.#timers.push(timer.unref());
  }

  #guard(work: Promise<unknown>): void {
    const guarded: Promise<unknown> = work
      .catch((error: unknown) => {
        if (this.#deps && !this.#failing)
          this.#deps.log.warn({ err: error }, "The scheduler had to skip a turn.");
        this.#failing = true;
      })
      .finally(() => this.#busy.delete(guarded));
    this.#busy.add(guarded);
  }
}

async function answers(deps: Deps, nodeIds: string[]): Promise<PollAnswer[]> {
  const news = await newsFor(deps.db, [...new Set(nodeIds)]);
  const open = new Map<string, PendingProbe>();
  const [due, told] = [new Set<string>(), new Set<string>()];
  for (const { id, probe, probeDue, told: hasWork } of news) {
    if (hasWork) told.add(id);
    if (probeDue) due.add(id);
    else if (probe) open.set(id, probe);
  }
  const [probes, offers] = await Promise.all([dueProbes(deps.db, [...due]), offersFor(deps.db, [...told])]);
  const nothing: Told = { work: [], cancel: [] };
  return nodeIds.map((id) => ({
    ...(offers.get(id) ?? nothing),
    probe: open.get(id) ?? probes.get(id) ?? null,
    pollSeconds: POLL_SECONDS,
  }));
}

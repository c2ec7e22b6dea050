import type { Logger } from "pino";
import type { Database } from "../../db/client.ts";
import type { JobCapability } from "./capability.ts";
import type { NodeConnection } from "./connection.ts";
import type { Fleet } from "./fleet.ts";
import { CLOSE, type NodeFigures } from "./protocol.ts";
import { storeAbsence, storePresence } from "./queries.ts";
import { NodeWrites } from "./writes.ts";

/** Has what connected nodes tell of themselves stored, where every instance reads it. */
export class Presence {
  readonly #db: Database;
  readonly #fleet: Fleet;
  readonly #writes: NodeWrites;
  readonly #onJobs: (nodeId: string) => void;
  #stopped = false;

  constructor(options: { db: Database; log: Logger; fleet: Fleet; onJobs: (nodeId: string) => void }) {
    this.#db = options.db;
    this.#fleet = options.fleet;
    this.#onJobs = options.onJobs;
    this.#writes = new NodeWrites(options.log);
  }

  /** From now on connections end because this instance does, and their nodes are elsewhere in a moment. */
  stop(): void {
    this.#stopped = true;
    this.#writes.stop();
  }

  /** Stores what a node has in memory and what is offered of it. */
  present(connection: NodeConnection): void {
    const { version, capacity } = connection;
    const models = [...connection.models.values()];
    const offered = [...connection.offered];
    const now = { version, capacity, models, offered, connection: connection.id };
    this.#writes.add(connection.nodeId, "presence", async (id) => {
      await storePresence(this.#db, id, now, !connection.presented);
      connection.presented = true;
    });
  }

  absent({ nodeId, id: connection }: NodeConnection): void {
    if (this.#stopped) return;
    this.#writes.add(nodeId, "absence", (id) => storeAbsence(this.#db, id, connection));
  }

  /** Stores a heartbeat, and has the node stop what is not its any more. */
  beat(connection: NodeConnection, figures: NodeFigures, attempts: readonly string[]): void {
    this.#writes.add(connection.nodeId, "figures", async (nodeId) => {
      for (const attemptId of await this.#fleet.beat({ nodeId, figures, attempts })) {
        connection.send({ type: "job_cancel", attemptId, reason: "over" });
      }
    });
  }

  /** Stores what a node offers to jobs; null: nothing. */
  offers(connection: NodeConnection, jobs: JobCapability | null): void {
    if (!jobs) {
      this.#writes.add(connection.nodeId, "jobs", (nodeId) => this.#fleet.tellNoJobs(nodeId));
      return;
    }
    connection.instance = jobs.instance;
    this.#writes.add(connection.nodeId, "jobs", async (nodeId) => {
      if (await this.#fleet.tellJobs(nodeId, jobs)) this.#onJobs(nodeId);
      else connection.close(CLOSE.replacedInstance, "another process of this node took its place");
    });
  }
}

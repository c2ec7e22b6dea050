import type { Database } from "../../db/client.ts";
import { insertUsage, type UsageRow } from "../keys/queries.ts";
import { type Settlement, settle } from "../subscriptions/quota.ts";

const MAX_BATCH = 500;

interface Pending {
  row: UsageRow;
  settlement: Settlement | null;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Writes usage rows, all that wait in one transaction: under load one commit serves many calls. What a call held of a
 * plan's quota is settled in the same one, so that it counts once, whenever a process dies.
 */
export class UsageLog {
  readonly #db: Database;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Resolves when the row is committed. @throws the database's error */
  append(row: UsageRow, settlement: Settlement | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ row, settlement, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #write(): Promise<void> {
    // What is appended in this turn of the event loop goes into the first batch too.
    await null;
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, MAX_BATCH);
      try {
        await this.#store(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #store(batch: Pending[]): Promise<void> {
    const rows = batch.map(({ row }) => row);
    const settlements = batch.flatMap(({ settlement }) => settlement ?? []);
    if (settlements.length === 0) return insertUsage(this.#db, rows);
    await this.#db.transaction(async (tx) => {
      await insertUsage(tx, rows);
      await settle(tx, settlements);
    });
  }
}

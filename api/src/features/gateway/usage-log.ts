import type { Database } from "../../db/client.ts";
import { insertUsage, type UsageRow } from "../keys/queries.ts";

const MAX_BATCH = 500;

interface Pending {
  row: UsageRow;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Writes usage rows, all that wait in one statement: under load one commit serves many calls. */
export class UsageLog {
  readonly #db: Database;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Resolves when the row is committed. @throws the database's error */
  append(row: UsageRow): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ row, resolve, reject });
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
        await insertUsage(
          this.#db,
          batch.map(({ row }) => row),
        );
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }
}

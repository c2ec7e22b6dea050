import type { Logger } from "pino";
import type { Database } from "../../db/client.ts";
import { RESERVATION_SECONDS, type Reservation, reclaim, renew, settle } from "../subscriptions/quota.ts";

/** The reservations of calls that run on this instance: kept while they do, so that only those of the dead expire. */
export class LiveReservations {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #everyMs: number;
  readonly #ids = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Database, log: Logger, everyMs = (RESERVATION_SECONDS * 1000) / 3) {
    this.#db = db;
    this.#log = log;
    this.#everyMs = everyMs;
  }

  /** A call begins that holds this. */
  keep({ id }: Reservation): void {
    this.#ids.add(id);
    this.#timer ??= setInterval(() => void this.#tick(), this.#everyMs).unref();
  }

  /** It ended; its usage row settles what it held. */
  drop({ id }: Reservation): void {
    this.#ids.delete(id);
    if (this.#ids.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Gives back what is held for a call that was never begun. */
  async release(reservation: Reservation): Promise<void> {
    await this.#db.transaction((tx) => settle(tx, [{ reservation, tokens: 0, counts: false }]));
  }

  async #tick(): Promise<void> {
    try {
      await renew(this.#db, [...this.#ids]);
      await reclaim(this.#db);
    } catch (error) {
      this.#log.warn({ err: error }, "Reservations could not be renewed.");
    }
  }
}

import type { Logger } from "pino";
import type { Database } from "../../db/client.ts";
import { type KeyRow, keyByHash, touchKeys } from "./queries.ts";

/** Milliseconds for which a key that was read is believed. */
const FRESH_MS = 2_000;
/** Milliseconds between two writes of when keys were last used. */
const TOUCH_MS = 1_000;
const MAX_CACHED = 10_000;

/** Reads keys for the gateway's hot path and notes their use off it. */
export class KeyCache {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #cached = new Map<string, { row: Promise<KeyRow | undefined>; at: number }>();
  readonly #used = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ db, log }: { db: Database; log: Logger }) {
    this.#db = db;
    this.#log = log;
  }

  /** The key with that sha-256, at most two seconds old; of an unknown one nothing is kept. */
  async find(secretHash: string): Promise<KeyRow | undefined> {
    const known = this.#cached.get(secretHash);
    if (known && Date.now() - known.at < FRESH_MS) return known.row;
    if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
    const row = keyByHash(this.#db, secretHash);
    this.#cached.set(secretHash, { row, at: Date.now() });
    const found = await row.catch((error) => {
      this.#cached.delete(secretHash);
      throw error;
    });
    if (!found) this.#cached.delete(secretHash);
    return found;
  }

  forget(secretHash: string): void {
    this.#cached.delete(secretHash);
  }

  /** Notes that a key was used; written within a second, for many calls at once. */
  used(keyId: string): void {
    this.#used.add(keyId);
    this.#timer ??= setTimeout(() => void this.flush(), TOUCH_MS).unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ids = [...this.#used];
    this.#used.clear();
    if (ids.length === 0) return;
    await touchKeys(this.#db, ids).catch((error) =>
      this.#log.warn({ err: error }, "The last use of keys could not be noted."),
    );
  }
}

import pg from "pg";
import type { Logger } from "pino";
import type { Database } from "./client.ts";

/** What instances tell each other; each is a hint, and whatever it says is in the database too. */
interface BusMessages {
  /** Attempts were offered to these nodes, or have to stop on them. */
  work: { nodeIds: string[] };
  /** Jobs wait, or a node became free for them. */
  pending: Record<string, never>;
  /** What was known of a node is not so any more: its token, its process, or whether it may serve. */
  node: { nodeId: string };
}
type BusTopic = keyof BusMessages;

const CHANNEL = "aiforge";
/** Postgres takes under 8,000 bytes a notification. */
const MAX_IDS = 150;
const RETRY_MS = 1_000;

type Listener = (message: never) => void;

/**
 * Postgres' LISTEN and NOTIFY between the instances of the api. Messages come to every instance, the sender included,
 * and may be lost while the connection is: whoever relies on one looks into the database from time to time too.
 */
export class Bus {
  readonly #url: string;
  readonly #db: Database;
  readonly #log: Logger;
  readonly #listeners = new Map<BusTopic, Set<Listener>>();
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #started = false;
  #listening = false;
  readonly #begins = new Set<() => void>();

  constructor({ url, db, log }: { url: string; db: Database; log: Logger }) {
    this.#url = url;
    this.#db = db;
    this.#log = log;
  }

  on<T extends BusTopic>(topic: T, listener: (message: BusMessages[T]) => void): void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    listeners.add(listener as Listener);
    this.#listeners.set(topic, listeners);
  }

  /** Whether messages arrive at the moment. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Called when it begins to listen: what was said before may have been missed. */
  onBegin(listener: () => void): void {
    this.#begins.add(listener);
  }

  /** Begins to listen. Calling it again changes nothing. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#listening = false;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** Tells every instance. Never throws: a message that is lost costs time, not truth. */
  async tell<T extends BusTopic>(topic: T, message: BusMessages[T]): Promise<void> {
    try {
      for (const part of parts(message)) {
        const text = JSON.stringify({ topic, message: part });
        await this.#db.$client.query("SELECT pg_notify($1, $2)", [CHANNEL, text]);
      }
    } catch (error) {
      this.#log.debug({ err: error, topic }, "a message to the other instances was lost");
    }
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, application_name: "aiforge-bus" });
    const lost = () => {
      if (!this.#started || (this.#client !== undefined && this.#client !== client)) return;
      this.#client = undefined;
      this.#listening = false;
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#connect(), RETRY_MS).unref();
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", ({ payload }) => this.#heard(payload ?? ""));
    this.#client = client;
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.#listening = this.#started;
      for (const begin of this.#begins) begin();
    } catch {
      await client.end().catch(() => undefined);
      lost();
    }
  }

  #heard(payload: string): void {
    const { topic, message } = JSON.parse(payload) as { topic: BusTopic; message: never };
    for (const listener of this.#listeners.get(topic) ?? []) listener(message);
  }
}

/** A long list goes as several messages. */
function parts<T extends BusTopic>(message: BusMessages[T]): object[] {
  if (!("nodeIds" in message)) return [message];
  const { nodeIds } = message;
  const lists: object[] = [];
  for (let at = 0; at < nodeIds.length; at += MAX_IDS) {
    lists.push({ nodeIds: nodeIds.slice(at, at + MAX_IDS) });
  }
  return lists;
}

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Hex } from "viem";
import { MirrorFailure, oneLine } from "../src/failure.ts";
import type { FullBlock } from "./chain.ts";
import type { TronSources } from "./config.ts";
import { applyLog, type ChainLog, logsOf } from "./events.ts";
import { RowChanges, rowsIn } from "./rows.ts";
import { createTables, emptyTables } from "./tables.ts";
import { rowsSchema, sourcesOf } from "./versions.ts";

const id = pg.escapeIdentifier;

/** The last block whose rows are written. */
export interface Cursor {
  number: number;
  /** Null before the first block. */
  id: Hex | null;
}

/** All logs of blocks, by their numbers. */
export type Mended = ReadonlyMap<number, ChainLog[]>;

/** What a commit has done so far; for tests that kill the watcher in between. */
export type Step = "begun" | "cursor" | "logs" | "rows" | "committed";

const LOCK = "hashtextextended('aiforge.tron', 0)";
const LOCK_WAIT_MS = 10_000;

/**
 * What the scan keeps, beside the rows: the cursor, and every log that rows were made from, so that rows can be made
 * anew without asking the chain again. The place of a log is the key: the same log is never used twice (R11). What the
 * event servers list was compared with the logs up to the time in `reconciled`, in milliseconds.
 */
const SOURCE_TABLES = `
  CREATE SCHEMA IF NOT EXISTS tron;
  CREATE TABLE IF NOT EXISTS tron.cursor (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    chain_id text NOT NULL, sources text NOT NULL, rows_schema text NOT NULL,
    number bigint NOT NULL, id text, "timestamp" bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS tron.logs (
    chain_id text, tx_hash text, log_index integer, tx_log_index integer NOT NULL,
    block_number bigint NOT NULL, block_id text NOT NULL, block_timestamp bigint NOT NULL,
    address text NOT NULL, topics jsonb NOT NULL, data text NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, log_index));
  CREATE INDEX IF NOT EXISTS logs_place ON tron.logs (block_number, log_index);
  CREATE TABLE IF NOT EXISTS tron.reconciled (list text PRIMARY KEY, "timestamp" bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS tron.seen_blocks (id text PRIMARY KEY, number bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS tron.seen (
    block_id text NOT NULL REFERENCES tron.seen_blocks ON DELETE CASCADE, "table" text NOT NULL, row jsonb NOT NULL);
  CREATE INDEX IF NOT EXISTS seen_table ON tron.seen ("table");`;

/** Postgres does not let us in: a wrong address at the start, a restart of it later. */
export class NoPostgres extends MirrorFailure {}

/** Someone has the database: another watcher at the start, later perhaps our own session whose network was lost. */
export class Taken extends MirrorFailure {}

/**
 * Connects to Postgres.
 * @throws NoPostgres
 */
export async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "aiforge_tron" });
  // A connection that is lost fails the next query too; without a listener it would end the process.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new NoPostgres(
      `Postgres at ${new URL(databaseUrl).host} cannot be used (${oneLine(error)}); check DATABASE_URL.`,
    );
  }
  return client;
}

/** Runs what belongs together in one transaction. */
export async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    // Where the connection is lost there is nothing to roll back, and the first failure is the one to tell.
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** The rows of one Tron chain and how far they go, in Postgres. One watcher writes at a time. */
export class TronStore {
  readonly chainId: string;
  /** Schema of the rows. */
  readonly schema: string;
  readonly client: pg.Client;
  readonly #sources: TronSources;
  #cursor: Cursor = { number: -1, id: null };
  /** Logs of the contract that are no event of its ABI. */
  unknownLogs = 0;
  onStep: (step: Step, block: number) => void = () => {};

  private constructor(client: pg.Client, chainId: string, sources: TronSources) {
    this.client = client;
    this.chainId = chainId;
    this.#sources = sources;
    this.schema = rowsSchema(chainId, sources);
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /**
   * Takes the database for this watcher and makes the tables ready: what was scanned stays, rows of other code are
   * made anew from the kept logs, and where another contract was scanned all begins anew. Another public chain is taken
   * for a mistake.
   * @throws NoPostgres when Postgres cannot be used, Taken when another watcher has it, MirrorFailure when it mirrors
   * another public chain
   */
  static async open(
    databaseUrl: string,
    chainId: string,
    sources: TronSources & { local: boolean },
  ): Promise<TronStore> {
    const client = await connect(databaseUrl);
    const store = new TronStore(client, chainId, sources);
    try {
      await store.#lock();
      // A crash of Postgres may lose the last commits, but rows and cursor together: they are fetched again.
      await client.query("SET synchronous_commit = off");
      await store.#prepare(sources.local);
    } catch (error) {
      // The lock goes with the connection.
      await client.end();
      throw error;
    }
    return store;
  }

  async #lock(): Promise<void> {
    // Postgres ends a session that the network was lost to, and its lock, after a minute instead of hours.
    await this.client.query(
      `SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
       SET tcp_user_timeout = '60s'`,
    );
    const deadline = performance.now() + LOCK_WAIT_MS;
    for (;;) {
      const { rows } = await this.client.query<{ held: boolean }>(
        `SELECT pg_try_advisory_lock(${LOCK}) AS held`,
      );
      if (rows[0]?.held) return;
      if (performance.now() > deadline) {
        throw new Taken("Another Tron watcher is running on this database; stop it first.");
      }
      await sleep(250);
    }
  }

  async #prepare(local: boolean): Promise<void> {
    await this.client.query(SOURCE_TABLES);
    const found = await this.#stored();
    if (found && found.chain_id !== this.chainId && !local) {
      throw new MirrorFailure(
        `This database mirrors ${found.chain_id} but TRON_URL leads to ${this.chainId}; set another DATABASE_URL.`,
      );
    }
    const sources = sourcesOf(this.chainId, this.#sources);
    if (!found || found.sources !== sources) return this.restart();
    this.#cursor = { number: Number(found.number), id: found.id };
    if (found.rows_schema !== this.schema) await inTransaction(this.client, () => this.#remake());
  }

  async #stored() {
    const { rows } = await this.client.query<{
      chain_id: string;
      sources: string;
      rows_schema: string;
      number: string;
      id: Hex | null;
    }>("SELECT chain_id, sources, rows_schema, number, id FROM tron.cursor");
    return rows[0];
  }

  /** Forgets everything; the scan begins at the start block. */
  async restart(): Promise<void> {
    await inTransaction(this.client, async () => {
      await this.client.query("DELETE FROM tron.seen_blocks");
      await this.client.query("DELETE FROM tron.logs");
      await this.client.query("DELETE FROM tron.reconciled");
      await this.client.query("DELETE FROM tron.cursor");
      const number = this.#sources.startBlock - 1;
      await this.client.query(
        `INSERT INTO tron.cursor (chain_id, sources, rows_schema, number, "timestamp") VALUES ($1, $2, $3, $4, 0)`,
        [this.chainId, sourcesOf(this.chainId, this.#sources), this.schema, number],
      );
      await this.#remake();
      this.#cursor = { number, id: null };
    });
  }

  /**
   * Takes the logs of blocks that were written with others, and makes the rows anew with them. Readers see the rows as
   * they were until it is done, and the cursor stays where it is.
   */
  async mend(blocks: Mended): Promise<void> {
    await inTransaction(this.client, async () => {
      await this.client.query("DELETE FROM tron.logs WHERE block_number = ANY($1)", [[...blocks.keys()]]);
      await this.#keep([...blocks.values()].flat());
      await this.#remake();
    });
  }

  /** Makes all rows from the kept logs, in tables that readers do not see until the transaction ends. */
  async #remake(): Promise<void> {
    const { rows: exists } = await this.client.query<{ found: string | null }>(
      "SELECT to_regnamespace($1) AS found",
      [this.schema],
    );
    if (exists[0]?.found) {
      await this.client.query(emptyTables(this.schema));
    } else {
      await this.client.query(`CREATE SCHEMA ${id(this.schema)}`);
      await this.client.query(createTables(this.schema));
    }
    await this.client.query("UPDATE tron.cursor SET rows_schema = $1", [this.schema]);
    for (let after = -1; ; ) {
      const { rows } = await this.client.query<{ number: string }>(
        "SELECT DISTINCT block_number AS number FROM tron.logs WHERE block_number > $1 ORDER BY 1 LIMIT 100",
        [after],
      );
      if (rows.length === 0) return;
      const last = Number(rows[rows.length - 1]?.number);
      await this.#apply(await this.#keptLogs(after, last));
      after = last;
    }
  }

  async #keptLogs(after: number, upTo: number): Promise<ChainLog[]> {
    const { rows } = await this.client.query<{
      tx_hash: Hex;
      log_index: number;
      tx_log_index: number;
      block_number: string;
      block_id: Hex;
      block_timestamp: string;
      address: Hex;
      topics: Hex[];
      data: Hex;
    }>(
      "SELECT * FROM tron.logs WHERE block_number > $1 AND block_number <= $2 ORDER BY block_number, log_index",
      [after, upTo],
    );
    return rows.map((row) => ({
      blockNumber: Number(row.block_number),
      blockId: row.block_id,
      blockTimestamp: Number(row.block_timestamp),
      txHash: row.tx_hash,
      logIndex: row.log_index,
      txLogIndex: row.tx_log_index,
      address: row.address,
      topics: row.topics,
      data: row.data,
    }));
  }

  async #apply(logs: ChainLog[]): Promise<void> {
    const changes = new RowChanges(rowsIn(this.client, this.schema));
    for (const log of logs) {
      if (!(await applyLog(log, this.chainId, this.#sources, changes))) this.unknownLogs++;
    }
    await changes.write(this.client, this.schema);
  }

  /**
   * Writes the next solidified block: its logs, its rows and the cursor in one transaction.
   * @throws when it is not the block after the cursor's; then nothing is written
   */
  async commit(block: FullBlock): Promise<void> {
    const { number, id: parent } = this.#cursor;
    if (block.number !== number + 1 || (parent !== null && block.parentId !== parent)) {
      throw new Error(`Block ${block.number} does not follow block ${number}`);
    }
    const logs = logsOf(block, this.#sources);
    await inTransaction(this.client, async () => {
      this.onStep("begun", block.number);
      const moved = await this.client.query({
        name: "tron.cursor",
        text: `UPDATE tron.cursor SET number = $1, id = $2, "timestamp" = $3 WHERE number = $1 - 1`,
        values: [block.number, block.id, block.timestamp],
      });
      if (moved.rowCount !== 1) throw new Error(`The cursor was not at block ${number}`);
      this.onStep("cursor", block.number);
      if (logs.length > 0) {
        await this.#keep(logs);
        this.onStep("logs", block.number);
        await this.#apply(logs);
        this.onStep("rows", block.number);
      }
      // By itself: only a statement that begins once the cursor is ours sees what was put there while it waited for it.
      await this.client.query({
        name: "tron.seen",
        text: "DELETE FROM tron.seen_blocks WHERE number <= $1",
        values: [block.number],
      });
    });
    this.#cursor = { number: block.number, id: block.id };
    this.onStep("committed", block.number);
  }

  async #keep(logs: ChainLog[]): Promise<void> {
    const rows = logs.map((log) => ({
      chain_id: this.chainId,
      tx_hash: log.txHash,
      log_index: log.logIndex,
      tx_log_index: log.txLogIndex,
      block_number: log.blockNumber,
      block_id: log.blockId,
      block_timestamp: log.blockTimestamp,
      address: log.address,
      topics: log.topics,
      data: log.data,
    }));
    await this.client.query({
      name: "tron.logs+",
      text: "INSERT INTO tron.logs SELECT * FROM jsonb_populate_recordset(null::tron.logs, $1::jsonb)",
      values: [JSON.stringify(rows)],
    });
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

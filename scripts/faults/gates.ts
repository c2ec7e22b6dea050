import pg from "pg";
import type { House } from "./house.ts";
import { until } from "./until.ts";

/**
 * Doors in the middle of transitions. A trigger of the test's in the database takes a lock that the test may hold: then
 * the transaction that would make the transition waits, with half of it done, until the test lets it go on or kills
 * somebody. That way each kill hits what it is meant to hit.
 *
 * A gate is called by table and states: `jobs quoted>pending`, `attempts offered>accepted`, `outbox pending>sent`; and
 * `files manifest`, which is written when a result is found good.
 */
const TRIGGERS = `
  CREATE OR REPLACE FUNCTION public.faults_gate() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    new_row jsonb := to_jsonb(NEW);
    job text := coalesce(new_row->>'job_id', split_part(new_row->>'key', ':', 2));
    step text;
  BEGIN
    IF TG_ARGV[0] = 'jobs' THEN step := concat(new_row->>'from_state', '>', new_row->>'to_state');
    ELSIF TG_ARGV[0] = 'files' THEN step := 'manifest';
    ELSE step := concat(to_jsonb(OLD)->>'state', '>', new_row->>'state');
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(concat(job, ' ', TG_ARGV[0], ' ', step), 7));
    RETURN NEW;
  END $$;
  CREATE OR REPLACE TRIGGER faults_gate BEFORE INSERT ON app.job_events
    FOR EACH ROW EXECUTE FUNCTION public.faults_gate('jobs');
  CREATE OR REPLACE TRIGGER faults_gate BEFORE UPDATE ON app.job_attempts
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION public.faults_gate('attempts');
  CREATE OR REPLACE TRIGGER faults_gate BEFORE UPDATE ON app.operator_transactions
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION public.faults_gate('outbox');
  CREATE OR REPLACE TRIGGER faults_gate BEFORE INSERT ON app.files
    FOR EACH ROW WHEN (NEW.purpose = 'output' AND NEW.attempt_id IS NULL)
    EXECUTE FUNCTION public.faults_gate('files');`;

export class Gates {
  readonly #house: House;
  #client: pg.Client | undefined;
  /** One after the other: all locks are of one connection. */
  #shutting: Promise<void> = Promise.resolve();

  constructor(house: House) {
    this.#house = house;
  }

  async install(): Promise<void> {
    await this.#house.rows(TRIGGERS);
  }

  /** From now on the transition of this job stops in its middle. */
  shut(jobId: string, gate: string): Promise<void> {
    const shutting = this.#shutting.then(async () => {
      const client = await this.#connected();
      await client.query("SELECT pg_advisory_lock(hashtextextended($1, 7))", [`${jobId} ${gate}`]);
    });
    this.#shutting = shutting.catch(() => {});
    return shutting;
  }

  /** Waits until somebody stands at the gate. */
  async reached(jobId: string, gate: string): Promise<void> {
    await until(`Job ${jobId} at ${gate}`, async () => {
      const rows = await this.#house.rows(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND NOT granted
            AND ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 7)`,
        [`${jobId} ${gate}`],
      );
      return rows.length > 0;
    });
  }

  /** Opens all of them. A Postgres that was killed has done so. */
  async open(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    const client = new pg.Client({ connectionString: this.#house.databaseUrl });
    client.on("error", () => {});
    await client.connect();
    this.#client = client;
    return client;
  }
}

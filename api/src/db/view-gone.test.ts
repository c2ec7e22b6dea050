import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { toAppError } from "../core/http.ts";
import { type Database, openDatabase } from "./client.ts";

let database: Awaited<ReturnType<typeof createDatabase>>;
let db: Database;
beforeAll(async () => {
  database = await createDatabase(process.env.API_TEST_DATABASE_URL!);
  db = openDatabase(database.url, { max: 2 });
  // A sequence keeps its count when a statement fails.
  await db.execute(sql`CREATE SEQUENCE asked`);
  await db.execute(
    sql.raw(`
    CREATE FUNCTION read(fails int, code text, message text) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE at bigint := nextval('asked');
    BEGIN
      IF at <= fails THEN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END IF;
      RETURN at;
    END $$`),
  );
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  await db.execute(sql`ALTER SEQUENCE asked RESTART`);
});

const read = async (fails: number, code: string, message: string) => {
  const { rows } = await db.execute<{ at: string }>(sql`SELECT read(${fails}, ${code}, ${message}) AS at`);
  return Number(rows[0]!.at);
};
const times = async () => {
  const { rows } = await db.execute<{ n: string }>(sql`SELECT last_value AS n FROM asked`);
  return Number(rows[0]!.n);
};

const GONE = [
  ["42P01", 'relation "chain.models" does not exist'],
  ["XX000", "could not open relation with OID 4711"],
  ["XX000", "cache lookup failed for relation 4711"],
  ["0A000", "cached plan must not change result type"],
] as const;

it.each(GONE)("reads again what met views being exchanged (%s, %s), once", async (code, message) => {
  expect(await read(1, code, message)).toBe(2);
  await db.execute(sql`ALTER SEQUENCE asked RESTART`);
  const failed = toAppError(await read(9, code, message).catch((error: unknown) => error));
  expect(failed).toMatchObject({ code: "mirror_unavailable", status: 503, retryable: true });
  expect(await times()).toBe(2);
});

it.each([
  ["XX000", "out of ideas"],
  ["0A000", "cannot do that"],
  ["40001", "could not serialize access"],
] as const)("asks nothing else twice (%s, %s)", async (code, message) => {
  const failed = toAppError(await read(9, code, message).catch((error: unknown) => error));
  expect(failed).toMatchObject({ code: "internal", status: 500 });
  expect(await times()).toBe(1);
});

it("asks nothing twice within a transaction, and says the same", async () => {
  const [code, message] = GONE[1];
  const failed = await db
    .transaction((tx) => tx.execute(sql`SELECT read(9, ${code}, ${message})`))
    .catch(toAppError);
  expect(failed).toMatchObject({ code: "mirror_unavailable", status: 503 });
  expect(await times()).toBe(1);
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { type Database, openDatabase } from "./client.ts";

let db: Database;
beforeAll(() => {
  db = openDatabase(process.env.API_TEST_DATABASE_URL ?? "");
});
afterAll(() => db.$client.end());

it("outlives a connection that breaks while it is in use", async () => {
  const client = await db.$client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const ended = new Promise((resolve) => client.once("end", resolve));
  await db.$client.query("SELECT pg_terminate_backend($1)", [rows[0]!.pid]);
  await ended;
  await expect(client.query("SELECT 1")).rejects.toThrow();
  client.release(true);
  expect((await db.$client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

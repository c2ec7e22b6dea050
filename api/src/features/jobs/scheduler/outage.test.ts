import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../../testing/harness.ts";
import { mayEnd, RETURN_SECONDS } from "./outage.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const back = (column: "looked_at" | "resumed_at", seconds: number) =>
  api.deps.db.execute(
    sql`UPDATE app.job_clock SET ${sql.identifier(column)} = now() - make_interval(secs => ${seconds})`,
  );

it("gives nodes time to come back when nobody was there to hear them", async () => {
  await mayEnd(api.deps.db);
  await back("resumed_at", RETURN_SECONDS + 1);
  expect(await mayEnd(api.deps.db)).toBe(true);
  await back("looked_at", 31);
  expect(await mayEnd(api.deps.db)).toBe(false);
  // Looking again does not begin the time anew, and it ends.
  await back("resumed_at", RETURN_SECONDS - 5);
  expect(await mayEnd(api.deps.db)).toBe(false);
  await back("resumed_at", RETURN_SECONDS + 1);
  expect(await Promise.all([mayEnd(api.deps.db), mayEnd(api.deps.db)])).toEqual([true, true]);
});

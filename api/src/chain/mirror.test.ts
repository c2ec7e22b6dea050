import { Writable } from "node:stream";
import { getViewConfig, isPgView, type PgColumn } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { createApp } from "../app.ts";
import { createLogger } from "../core/log.ts";
import { migrate } from "../db/migrate.ts";
import type { Deps } from "../deps.ts";
import type { Health } from "../features/health/service.ts";
import { startCashier } from "../features/payments/cashier/worker.ts";
import { startPaymentMatching } from "../features/payments/worker.ts";
import { startDistributing } from "../features/revenue/worker.ts";
import { createTestApi, eventually, type TestApi } from "../testing/harness.ts";
import { bodyOf, codeOf } from "../testing/users.ts";
import { mirrorStarted } from "./mirror.ts";
import * as views from "./schema.ts";

let database: Awaited<ReturnType<typeof createDatabase>>;
let api: TestApi;
const lines: { level: number; msg: string }[] = [];

beforeAll(async () => {
  // As at the very first start: the api's own tables, and nothing of the mirror's yet.
  database = await createDatabase(process.env.API_TEST_DATABASE_URL!);
  api = await createTestApi({ DATABASE_URL: database.url });
  await migrate(api.deps.db);
});
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

/** The mirror's views, empty. */
async function makeViews(): Promise<void> {
  await api.deps.db.$client.query("CREATE SCHEMA chain");
  for (const view of Object.values(views).filter((each) => isPgView(each))) {
    const { name, selectedFields } = getViewConfig(view);
    const columns = Object.values(selectedFields).map((field) => {
      const column = field as PgColumn;
      return `NULL::${column.getSQLType()} AS "${column.name}"`;
    });
    await api.deps.db.$client.query(
      `CREATE VIEW chain."${name}" AS SELECT ${columns.join(", ")} WHERE false`,
    );
  }
}

it("is waited for at the very first start, with one line that says so", async () => {
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const deps: Deps = { ...api.deps, log: createLogger("info", stream) };
  const app = createApp(deps);
  const mirror = async () => {
    const { dependencies } = await bodyOf<Health>(await app.request("/api/health"));
    return dependencies.mirror;
  };
  const workers = [
    startPaymentMatching(deps, { everyMs: 50 }),
    startCashier(deps, { everyMs: 50 }),
    startDistributing({ ...deps, config: { ...deps.config, DISTRIBUTION_SECONDS: 1 } }),
  ];
  try {
    await eventually("it is said", async () => lines.length > 0);
    expect(await mirror()).toMatchObject({ state: "degraded", detail: "The mirror is starting." });
    const refused = await app.request("/api/marketplace/marketplace");
    expect([refused.status, await codeOf(refused)]).toEqual([503, "mirror_unavailable"]);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(lines).toMatchObject([
      { level: 30, msg: "The mirror is starting; payments and distributions wait for it." },
    ]);
    expect(await mirrorStarted(deps)).toBe(false);

    await makeViews();
    await eventually("it is found", () => mirrorStarted(deps));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    // They work now, and there is nothing wrong to tell.
    expect(lines).toHaveLength(1);
    expect((await mirror()).detail).toBe("Local chain: not mirrored yet");
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
});

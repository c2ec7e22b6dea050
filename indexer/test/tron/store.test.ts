import pg from "pg";
import { expect, test } from "vitest";
import { createDatabase } from "../../../scripts/testing/postgres.ts";
import { TronStore } from "../../tron/store.ts";
import { query, until } from "../support.ts";
import { configFor } from "./support.ts";

test("what is put among the seen blocks while a commit waits for it does not stay", async ({
  onTestFinished,
}) => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const config = configFor(database.url, ["http://127.0.0.1:9"]);
  const store = await TronStore.open(database.url, "tron:0x74646576", config);
  onTestFinished(() => store.close());
  const seen = new pg.Client({ connectionString: database.url });
  await seen.connect();
  onTestFinished(() => seen.end());

  await seen.query("BEGIN");
  await seen.query("SELECT number FROM tron.cursor FOR SHARE");
  const block = { id: "0xb0", parentId: "0xa0", number: 0, timestamp: 1_700_000_000 } as const;
  const committed = store.commit({ ...block, transactions: [], calls: [], infos: [] });
  await until("the commit to wait", async () => {
    const waiting = await query(
      database.url,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    return waiting.length === 1;
  });
  await seen.query("INSERT INTO tron.seen_blocks VALUES ($1, $2)", [block.id, block.number]);
  await seen.query("COMMIT");
  await committed;
  expect(store.cursor.number).toBe(0);
  expect(await query(database.url, "SELECT id FROM tron.seen_blocks")).toEqual([]);
});

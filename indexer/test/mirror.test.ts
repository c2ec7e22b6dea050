import { aiforgeAbi, deployLocal, deployments } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { type Actors, actors, GROUP, journey, moreEvents, namesOf, USER } from "./journey.ts";
import { caughtUp, mirrorContent, query, startMirror, type TestMirror, until, wipe } from "./support.ts";

const CHAIN = "eip155:31337";

describe("the mirror", () => {
  let chain: TestChain;
  let people: Actors;
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let mirror: TestMirror;
  const rows = <T extends Record<string, unknown>>(sql: string) => query<T>(database.url, sql);

  beforeAll(async () => {
    chain = await startChain();
    await deployLocal(chain);
    people = await actors(chain.rpcUrl);
    database = await createDatabase();
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    await mirror.ready();
    await journey(people);
    await caughtUp(database.url, people.client);
  });

  afterAll(async () => {
    await mirror?.stop();
    await chain?.stop();
    await database?.drop();
  });

  test("shows each model as it stands, with the hash of its weights", async () => {
    const { first, second, splitId, laterId } = namesOf(people);
    const owner = people.who.creator.toLowerCase();
    const models = await rows("SELECT * FROM chain.models ORDER BY price_month DESC");
    expect(models).toMatchObject([
      { chain_id: CHAIN, model_id: first, owner, account: GROUP, split_id: laterId, price_month: "4000000" },
      {
        model_id: second,
        split_id: splitId,
        price_month: "3000000",
        price_sale: "50000000",
        price_input: "7",
      },
    ]);
    expect(models[0]).toMatchObject({ weights: `0x${"ab".repeat(32)}`, price_sale: "0", price_output: "0" });
    const [history] = await rows<{ periods: string }>(
      `SELECT (max(paid_until) - min(paid_until)) / 2592000 AS periods FROM chain.publications WHERE model_id = '${first}'`,
    );
    expect(Number(history?.periods)).toBe(2);
  });

  test("shows purchases with the platform's 10 % and the split's running total", async () => {
    const { first, splitId, laterId } = namesOf(people);
    const payer = people.who.customer.toLowerCase();
    expect(await rows("SELECT * FROM chain.service_purchases ORDER BY block_number")).toMatchObject([
      {
        model_id: first,
        account: USER,
        payer,
        months: "1",
        price: "10000000",
        fee: "1000000",
        split_id: splitId,
        split_earned: "9000000",
      },
      {
        model_id: first,
        account: USER,
        payer,
        months: "2",
        price: "8000000",
        fee: "800000",
        split_id: laterId,
        split_earned: "7200000",
      },
    ]);
    const [purchase] = await rows<Record<string, string | number>>(
      "SELECT id, tx_hash, log_index FROM chain.service_purchases ORDER BY block_number LIMIT 1",
    );
    expect(purchase?.id).toBe(`${CHAIN}-${purchase?.tx_hash}-${purchase?.log_index}`);
  });

  test("shows who earns what, who drew what, and every split a model had", async () => {
    const { first, split, splitId, laterId } = namesOf(people);
    expect(await rows(`SELECT * FROM chain.splits WHERE split_id = '${splitId}'`)).toMatchObject([
      { members: split.members.map((member) => member.toLowerCase()), bps: split.bps, earned: "9000000" },
    ]);
    expect(
      await rows(`SELECT bps, drawn FROM chain.members WHERE split_id = '${splitId}' ORDER BY bps DESC`),
    ).toEqual([
      { bps: 5000, drawn: "4500000" },
      { bps: 3000, drawn: "2700000" },
      { bps: 2000, drawn: "0" },
    ]);
    expect(await rows("SELECT amount, drawn FROM chain.draws ORDER BY amount")).toEqual([
      { amount: "2700000", drawn: "2700000" },
      { amount: "4500000", drawn: "4500000" },
    ]);
    expect(
      await rows(`SELECT split_id FROM chain.model_splits WHERE model_id = '${first}' ORDER BY block_number`),
    ).toEqual([{ split_id: splitId }, { split_id: laterId }]);
    expect(
      await rows(
        `SELECT price_month FROM chain.terms_changes WHERE model_id = '${first}' ORDER BY block_number`,
      ),
    ).toEqual([{ price_month: "10000000" }, { price_month: "4000000" }]);
  });

  test("shows publishing and listing, the first model free", async () => {
    expect(await rows("SELECT kind, fee, months FROM chain.publications ORDER BY block_number")).toEqual([
      { kind: "publish", fee: "0", months: "1" },
      { kind: "publish", fee: "5000000", months: "1" },
      { kind: "extend", fee: "4000000", months: "2" },
    ]);
  });

  test("explains every credit by its entries, and agrees with the contract", async () => {
    const sums = await rows<{ payee: `0x${string}`; amount: string; sum: string }>(
      `SELECT c.payee, c.amount, sum(e.delta) AS sum FROM chain.credits c JOIN chain.credit_entries e
       USING (chain_id, payee) GROUP BY 1, 2 ORDER BY 1`,
    );
    expect(sums.length).toBe(3);
    for (const { amount, sum } of sums) expect(sum).toBe(amount);
    const kinds = await rows(
      "SELECT kind, count(*)::int AS n FROM chain.credit_entries GROUP BY 1 ORDER BY 1",
    );
    expect(kinds).toEqual([
      { kind: "debit", n: 1 },
      { kind: "deposit", n: 1 },
      { kind: "draw", n: 1 },
      { kind: "fee_collected", n: 1 },
      { kind: "withdraw", n: 2 },
    ]);
    for (const { payee, amount } of sums) {
      const credit = await people.client.readContract({
        address: deployments[31337]!.aiforge,
        abi: aiforgeAbi,
        functionName: "creditOf",
        args: [payee],
      });
      expect(BigInt(amount)).toBe(credit);
    }
  });

  test("shows roles and settings", async () => {
    expect(await rows("SELECT * FROM chain.settings")).toMatchObject([
      { chain_id: CHAIN, treasury: people.who.spare.toLowerCase(), paused: true, uncollected_fees: "0" },
    ]);
    expect((await rows("SELECT * FROM chain.roles")).length).toBe(3);
  });

  test("carries on after a restart, and after being killed", async () => {
    const before = await mirrorContent(database.url);
    await mirror.stop();
    expect(await mirror.exited).toBe(0);
    expect((await mirrorContent(database.url)).hash).toBe(before.hash);
    await moreEvents(people, 7);
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    await mirror.ready();
    await caughtUp(database.url, people.client);
    expect(mirror.lines.join("\n")).not.toContain("Dropping");
    const after = await mirrorContent(database.url);
    expect(after.rows.service_purchases?.length).toBe(3);

    mirror.child.kill("SIGKILL");
    await mirror.exited;
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl, port: mirror.port });
    await mirror.ready();
    await caughtUp(database.url, people.client);
    expect(mirror.lines.join("\n")).not.toContain("Dropping");
    expect((await mirrorContent(database.url)).hash).toBe(after.hash);
  });

  test("gives the same rows when they are wiped and indexed again", async () => {
    const before = await mirrorContent(database.url);
    await mirror.stop();
    await wipe(database.url);
    // Most of the history is final this time, so it goes the way of a backfill and not of live blocks.
    await people.client.mine({ blocks: 40 });
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    await mirror.ready();
    await caughtUp(database.url, people.client);
    expect((await mirrorContent(database.url)).hash).toBe(before.hash);
  });

  test("goes on showing the old build until a new one has caught up, then drops it", async () => {
    const builds = async () =>
      (
        await rows<{ name: string }>(
          "SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, 'deploy_')",
        )
      ).map(({ name }) => name);
    const before = await mirrorContent(database.url);
    const [old] = await builds();
    await mirror.stop();
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl, startBlock: 1 });
    await until("the new build", async () => {
      // All that is final is what a build is ready with; until then the old one answers.
      expect((await rows("SELECT 1 FROM chain.models")).length).toBe(2);
      return !(await builds()).includes(old ?? "");
    });
    await caughtUp(database.url, people.client);
    expect((await builds()).length).toBe(1);
    expect((await mirrorContent(database.url)).hash).toBe(before.hash);
  });

  test("refuses to run twice on one database", async () => {
    const second = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    expect(await second.exited).toBe(1);
    expect(second.lines).toEqual(["Another mirror is already running on this database; stop it first."]);
  });

  test("says in one line what it needs", async () => {
    const lines = async (env: { databaseUrl: string; rpcUrl: string; port?: number }) => {
      const failing = startMirror(env);
      expect(await failing.exited).toBe(1);
      return failing.lines;
    };
    const other = await createDatabase();
    const [empty, rpcUrl] = [other.url, chain.rpcUrl];
    expect(await lines({ databaseUrl: "", rpcUrl })).toEqual([expect.stringMatching(/^DATABASE_URL is/)]);
    expect(await lines({ databaseUrl: "postgres://nobody@127.0.0.1:1/none", rpcUrl })).toEqual([
      expect.stringMatching(/^Postgres at 127\.0\.0\.1:1 cannot be used/),
    ]);
    expect(await lines({ databaseUrl: empty, rpcUrl, port: mirror.port })).toEqual([
      `Port ${mirror.port} is in use; stop what uses it or set INDEXER_PORT.`,
    ]);
    await other.drop();
  });
});

import { aiforgeAbi, deployLocal, deployments } from "@aiforge/contracts";
import { parseEventLogs } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { compareWithContract } from "./contract.ts";
import { economy, MONTH } from "./economy.ts";
import { type Actors, actors, GROUP, journey, namesOf, USER } from "./journey.ts";
import { caughtUp, query, startMirror, stateHash, type TestMirror, until, wipe } from "./support.ts";

const { aiforge } = deployments[31337]!;

describe("the mirror of the whole economy", () => {
  let chain: TestChain;
  let people: Actors;
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let mirror: TestMirror;
  let made: Awaited<ReturnType<typeof economy>>;
  const rows = <T extends Record<string, unknown>>(sql: string) => query<T>(database.url, sql);
  const who = (name: keyof Actors["who"]) => people.who[name].toLowerCase();

  beforeAll(async () => {
    chain = await startChain();
    await deployLocal(chain);
    people = await actors(chain.rpcUrl);
    database = await createDatabase();
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    await mirror.ready();
    await journey(people);
    made = await economy(people, { vary: 0n });
    for (const step of made.steps) await step();
    await caughtUp(database.url, people.client);
  });

  afterAll(async () => {
    await mirror?.stop();
    await chain?.stop();
    await database?.drop();
  });

  test("saw every event that the contract has", async () => {
    const logs = await people.client.getLogs({ address: aiforge, fromBlock: 0n });
    const seen = new Set(parseEventLogs({ abi: aiforgeAbi, logs }).map(({ eventName }) => eventName));
    const all = aiforgeAbi.flatMap((item) => (item.type === "event" ? [item.name] : []));
    expect([...seen].sort()).toEqual([...all].sort());
  });

  test("has a row in every table", async () => {
    const views = await rows<{ name: string }>(
      "SELECT viewname AS name FROM pg_views WHERE schemaname = 'chain'",
    );
    expect(views.length).toBe(30);
    for (const { name } of views) {
      expect((await rows(`SELECT 1 FROM chain."${name}"`)).length, name).toBeGreaterThan(0);
    }
  });

  test("agrees with the contract about every key that it knows", async () => {
    const { mirrored, actual, compared } = await compareWithContract(database.url, people.client);
    expect(mirrored).toEqual(actual);
    expect(compared).toBeGreaterThan(50);
  });

  /** The rows of a table in the order of the chain, without what says where they are on it. */
  const table = async (name: string, columns: string, where = "true") =>
    (
      await query<{ row: unknown[] }>(
        database.url,
        `SELECT jsonb_build_array(${columns}) AS row FROM chain.${name} WHERE ${where} ORDER BY block_number, log_index`,
      )
    ).map(({ row }) => row);
  const names = () => ({ ...namesOf(people), ...made });

  test("shows plans, their prices and who bought them", async () => {
    expect(await table("plan_prices", "plan, price")).toEqual([
      [1, 10_000_000],
      [2, 30_000_000],
      [3, 100_000_000],
      [2, 29_000_000],
    ]);
    const payer = who("customer");
    expect(await table("plan_purchases", "plan, account, payer, months, price, fee, funded")).toEqual([
      [1, USER, payer, 3, 30_000_000, 9_000_000, 21_000_000],
      [2, GROUP, payer, 1, 29_000_000, 8_700_000, 20_300_000],
    ]);
  });

  test("shows licences, with what the split earned in all", async () => {
    const { second, splitId } = names();
    const sold = [who("customer"), 50_000_000, 2_500_000, splitId];
    const columns = "account, payer, price, fee, split_id, split_earned";
    expect(await table("license_purchases", columns, `model_id = '${second}'`)).toEqual([
      [GROUP, ...sold, 56_500_000],
      [USER, ...sold, 104_000_000],
    ]);
  });

  test("shows every fee by what it was of, and what the treasury can collect", async () => {
    const { first, second, jobs } = names();
    const customer = who("customer");
    const collected = await table("credit_entries", "payee, delta, credit", "kind = 'fee_collected'");
    expect(collected).toEqual([
      [who("treasury"), 10_800_000, 10_800_000],
      [who("treasury"), 7_000_000, 17_800_000],
    ]);
    const entries = await table("fee_entries", "kind, item, payer, gross, fee, fees");
    expect(entries.length).toBe(20);
    expect(entries.slice(0, 12)).toEqual([
      ["service", first, customer, 10_000_000, 1_000_000, 1_000_000],
      ["publish", second, who("creator"), 5_000_000, 5_000_000, 6_000_000],
      ["listing", first, customer, 4_000_000, 4_000_000, 10_000_000],
      ["service", first, customer, 8_000_000, 800_000, 10_800_000],
      ["license", second, customer, 50_000_000, 2_500_000, 2_500_000],
      ["listing", second, customer, 2_000_000, 2_000_000, 4_500_000],
      ["license", second, customer, 50_000_000, 2_500_000, 7_000_000],
      ["plan", "1", customer, 30_000_000, 9_000_000, 9_000_000],
      ["plan", "2", customer, 29_000_000, 8_700_000, 17_700_000],
      ["usage", second, null, 4_000_000, 400_000, 18_100_000],
      ["usage", first, null, 1_000_005, 100_000, 18_200_000],
      ["usage", second, null, 2_000_000, 200_000, 18_400_000],
    ]);
    expect(entries[13]).toEqual(["job", jobs[0]?.id, customer, 1_000_007, 50_000, 18_550_000]);
    // Too small a sale for a fee is a payment too.
    expect(entries[19]).toMatchObject(["license", expect.any(String), customer, 1, 0, 19_612_500]);
  });

  test("shows what each split earned by what", async () => {
    const { first, second, splitId, laterId, jobs } = names();
    const columns = "kind, model_id, job_id, amount, earned";
    expect(await table("split_earnings", columns, `split_id = '${splitId}'`)).toEqual([
      ["service", first, null, 9_000_000, 9_000_000],
      ["license", second, null, 47_500_000, 56_500_000],
      ["license", second, null, 47_500_000, 104_000_000],
      ["usage", second, null, 3_600_000, 107_600_000],
      ["usage", second, null, 1_800_000, 109_400_000],
      ["job", null, jobs[0]?.id, 950_007, 110_350_007],
      ["job", null, jobs[4]?.id, 1_187_501, 111_537_508],
      ["job", null, jobs[2]?.id, 2_850_007, 114_387_515],
      ["pool", null, null, 3_000_001, 117_387_516],
    ]);
    expect(await rows(`SELECT earned, claimed FROM chain.splits WHERE split_id = '${laterId}'`)).toEqual([
      { earned: "11000012", claimed: "2000001" },
    ]);
    expect(await table("draws", 'member, "to", amount, drawn', `split_id = '${laterId}'`)).toEqual([
      [who("creator"), who("cashier"), 6_600_006, 6_600_006],
    ]);
  });

  test("shows roots, vetoes and claims", async () => {
    const { splitId, laterId } = names();
    const roots = await table(
      "pool_roots",
      "month, total, cid, vetoed, vetoed_by, active_at - block_timestamp",
    );
    expect(roots).toEqual([
      [MONTH, 5_000_002, "bafy-1-0", true, who("admin"), 172_800],
      [MONTH, 5_000_002, "bafy-1-0", false, null, 172_800],
      [MONTH + 1, 10_000_004, "bafy-2-0", false, null, 172_800],
    ]);
    expect(await table("pool_claims", "split_id, amount, claimed, pool_claimed")).toEqual([
      [splitId, 3_000_001, 3_000_001, 3_000_001],
      [laterId, 2_000_001, 2_000_001, 5_000_002],
    ]);
    const waiting = "SELECT r.month, p.root = q.root AS paying FROM chain.pool p";
    expect(
      await rows(`${waiting} JOIN chain.pool_roots r ON r.id = p.pending_id
        JOIN chain.pool_roots q ON q.month = p.previous_month AND NOT q.vetoed`),
    ).toEqual([{ month: MONTH + 1, paying: true }]);
  });

  test("shows deposits for use, what was charged, and who took theirs out", async () => {
    const { first, second } = names();
    const [customer, spare] = [who("customer"), who("spare")];
    expect(await table("usage_entries", "payer, kind, model_id, account, amount, deposit")).toEqual([
      [customer, "deposit", null, USER, 50_000_000, 50_000_000],
      [spare, "deposit", null, GROUP, 5_000_000, 5_000_000],
      [customer, "charge", second, USER, -3_000_000, 47_000_000],
      [spare, "charge", second, GROUP, -1_000_000, 4_000_000],
      [who("faucet"), "charge", second, null, 0, 0],
      [customer, "charge", first, USER, -1_000_005, 45_999_995],
      [spare, "exit", null, GROUP, -4_000_000, 0],
      [customer, "charge", second, USER, -2_000_000, 43_999_995],
      [customer, "charge", first, USER, -1_000_005, 42_999_990],
    ]);
    expect((await table("usage_batches", "batch")).flat()).toEqual([1, 2]);
    const exits = await table("credit_entries", "payee, delta, credit", "kind = 'usage_exit'");
    expect(exits).toEqual([[spare, 4_000_000, 4_000_000]]);
  });

  test("shows where each job stands and how it came there", async () => {
    const { jobs, splitId } = names();
    const [node, nobody] = [who("node"), null];
    const columns = "status, node, payee, price, paid, fee, refunded, node_bps";
    const expected = [
      ["paid", nobody, splitId, 1_000_007, 950_007, 50_000, 0, null],
      ["paid", node, node, 2_000_007, 1_900_007, 100_000, 0, null],
      ["paid", node, splitId, 3_000_007, 2_850_007, 150_000, 0, null],
      ["refunded", nobody, nobody, 4_000_007, 0, 0, 4_000_007, null],
      ["resolved", node, splitId, 5_000_007, 1_187_501, 62_500, 3_750_006, 2500],
      ["resolved", node, node, 6_000_007, 2_850_003, 150_000, 3_000_004, 5000],
      ["open", nobody, nobody, 7_000_007, 0, 0, 0, null],
      ["submitted", node, node, 8_000_007, 0, 0, 0, null],
    ];
    for (const [n, row] of expected.entries()) {
      expect(await table("jobs", columns, `job_id = '${jobs[n]?.id}'`), `job ${n}`).toEqual([row]);
    }
    const [job] = await rows<{ deadline: string; specification: string; account: string; salt: string }>(
      `SELECT * FROM chain.jobs WHERE job_id = '${jobs[1]?.id}'`,
    );
    const { specification, salt, deadline } = jobs[1]?.job ?? {};
    expect(job).toMatchObject({ specification, salt, deadline: String(deadline), account: GROUP });
    const happened = "kind, by, payee, amount, fee, node_bps";
    expect(await table("job_events", happened, `job_id = '${jobs[5]?.id}'`)).toEqual([
      ["opened", who("customer"), null, 6_000_007, null, null],
      ["submitted", node, node, null, null, null],
      ["disputed", who("operator"), null, null, null, null],
      ["paid", null, node, 2_850_003, 150_000, null],
      ["refunded", null, who("customer"), 3_000_004, null, null],
      ["resolved", who("spare"), null, null, null, 5000],
    ]);
    const credited = await table(
      "credit_entries",
      "kind, payee, delta, counterparty",
      "kind IN ('job', 'refund')",
    );
    expect(credited).toContainEqual(["job", node, 1_900_007, jobs[1]?.id]);
    expect(credited).toContainEqual(["refund", who("customer"), 3_750_006, jobs[4]?.id]);
    expect(credited.length).toBe(5);
  });

  test("shows what was done to roles and settings", async () => {
    const [admin, faucet] = [who("admin"), who("faucet")];
    const done = await table("admin_events", 'kind, account, "by", value');
    expect(done.slice(7)).toEqual([
      ["unpaused", admin, null, null],
      ["role_granted", faucet, admin, null],
      ["role_revoked", faucet, admin, null],
      ["admin_transfer_scheduled", who("second"), null, null],
      ["admin_transfer_canceled", null, null, null],
      ["admin_delay_scheduled", null, null, "100000"],
      ["admin_delay_canceled", null, null, null],
      ["admin_delay_scheduled", null, null, "200000"],
      ["treasury_set", who("treasury"), null, null],
      ["paused", admin, null, null],
      ["admin_transfer_scheduled", who("second"), null, null],
      ["unpaused", admin, null, null],
    ]);
    expect(await rows("SELECT pending_admin, pending_delay, paused FROM chain.settings")).toEqual([
      { pending_admin: who("second"), pending_delay: "200000", paused: false },
    ]);
  });

  test("shows USDT that came into the cashier's wallet, from people and from the contract", async () => {
    const cashier = who("cashier");
    expect(await table("transfers", '"from", "to", amount')).toEqual([
      [aiforge.toLowerCase(), cashier, 6_600_006],
      [who("customer"), cashier, 7_000_000],
      [aiforge.toLowerCase(), cashier, 2_000_000],
    ]);
  });

  test("gives the same state when it is wiped and indexed again", async () => {
    const before = await stateHash(database.url);
    await mirror.stop();
    await wipe(database.url);
    // Most of it is final this time, so it goes the way of a backfill and not of live blocks.
    await people.client.mine({ blocks: 40 });
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
    await mirror.ready();
    await caughtUp(database.url, people.client);
    expect(await stateHash(database.url)).toBe(before);
  });

  test("mirrors no transfers where no cashier is named", async () => {
    await mirror.stop();
    mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl, cashier: "" });
    // That is another build; until it has caught up, the old one answers.
    await until("the build without", async () => (await rows("SELECT 1 FROM chain.transfers")).length === 0);
    await caughtUp(database.url, people.client);
    expect((await rows("SELECT * FROM chain.fee_entries")).length).toBe(20);
  });
});

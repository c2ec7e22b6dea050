import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deployLocal } from "@aiforge/contracts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { restartableChain } from "./chains.ts";
import { type Actors, actors, journey } from "./journey.ts";
import { caughtUp, query, startMirror, type TestMirror, until } from "./support.ts";

let folder: string;
let chain: Awaited<ReturnType<typeof restartableChain>>;
let people: Actors;
let database: Awaited<ReturnType<typeof createDatabase>>;
let mirror: TestMirror | null = null;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiforge-chain-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  chain = await restartableChain();
  database = await createDatabase();
});
afterEach(async () => {
  await mirror?.stop();
  mirror = null;
  await chain.kill();
  await database.drop();
});

async function begin(stateFile?: string) {
  await chain.start(stateFile);
  await deployLocal(chain);
  people = await actors(chain.rpcUrl);
}

async function startMirroring() {
  mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
  await mirror.ready();
  await caughtUp(database.url, chain.client);
  return mirror;
}

const deposits = async () =>
  (
    await query<{ delta: string }>(
      database.url,
      "SELECT delta FROM chain.credit_entries WHERE kind = 'deposit'",
    )
  ).map(({ delta }) => Number(delta));

const deposit = async (amount: bigint) => {
  await people.approve(people.who.spare);
  await people.call(people.who.spare, "deposit", [people.who.third, amount]);
};

test("a chain that was reset is indexed again, and readers always find the tables", async () => {
  await begin();
  await journey(people);
  await chain.client.mine({ blocks: 100 });
  const running = await startMirroring();
  let reading = true;
  const reader = (async () => {
    for (let reads = 0; ; reads++) {
      if (!reading) return reads;
      await query(database.url, "SELECT * FROM chain.models, chain.heads");
    }
  })();
  reader.catch(() => (reading = false));
  await chain.kill();
  await begin();
  await deposit(32n);
  await until("the new chain's rows", async () => (await deposits()).join() === "32");
  reading = false;
  expect(await reader).toBeGreaterThan(10);
  expect(running.lines.join("\n")).toContain("Indexing again, because");

  await running.stop();
  await chain.kill();
  await begin();
  await deposit(31n);
  await chain.client.mine({ blocks: 200 });
  const again = await startMirroring();
  expect(again.lines.join("\n")).toContain("Dropping");
  expect(await deposits()).toEqual([31]);
});

test("a chain that restarts is followed on, with what it lost and without", async () => {
  const [state, saved] = [join(folder, "state.json"), join(folder, "saved.json")];
  await begin(state);
  await deposit(1n);
  let running = await startMirroring();
  // A chain this young has no final block but block 0, which is another one after each restart.
  for (const amount of [2n, 3n]) {
    running.lines.length = 0;
    await chain.stop();
    await until("the mirror to notice", async () => running.lines.join().includes("cannot be compared"));
    await chain.start(state);
    await deposit(amount);
    await until(`deposit ${amount}`, async () => (await deposits()).includes(Number(amount)));
    await until("the mirror to calm down", async () => running.lines.join().includes("answers again"));
  }
  await running.stop();
  await chain.stop();
  await chain.start(state);
  running = await startMirroring();
  await deposit(4n);
  await until("deposit 4", async () => (await deposits()).includes(4));
  await chain.client.mine({ blocks: 62 });
  await caughtUp(database.url, chain.client);
  expect((await deposits()).sort()).toEqual([1, 2, 3, 4]);
  expect(running.lines.join("\n")).not.toMatch(/Dropping|Indexing again/);

  // Killed, it comes back as it was when its state was last saved.
  await chain.stop();
  await copyFile(state, saved);
  await chain.start(state);
  await deposit(5n);
  await until("deposit 5", async () => (await deposits()).includes(5));
  await chain.kill();
  await copyFile(saved, state);
  await chain.start(state);
  await deposit(6n);
  await until("the lost deposit to go", async () => (await deposits()).sort().join() === "1,2,3,4,6");
  expect(running.lines.join("\n")).not.toMatch(/Dropping|Indexing again/);

  // The same with more lost than can be undone.
  await chain.client.mine({ blocks: 62 });
  await caughtUp(database.url, chain.client);
  await chain.kill();
  await copyFile(saved, state);
  await chain.start(state);
  await deposit(7n);
  await until("the lost deposit to go", async () => (await deposits()).sort().join() === "1,2,3,4,7");
  expect(running.lines.join("\n")).toContain("Indexing again");
});

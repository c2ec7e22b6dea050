import { deployLocal } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { type Actors, actors, journey, moreEvents } from "./journey.ts";
import {
  caughtUp,
  freshState,
  mirrorContent,
  query,
  startMirror,
  type TestMirror,
  until,
} from "./support.ts";

let chain: TestChain;
let people: Actors;
let mirror: TestMirror;
let database: Awaited<ReturnType<typeof createDatabase>>;

beforeAll(async () => {
  chain = await startChain();
  await deployLocal(chain);
  people = await actors(chain.rpcUrl);
  database = await createDatabase();
  await journey(people);
  await people.client.mine({ blocks: 40 });
  mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
  await mirror.ready();
});

afterAll(async () => {
  await mirror?.stop();
  await chain?.stop();
  await database?.drop();
});

const deposits = async () =>
  (
    await query<{ delta: string }>(
      database.url,
      "SELECT delta FROM chain.credit_entries WHERE kind = 'deposit'",
    )
  )
    .map(({ delta }) => Number(delta))
    .sort((a, b) => a - b);

const deposit = (amount: bigint) => people.call(people.who.spare, "deposit", [people.who.third, amount]);

test("a reorg, and one while the mirror is stopped, end with the rows of a clean index", async () => {
  let snapshot = await people.client.snapshot();
  await moreEvents(people, 11);
  await until("the events that will be undone", async () => (await deposits()).includes(22));
  const undone = await mirrorContent(database.url);
  await people.client.revert({ id: snapshot });
  await moreEvents(people, 12);
  await deposit(5n);
  await until("the events that came instead", async () => (await deposits()).includes(5));
  expect(await deposits()).toEqual([5, 12, 24, 20_000_000]);
  expect((await mirrorContent(database.url)).hash).not.toBe(undone.hash);

  snapshot = await people.client.snapshot();
  await deposit(101n);
  await until("the event that will be undone", async () => (await deposits()).includes(101));
  await mirror.stop();
  await people.client.revert({ id: snapshot });
  await deposit(102n);
  await deposit(103n);
  mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
  await mirror.ready();
  await until("the events that came instead", async () => (await deposits()).includes(103));
  expect(mirror.lines.join("\n")).not.toContain("Dropping");
  expect(await deposits()).toEqual([5, 12, 24, 102, 103, 20_000_000]);

  const content = await mirrorContent(database.url);
  expect(content.rows).toEqual((await freshState(chain.rpcUrl, people.client)).rows);

  // Final now: what was undone does not come back when Ponder forgets how to undo it.
  await people.client.mine({ blocks: 62 });
  await caughtUp(database.url, people.client);
  expect((await mirrorContent(database.url)).hash).toBe(content.hash);
});

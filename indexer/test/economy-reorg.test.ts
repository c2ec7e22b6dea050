import { deployLocal } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { compareWithContract } from "./contract.ts";
import { economy, type Step } from "./economy.ts";
import { type Actors, actors, journey } from "./journey.ts";
import { caughtUp, freshState, mirrorContent, startMirror, stateHash, type TestMirror } from "./support.ts";

/** Ponder calls a block final after 30 more. One step more than was undone follows each: together they take every step. */
const DEPTHS = [1, 2, 3, 9, 21, 29];

const variant = { vary: 0n };
let chain: TestChain;
let people: Actors;
let mirror: TestMirror;
let database: Awaited<ReturnType<typeof createDatabase>>;
let steps: Step[];
let at = 0;

beforeAll(async () => {
  chain = await startChain();
  await deployLocal(chain);
  people = await actors(chain.rpcUrl);
  database = await createDatabase();
  await journey(people);
  ({ steps } = await economy(people, variant));
  // What comes now is all that can still be undone.
  await people.client.mine({ blocks: 40 });
  mirror = startMirror({ databaseUrl: database.url, rpcUrl: chain.rpcUrl });
  await mirror.ready();
});

afterAll(async () => {
  await mirror?.stop();
  await chain?.stop();
  await database?.drop();
});

const take = async (from: number, count: number) => {
  for (const step of steps.slice(from, from + count)) await step();
};
const height = () => people.client.getBlockNumber({ cacheTime: 0 });

test.each(DEPTHS)("a reorg of %i blocks ends with the state of a fresh index", async (depth) => {
  await caughtUp(database.url, people.client);
  const before = await stateHash(database.url);
  const [snapshot, fork] = [await people.client.snapshot(), await height()];
  variant.vary = BigInt(depth) * 100n;
  await take(at, depth);
  expect(await height()).toBe(fork + BigInt(depth));
  await caughtUp(database.url, people.client);
  const undone = await stateHash(database.url);
  expect(undone).not.toBe(before);

  await people.client.revert({ id: snapshot });
  expect(await height()).toBe(fork);
  variant.vary = BigInt(depth);
  // One transaction that was not there before, so every block is another one, and one block more.
  await people.approve(people.who.third);
  await take(at, depth + 1);
  at += depth + 1;
  await caughtUp(database.url, people.client);

  const content = await mirrorContent(database.url);
  const fresh = await freshState(chain.rpcUrl, people.client);
  expect(content.rows).toEqual(fresh.rows);
  expect(content.hash).toBe(fresh.hash);
  expect(content.hash).not.toBe(undone);
  const { mirrored, actual } = await compareWithContract(database.url, people.client);
  expect(mirrored).toEqual(actual);
  expect(mirror.lines.join("\n")).not.toMatch(/Dropping|Indexing again/);
});

test("the reorgs went through the whole scenario", () => {
  expect(at).toBe(steps.length);
});

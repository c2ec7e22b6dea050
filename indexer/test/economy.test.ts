import { aiforgeAbi, deployLocal, deployments } from "@aiforge/contracts";
import { parseEventLogs } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChain, type TestChain } from "../../scripts/testing/chain.ts";
import { createDatabase } from "../../scripts/testing/postgres.ts";
import { compareWithContract } from "./contract.ts";
import { economy, MONTH } from "./economy.ts";
import { type Actors, actors, GROUP, journey, namesOf, USER } from "./journey.ts";
import { caughtUp, query, startMirror, stateHash, type TestMirror, wipe } from "./support.ts";

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
    expect(compared).toBeGreaterThan(60);
  });
});

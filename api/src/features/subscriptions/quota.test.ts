import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { type Quota, type Reservation, reclaim, renew, reserve, settle, usedOf } from "./quota.ts";

let one: TestApi;
let two: TestApi;

beforeAll(async () => {
  one = await createTestApi();
  two = await createTestApi();
});
afterAll(async () => {
  await one?.close();
  await two?.close();
});

const limits: Quota = { requestsPerDay: 20, tokensPerMonth: 1_000 };
const account = () => `0x01${"0".repeat(30)}${randomUUID().replaceAll("-", "")}`;

const take = (of: string, wanted: number, needed = 1, { api = one, quota = limits } = {}) =>
  reserve(api.deps.db, { account: of, id: randomUUID(), wanted, needed }, quota);

const end = (reservation: Reservation, tokens: number, counts = true) =>
  one.deps.db.transaction((tx) => settle(tx, [{ reservation, tokens, counts }]));

const sql = (text: string, ...values: unknown[]) => one.deps.db.$client.query(text, values);

test("many calls at once on two instances never get more requests than a day has", async () => {
  const id = account();
  const taken = await Promise.all(
    Array.from({ length: 80 }, (_, at) => take(id, 1, 1, { api: at % 2 ? one : two })),
  );
  expect(taken.filter(Boolean)).toHaveLength(20);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 20, tokens: 20, reserved: 20 });
});

test("many calls at once on two instances never get more tokens than a month has", async () => {
  const id = account();
  const quota = { requestsPerDay: 1_000, tokensPerMonth: 1_000 };
  const taken = await Promise.all(
    Array.from({ length: 60 }, (_, at) => take(id, 70, 30, { api: at % 2 ? one : two, quota })),
  );
  const granted = taken.flatMap((each) => each?.tokens ?? []);
  // 14 whole ones, and what is left is less than a call needs.
  expect(granted).toEqual(Array(14).fill(70));
  expect((await usedOf(one.deps.db, id)).tokens).toBe(980);
  expect((await take(id, 70, 20, { quota }))?.tokens).toBe(20);
  expect(await take(id, 70, 1, { quota })).toBeNull();
});

test("calls that end while others begin leave exactly what was used", async () => {
  const id = account();
  const quota = { requestsPerDay: 1_000, tokensPerMonth: 100_000 };
  let counted = 0;
  await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      const reservation = await take(id, 500, 1, { api: at % 2 ? one : two, quota });
      if (!reservation) return;
      const delivered = at % 3 > 0;
      if (delivered) counted += 1;
      const settlement = { reservation, tokens: delivered ? 7 : 0, counts: delivered };
      await (at % 2 ? two : one).deps.db.transaction((tx) => settle(tx, [settlement]));
    }),
  );
  expect(counted).toBe(40);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 40, tokens: 280, reserved: 0 });
});

test("batches that settle the same accounts in any order do not lock each other out", async () => {
  const ids = Array.from({ length: 8 }, account);
  const batches = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => {
      const order = at % 2 ? ids : ids.toReversed();
      return Promise.all(order.map(async (id) => (await take(id, 10))!));
    }),
  );
  await Promise.all(
    batches.map((batch, at) =>
      (at % 2 ? one : two).deps.db.transaction((tx) =>
        settle(
          tx,
          batch.map((reservation) => ({ reservation, tokens: 3, counts: true })),
        ),
      ),
    ),
  );
  for (const id of ids)
    expect(await usedOf(one.deps.db, id)).toEqual({ requests: 12, tokens: 36, reserved: 0 });
});

test("a call that ends is settled to what it used, be it more than it held, and gives its request back if told", async () => {
  const id = account();
  await end((await take(id, 400))!, 150);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 1, tokens: 150, reserved: 0 });
  await end((await take(id, 10))!, 25);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 2, tokens: 175, reserved: 0 });
  await end((await take(id, 400))!, 0, false);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 2, tokens: 175, reserved: 0 });
});

test("what a dead process held comes back when it expires; what is renewed stays", async () => {
  const id = account();
  const dead = (await take(id, 600))!;
  const alive = (await take(id, 300))!;
  await sql("UPDATE app.plan_reservations SET expires_at = now() - interval '1 s' WHERE account = $1", id);
  await renew(one.deps.db, [alive.id]);
  expect(await take(id, 200, 200)).toBeNull();
  expect(await Promise.all([reclaim(one.deps.db, id), reclaim(two.deps.db, id)])).toContain(1);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 2, tokens: 300, reserved: 300 });
  expect((await take(id, 200, 200))?.tokens).toBe(200);
  // It was not dead after all: what it used counts once.
  await end(dead, 60);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 3, tokens: 560, reserved: 500 });
  expect(await reclaim(one.deps.db, account())).toBe(0);
});

test("a new day has its requests again, a new month its tokens, and a call counts for the day it began", async () => {
  const id = account();
  const late = (await take(id, 900))!;
  for (let at = 0; at < 19; at++) await end((await take(id, 1))!, 1);
  expect(await take(id, 1)).toBeNull();
  await sql("UPDATE app.plan_usage SET day = day - 1 WHERE account = $1", id);
  expect((await usedOf(one.deps.db, id)).requests).toBe(0);
  const today = (await take(id, 5))!;
  expect(today).toMatchObject({ requestsUsed: 1, tokensUsed: 924 });
  await end({ ...late, day: "2000-01-01" }, 0, false);
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 1, tokens: 24, reserved: 5 });
  await sql("UPDATE app.plan_usage SET month = month - interval '1 month' WHERE account = $1", id);
  expect(await take(id, 2_000)).toMatchObject({ tokens: 1_000, tokensUsed: 1_000, requestsUsed: 2 });
  await end({ ...today, month: "2000-01-01" }, 5);
  expect((await usedOf(one.deps.db, id)).tokens).toBe(1_000);
});

test("an instance that is behind midnight does not begin the old day again", async () => {
  const id = account();
  for (let at = 0; at < 20; at++) await take(id, 1);
  await sql(
    "UPDATE app.plan_usage SET day = day + 1, month = month + interval '1 month' WHERE account = $1",
    id,
  );
  expect(await take(id, 1)).toBeNull();
  await sql("UPDATE app.plan_usage SET requests = 3 WHERE account = $1", id);
  expect(await take(id, 1)).toMatchObject({ requestsUsed: 4, tokensUsed: 21 });
});

test("nothing is taken where more is needed than a month has", async () => {
  const id = account();
  expect(await take(id, 2_000, 1_001)).toBeNull();
  expect(await take(id, 1, 1, { quota: { requestsPerDay: 0, tokensPerMonth: 10 } })).toBeNull();
  expect(await usedOf(one.deps.db, id)).toEqual({ requests: 0, tokens: 0, reserved: 0 });
});

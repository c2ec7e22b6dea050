import { randomUUID } from "node:crypto";
import { accountRef } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { reserve, usedOf } from "../subscriptions/quota.ts";
import { sizeOf, withinGrant } from "./admission.ts";
import { LiveReservations } from "./reservations.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

test("a long call keeps what it holds for as long as it runs", async () => {
  const account = accountRef("user", randomUUID());
  const live = new LiveReservations(api.deps.db, api.deps.log, 50);
  const call = { account, id: randomUUID(), wanted: 10, needed: 1 };
  const held = (await reserve(api.deps.db, call, { requestsPerDay: 1, tokensPerMonth: 100 }))!;
  const left = async () => {
    const { rows } = await api.deps.db.$client.query<{ left: number }>(
      "SELECT extract(epoch FROM expires_at - now())::float8 AS left FROM app.plan_reservations WHERE id = $1",
      [held.id],
    );
    return rows[0]?.left;
  };
  await api.deps.db.$client.query(
    "UPDATE app.plan_reservations SET expires_at = now() + interval '9 s' WHERE id = $1",
    [held.id],
  );
  live.keep(held);
  await eventually("it is renewed", async () => (await left())! > 50);
  live.drop(held);
  await live.release(held);
  expect(await left()).toBeUndefined();
  expect(await usedOf(api.deps.db, account)).toEqual({ requests: 0, tokens: 0, reserved: 0 });
});

test.each([
  // maxTokens, context, granted → asked of the node
  [null, null, 2_322, 2_048],
  [100, null, 374, 100],
  [100, null, 300, 26],
  [100, 300, 300, 100],
  [null, 2_200, 2_200, null],
  [null, 2_200, 1_000, 726],
  [5_000, 4_096, 4_096, 5_000],
  [null, 200, 200, null],
])(
  "an answer of at most %s tokens in a context of %s that is granted %s asks for %s",
  (max, context, granted, asked) => {
    const request = {
      messages: [{ role: "user" as const, content: "hi" }],
      maxTokens: max,
      temperature: 1,
      topP: 1,
      stop: [],
      seed: null,
    };
    const size = sizeOf(request, context, 2_048);
    expect(size.wanted).toBeGreaterThanOrEqual(granted);
    expect(size.needed).toBeLessThanOrEqual(granted);
    expect(withinGrant(request, size, granted).maxTokens).toBe(asked);
  },
);

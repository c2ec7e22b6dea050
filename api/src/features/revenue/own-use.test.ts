import { accountRef } from "@aiforge/contracts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, publishedModel } from "../../testing/market.ts";
import { quote } from "../../testing/plain-transfers.ts";
import { askWith, type Instance, secretOf, startInstance } from "../../testing/plans.ts";
import { bodyOf, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import { planUsage } from "./queries-distribution.ts";

let api: TestApi;
let instance: Instance;
let owner: TestWalletUser;
let member: TestWalletUser;
let groupId: string;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  owner = await fundedUser(api);
  member = await fundedUser(api);
  const group = await owner.call("POST", "/api/groups", { name: "Farm" });
  ({ id: groupId } = await bodyOf<{ id: string }>(group));
  const added = await owner.call("POST", `/api/groups/${groupId}/members`, {
    wallet: member.wallet.address,
    role: "member",
  });
  expect(added.status).toBeLessThan(300);
  model = await publishedModel(api, owner, { groupId, name: "Asked by its own" });
  instance = await startInstance(model.id);
  instance.peer.onInference = (inference) => instance.peer.answer(inference, ["Hello", "!"]);
});
afterAll(async () => {
  await instance?.close();
  await api?.close();
});

/** Buys a plan, for a user or a group of theirs. */
async function withPlan(user: TestWalletUser, more: object = {}): Promise<void> {
  const payment = await quote(user, { purpose: "plan", plan: 1, ...more });
  await pay(api, user.wallet, payment);
  await paymentIn(user, payment.id, "confirmed");
}

async function counted(): Promise<bigint> {
  await instance.api.deps.gateway.usage.idle();
  const now = Date.now();
  const used = await planUsage(api.deps.db, CHAIN, new Date(now - 3_600_000), new Date(now + 3_600_000));
  return used.find(({ modelId }) => modelId === model.id)?.tokens ?? 0n;
}

it("counts what others use of a model under a paid plan, and nothing of what its own group does", async () => {
  await withPlan(owner);
  await withPlan(owner, { groupId });
  await withPlan(member);
  for (const user of [owner, member]) {
    const ask = askWith(await secretOf(user), model.slug);
    for (let calls = 0; calls < 3; calls++) expect((await ask(instance)).status).toBe(200);
  }
  expect(await counted()).toBe(0n);

  const stranger = await fundedUser(api);
  await withPlan(stranger);
  const ask = askWith(await secretOf(stranger), model.slug);
  expect((await ask(instance)).status).toBe(200);
  const tokens = await counted();
  expect(tokens).toBeGreaterThan(0n);

  // Who is in the group no more is a customer like any other, from then on; what was their own stays so.
  expect((await owner.call("DELETE", `/api/groups/${groupId}/members/${member.id}`)).status).toBeLessThan(
    300,
  );
  const asFormer = askWith(await secretOf(member), model.slug);
  await eventually("the right is looked up anew", async () => {
    expect((await asFormer(instance)).status).toBe(200);
    return (await counted()) > tokens;
  });
  const { rows } = await api.deps.db.$client.query(
    "SELECT entitlement, account FROM app.usage WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
    [member.id],
  );
  expect(rows).toEqual([{ entitlement: "plan", account: accountRef("user", member.id) }]);
});

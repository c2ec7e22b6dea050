import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { CHAIN } from "../../testing/market.ts";
import { bodyOf, codeOf, registerUser, send, type TestUser, walletUser } from "../../testing/users.ts";
import type { GroupView } from "./service.ts";

let api: TestApi;
let owner: TestUser;
let other: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  owner = await registerUser(api, "Owner");
  other = await registerUser(api, "Other");
});
afterAll(() => api.close());

const newGroup = async (user = owner) =>
  bodyOf<GroupView>(await user.call("POST", "/api/groups", { name: "Research" }));
const add = (user: TestUser, group: GroupView, body: object) =>
  user.call("POST", `/api/groups/${group.id}/members`, body);
const remove = (user: TestUser, group: GroupView, userId: string) =>
  user.call("DELETE", `/api/groups/${group.id}/members/${userId}`);

it("is created by its owner, who adds members by wallet and by e-mail", async () => {
  const group = await newGroup();
  expect(group).toMatchObject({
    name: "Research",
    role: "owner",
    personal: false,
    members: [{ userId: owner.id, name: "Owner", role: "owner", wallets: [] }],
  });
  const byWallet = await walletUser(api);
  expect((await add(owner, group, { wallet: byWallet.wallet.address, role: "member" })).status).toBe(200);
  const response = await add(owner, group, { email: other.email.toUpperCase(), role: "member" });
  const { members } = await bodyOf<GroupView>(response);
  expect(members.map(({ userId, role }) => ({ userId, role }))).toEqual([
    { userId: owner.id, role: "owner" },
    { userId: byWallet.id, role: "member" },
    { userId: other.id, role: "member" },
  ]);
  expect(members[1]?.wallets).toEqual([{ address: byWallet.wallet.address.toLowerCase(), chain: CHAIN }]);
  expect(JSON.stringify(members)).not.toContain("@");

  const theirs = await bodyOf<GroupView>(await other.call("GET", `/api/groups/${group.id}`));
  expect(theirs).toMatchObject({ id: group.id, role: "member" });
  const { groups } = await bodyOf<{ groups: GroupView[] }>(await other.call("GET", "/api/groups"));
  expect(groups.map(({ personal }) => personal)).toEqual([true, false]);
});

it("is managed by owners only", async () => {
  const group = await newGroup();
  await add(owner, group, { email: other.email, role: "member" });
  const third = await registerUser(api, "Third");
  for (const response of [
    await add(other, group, { email: third.email, role: "member" }),
    await add(other, group, { email: other.email, role: "owner" }),
    await remove(other, group, owner.id),
  ]) {
    expect(response.status).toBe(403);
    expect(await codeOf(response)).toBe("not_an_owner");
  }
  expect((await remove(owner, group, other.id)).status).toBe(200);
  expect((await other.call("GET", `/api/groups/${group.id}`)).status).toBe(404);
});

it("keeps its last owner, also when two leave at once", async () => {
  const group = await newGroup();
  const alone = await remove(owner, group, owner.id);
  expect(alone.status).toBe(409);
  expect(await codeOf(alone)).toBe("last_owner");
  expect(await codeOf(await add(owner, group, { email: owner.email, role: "member" }))).toBe("last_owner");

  await add(owner, group, { email: other.email, role: "owner" });
  const leaving = await Promise.all([remove(owner, group, owner.id), remove(other, group, other.id)]);
  expect(leaving.map(({ status }) => status).sort()).toEqual([204, 409]);
});

it("does not exist for strangers: the same 404 as for none", async () => {
  const group = await newGroup();
  const none = { ...group, id: "00000000-0000-4000-8000-000000000000" };
  const attempts = (on: GroupView) => [
    other.call("GET", `/api/groups/${on.id}`),
    add(other, on, { email: other.email, role: "owner" }),
    remove(other, on, owner.id),
    remove(other, on, other.id),
  ];
  const theirs = await Promise.all(attempts(group));
  const nobodys = await Promise.all(attempts(none));
  for (const [at, response] of theirs.entries()) {
    expect(response.status).toBe(404);
    expect(await response.text()).toBe(await nobodys[at]!.text());
  }
  expect((await send(api, "GET", `/api/groups/${group.id}`)).status).toBe(401);
});

it("has nobody beside oneself when it is the personal one", async () => {
  const { groups } = await bodyOf<{ groups: GroupView[] }>(await owner.call("GET", "/api/groups"));
  const personal = groups.find((group) => group.personal)!;
  expect(await codeOf(await add(owner, personal, { email: other.email, role: "member" }))).toBe(
    "personal_group",
  );
  expect(await codeOf(await remove(owner, personal, owner.id))).toBe("last_owner");
});

it.each([
  ["an unknown role", { email: "a@example.org", role: "god" }, 400, "invalid_request"],
  [
    "both ways to name a person",
    { email: "a@example.org", wallet: `0x${"1".repeat(40)}`, role: "member" },
    400,
    "invalid_request",
  ],
  ["nobody", { role: "member" }, 400, "invalid_request"],
  ["an e-mail address that nobody has", { email: "nobody@example.org", role: "member" }, 404, "unknown_user"],
  ["a wallet that nobody has", { wallet: `0x${"1".repeat(40)}`, role: "member" }, 404, "unknown_user"],
  ["a placeholder address", { email: `x@wallet.invalid`, role: "member" }, 404, "unknown_user"],
])("does not add %s", async (_what, body, status, code) => {
  const response = await add(owner, await newGroup(), body);
  expect(response.status).toBe(status);
  expect(await codeOf(response)).toBe(code);
});

it.each([{ name: "" }, { name: "x".repeat(81) }, { name: 7 }, {}])("refuses the name in %j", async (body) => {
  expect((await owner.call("POST", "/api/groups", body)).status).toBe(400);
});

import { createHash } from "node:crypto";
import { DEMO_ACCOUNTS } from "@aiforge/contracts";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { bodyOf, codeOf, send, type TestWalletUser, walletUser } from "../../testing/users.ts";
import type { NodeInviteView } from "./invites.ts";

let api: TestApi;
let admin: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi({ NODE_INVITES: "required" });
  admin = await walletUser(api, privateKeyToAccount(DEMO_ACCOUNTS[0]!.privateKey));
});
afterAll(() => api.close());

const PATH = "/api/admin/nodes/invites";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

interface Made {
  id: string;
  invite: string;
  expiresAt: string;
}

async function invited(days?: number): Promise<Made> {
  const made = await admin.call("POST", PATH, days === undefined ? {} : { days });
  expect(made.status).toBe(201);
  return bodyOf<Made>(made);
}

/** Registers as the miner does, by default under a new wallet. */
async function register(name: string, invite?: string, wallet = privateKeyToAccount(generatePrivateKey())) {
  const asked = await send(api, "POST", "/api/nodes/auth-message", { address: wallet.address });
  const { message } = await bodyOf<{ message: string }>(asked);
  const signature = await wallet.signMessage({ message });
  return send(api, "POST", "/api/nodes/register", { message, signature, name, capabilities: {}, invite });
}

async function listed(id: string): Promise<NodeInviteView | undefined> {
  const response = await admin.call("GET", PATH);
  const { invites } = await bodyOf<{ invites: NodeInviteView[] }>(response);
  expect(JSON.stringify(invites)).not.toMatch(/aifi_|[0-9a-f]{64}/);
  return invites.find((invite) => invite.id === id);
}

const revoke = (id: string) => admin.call("POST", `${PATH}/${id}/revoke`);
const expire = (invite: string) =>
  api.deps.db.$client.query(
    "UPDATE app.node_invites SET expires_at = now() - interval '1 second' WHERE token_hash = $1",
    [sha256(invite)],
  );

test("where they are required a new node takes one, which is good once; a known node takes none", async () => {
  const { id, invite, expiresAt } = await invited(1);
  const createdBy = { id: admin.id, name: expect.any(String) };
  expect(await listed(id)).toMatchObject({ state: "open", createdBy, expiresAt, node: null, usedAt: null });
  const wallet = privateKeyToAccount(generatePrivateKey());
  expect(await codeOf(await register("a", undefined, wallet))).toBe("invite_needed");
  const both = await Promise.all([register("a", invite, wallet), register("b", invite, wallet)]);
  expect(both.map(({ status }) => status).sort()).toEqual([201, 403]);
  const name = both[0].status === 201 ? "a" : "b";
  expect((await register(name, undefined, wallet)).status).toBe(201);
  const { rows } = await api.deps.db.$client.query("SELECT * FROM app.node_invites");
  expect(JSON.stringify(rows)).not.toContain(invite);
  expect(await listed(id)).toMatchObject({
    state: "used",
    node: { id: expect.any(String), name },
    usedAt: expect.any(String),
  });
  expect(await codeOf(await revoke(id))).toBe("invite_over");
});

test("one that was used, taken back, or is over is refused in the words for an unknown one", async () => {
  const unknown = await (await register("x", "aifi_unknown")).text();
  const [used, revoked, over] = [await invited(), await invited(), await invited()];
  expect((await register("x", used.invite)).status).toBe(201);
  const taken = await bodyOf<NodeInviteView>(await revoke(revoked.id));
  expect(taken).toMatchObject({ state: "revoked", node: null, revokedAt: expect.any(String) });
  await expire(over.invite);
  for (const { invite } of [used, revoked, over]) {
    const refused = await register("y", invite);
    expect([refused.status, await refused.text()]).toEqual([403, unknown]);
  }
  expect([(await listed(revoked.id))?.state, (await listed(over.id))?.state]).toEqual(["revoked", "expired"]);
  // Again changes nothing, and there is nothing to take back of what is over.
  expect(await bodyOf(await revoke(revoked.id))).toEqual(taken);
  expect(await codeOf(await revoke(over.id))).toBe("invite_over");
  expect((await revoke(crypto.randomUUID())).status).toBe(404);
  expect((await revoke("nonsense")).status).toBe(400);
});

test("taking it back and registering at a time: one of them wins", async () => {
  const { id, invite } = await invited();
  const [registered, revoked] = await Promise.all([register("z", invite), revoke(id)]);
  const outcome = [registered.status, revoked.status];
  expect([
    [201, 409],
    [403, 200],
  ]).toContainEqual(outcome);
  expect((await listed(id))?.state).toBe(registered.status === 201 ? "used" : "revoked");
});

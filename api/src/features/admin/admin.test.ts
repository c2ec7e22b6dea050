import { aiforgeAbi, DEMO_ACCOUNTS, demoAccount } from "@aiforge/contracts";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aiforgeCall } from "../../chain/calls.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { CHAIN, sign } from "../../testing/market.ts";
import { registerNode } from "../../testing/node-peer.ts";
import { bodyOf, codeOf, registerUser, send, type TestWalletUser, walletUser } from "../../testing/users.ts";
import { isAdmin } from "./service.ts";
import type { AdminCallView, OverviewView } from "./shapes.ts";

const root = privateKeyToAccount(DEMO_ACCOUNTS[0]!.privateKey);
const operator = demoAccount("operator").address.toLowerCase();

let api: TestApi;
/** Account 0 is the default admin and the first admin. */
let admin: TestWalletUser;
let outsider: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  admin = await walletUser(api, root);
  outsider = await walletUser(api, await fundedWallet(api.rpcUrl));
});
afterAll(() => api.close());

const lower = (wallet: PrivateKeyAccount) => wallet.address.toLowerCase();

async function prepared(path: string, body: object = {}): Promise<AdminCallView> {
  const response = await admin.call("POST", `/api/admin/${path}`, body);
  expect(response.status).toBe(200);
  return bodyOf<AdminCallView>(response);
}

async function overview() {
  const response = await admin.call("GET", "/api/admin/overview");
  expect(response.status).toBe(200);
  return (await bodyOf<OverviewView>(response)).chains[0]!;
}

const sees = async (user: TestWalletUser) => (await user.call("GET", "/api/admin/wallets")).status === 200;

const PATHS: [method: string, path: string, body?: object][] = [
  ["GET", "/api/admin/wallets"],
  ["GET", "/api/admin/overview"],
  ["POST", "/api/admin/wallets/add", { address: "nonsense" }],
  ["POST", "/api/admin/wallets/remove", {}],
  ["POST", "/api/admin/calls/collect-fees", {}],
  ["POST", "/api/admin/calls/set-plan-price", { plan: 9 }],
  ["POST", "/api/admin/calls/veto-root", {}],
  ["POST", "/api/admin/calls/pause", {}],
  ["POST", "/api/admin/calls/unpause", {}],
  ["POST", "/api/admin/nodes/nonsense/verify"],
  ["POST", "/api/admin/nodes/nonsense/unverify"],
  ["POST", "/api/admin/nodes/nonsense/activate"],
  ["POST", "/api/admin/nodes/nonsense/deactivate", { reason: "x" }],
  ["GET", "/api/admin/nodes/nonsense/jobs"],
  ["GET", "/api/admin/nodes/invites"],
  ["POST", "/api/admin/nodes/invites", {}],
  ["POST", "/api/admin/nodes/invites/nonsense/revoke"],
  ["GET", "/api/admin/jobs"],
  ["GET", "/api/admin/jobs/disputed"],
  ["GET", "/api/admin/jobs/nonsense"],
  ["GET", "/api/admin/jobs/nonsense/logs"],
  ["GET", "/api/admin/jobs/nonsense/attempts/1/outputs/a.txt"],
  ["POST", "/api/admin/jobs/nonsense/resolve", { nodeBps: -1 }],
  ["POST", "/api/admin/jobs/nonsense/cancel", {}],
];

test.each(PATHS)("%s %s is for others a path that does not exist", async (method, path, body) => {
  const nowhere = await outsider.call(method, "/api/nowhere", body);
  const refused = await outsider.call(method, path, body);
  expect(refused.status).toBe(404);
  const expected = JSON.stringify(await bodyOf(nowhere)).replaceAll("/api/nowhere", path);
  expect(JSON.stringify(await bodyOf(refused))).toBe(expected);
  expect((await send(api, method, path, body)).status).toBe(401);
});

test("a wallet that another linked, or that holds another role, opens nothing", async () => {
  const other = await walletUser(api, privateKeyToAccount(demoAccount("operator").privateKey));
  expect(await sees(other)).toBe(false);
  const byPassword = await registerUser(api);
  expect((await byPassword.call("GET", "/api/admin/overview")).status).toBe(404);
});

test("the admin of one chain is none of another", async () => {
  expect(await isAdmin(api.deps, admin.id, CHAIN)).toBe(true);
  expect(await isAdmin(api.deps, admin.id, "eip155:1")).toBe(false);
});

describe("admin wallets", () => {
  test("are listed with their roles and users", async () => {
    const response = await admin.call("GET", "/api/admin/wallets");
    const { wallets, canSign } = await bodyOf<{ wallets: object[]; canSign: string[] }>(response);
    expect(canSign).toEqual([lower(root)]);
    expect(wallets).toContainEqual(
      expect.objectContaining({
        chain: CHAIN,
        address: lower(root),
        role: "default_admin",
        user: expect.objectContaining({ id: admin.id }),
      }),
    );
    expect(wallets).toContainEqual(expect.objectContaining({ address: operator, role: "operator" }));
  });

  test("a wallet that is added sees the admin's pages once its call is mined, and none after it was removed", async () => {
    const address = lower(outsider.wallet);
    expect(await sees(outsider)).toBe(false);
    const add = await prepared("wallets/add", { address: outsider.wallet.address });
    expect(add).toMatchObject({
      call: { functionName: "grantRole", abi: "aiforge" },
      signers: [lower(root)],
    });
    // A call that is prepared is nothing yet, and nobody but a default admin can make it true.
    expect(await sees(outsider)).toBe(false);
    await sign(api, outsider.wallet, add.call, { mayRevert: true });
    expect(await sees(outsider)).toBe(false);
    await sign(api, root, add.call);
    await eventually("the mirror says so", () => sees(outsider));
    expect(await codeOf(await admin.call("POST", "/api/admin/wallets/add", { address }))).toBe("has_role");

    // An admin of its own right: it may prepare, and sign what is an admin's to sign.
    const own = await outsider.call("POST", "/api/admin/calls/pause", {});
    expect((await bodyOf<AdminCallView>(own)).signers.toSorted()).toEqual([address, lower(root)].toSorted());

    const remove = await prepared("wallets/remove", { address });
    expect(remove).toMatchObject({ call: { functionName: "revokeRole" }, signers: [lower(root)] });
    await sign(api, root, remove.call);
    await eventually("the mirror says so", async () => !(await sees(outsider)));
    expect(await codeOf(await admin.call("POST", "/api/admin/wallets/remove", { address }))).toBe(
      "lacks_role",
    );
  });

  test("operators are granted and revoked by admins", async () => {
    const { address } = outsider.wallet;
    const add = await prepared("wallets/add", { address, role: "operator" });
    expect(add.signers).toEqual([lower(root)]);
    await sign(api, root, add.call);
    const isOperator = async () => {
      const response = await admin.call("GET", "/api/admin/wallets");
      const { wallets } = await bodyOf<{ wallets: { address: string; role: string }[] }>(response);
      return wallets.some((each) => each.address === lower(outsider.wallet) && each.role === "operator");
    };
    await eventually("the operator is mirrored", isOperator);
    expect(await sees(outsider)).toBe(false);
    await sign(api, root, (await prepared("wallets/remove", { address, role: "operator" })).call);
    await eventually("the operator is gone", async () => !(await isOperator()));
  });

  test.each([
    ["the last admin", "remove", { address: root.address }, 409, "last_admin"],
    ["nobody", "add", { address: `0x${"0".repeat(40)}` }, 400, "invalid_request"],
    ["what is no address", "add", { address: "0x1" }, 400, "invalid_request"],
    [
      "a role that is not managed here",
      "add",
      { address: operator, role: "default_admin" },
      400,
      "invalid_request",
    ],
    ["an unknown chain", "add", { address: operator, chain: "eip155:1" }, 400, "unknown_chain"],
  ])("refuses %s", async (_what, how, body, status, code) => {
    const response = await admin.call("POST", `/api/admin/wallets/${how}`, body);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
  });
});

describe("the admin's calls", () => {
  test("stop new money and let it in again", async () => {
    expect((await overview()).paused).toBe(false);
    expect(await codeOf(await admin.call("POST", "/api/admin/calls/unpause", {}))).toBe("not_paused");
    await sign(api, root, (await prepared("calls/pause")).call);
    try {
      await eventually("it is paused", async () => (await overview()).paused);
      expect(await codeOf(await admin.call("POST", "/api/admin/calls/pause", {}))).toBe("paused");
    } finally {
      const { call } = await eventually("it can be taken back", async () => {
        const response = await admin.call("POST", "/api/admin/calls/unpause", {});
        return response.status === 200 ? bodyOf<AdminCallView>(response) : null;
      });
      await sign(api, root, call);
    }
    await eventually("it goes on", async () => !(await overview()).paused);
  });

  test("collect the fees for the treasury", async () => {
    const { call } = await prepared("calls/collect-fees");
    await sign(api, root, call);
    await eventually("nothing is left to collect", async () => (await overview()).uncollectedFees === "0.00");
    const { fees, treasury, plans, pool } = await overview();
    expect(fees).toMatch(/^\d+\.\d{2,6}$/);
    expect(treasury).toBe(demoAccount("treasury").address.toLowerCase());
    expect(plans.map(({ name, priceMonth }) => [name, priceMonth])).toEqual([
      ["Basic", "10.00"],
      ["Pro", "30.00"],
      ["Enterprise", "100.00"],
    ]);
    expect(pool).toEqual({ funded: expect.any(String), claimed: expect.any(String) });
  });

  test("set a plan's price", async () => {
    const set = (price: string) => prepared("calls/set-plan-price", { plan: 3, price });
    await sign(api, root, (await set("99.5")).call);
    const price = async () => (await overview()).plans[2]!.priceMonth;
    try {
      await eventually("the price is mirrored", async () => (await price()) === "99.50");
    } finally {
      await sign(api, root, (await set("100")).call);
    }
    await eventually("the price is back", async () => (await price()) === "100.00");
    for (const [body, code] of [
      [{ plan: 3, price: "-1" }, "invalid_amount"],
      [{ plan: 3, price: "1e9" }, "invalid_amount"],
      [{ plan: 3, price: "18446744073709.551616" }, "invalid_amount"],
      [{ plan: 0, price: "1" }, "invalid_request"],
      [{ plan: 4, price: "1" }, "invalid_request"],
    ] as const) {
      expect(await codeOf(await admin.call("POST", "/api/admin/calls/set-plan-price", body))).toBe(code);
    }
  });

  test("veto the root that waits, and nothing where none does", async () => {
    const { aiforge } = api.deps.chains.get(CHAIN);
    const pool = await api.deps.chains
      .get(CHAIN)
      .client.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "poolOf" });
    const posted = aiforgeCall({ aiforge }, "postRoot", [
      pool.month + 1,
      `0x${"7".repeat(64)}`,
      pool.claimed,
      "bafkqaaa",
    ]);
    await sign(api, privateKeyToAccount(demoAccount("operator").privateKey), posted);
    await eventually("the root is mirrored", async () => (await overview()).roots[0]?.state === "waiting");
    await sign(api, root, (await prepared("calls/veto-root")).call);
    await eventually("the veto is mirrored", async () => (await overview()).roots[0]?.state === "vetoed");
    const response = await admin.call("POST", "/api/admin/calls/veto-root", {});
    expect([response.status, await codeOf(response)]).toEqual([409, "nothing_to_veto"]);
  });
});

test("a node is verified and unverified, as often as one likes", async () => {
  const { id } = await registerNode(api, "verified here", { verified: false });
  const set = async (path: string) => {
    const response = await admin.call("POST", `/api/admin/nodes/${path}`);
    const { id: node, verifiedAt } = await bodyOf<{ id?: string; verifiedAt?: string | null }>(response);
    return { answer: response.status, node, verifiedAt };
  };
  const listed = async () => {
    const { nodes } = await bodyOf<{ nodes: { id: string; verifiedAt: string | null }[] }>(
      await send(api, "GET", `/api/nodes?q=${id}`),
    );
    return nodes.find((node) => node.id === id)?.verifiedAt;
  };
  expect(await listed()).toBeNull();
  const first = await set(`${id}/verify`);
  expect(first).toEqual({ answer: 200, node: id, verifiedAt: expect.any(String) });
  expect((await set(`${id}/verify`)).verifiedAt).toBe(first.verifiedAt);
  expect(await listed()).toBe(first.verifiedAt);
  for (let time = 0; time < 2; time++) {
    expect(await set(`${id}/unverify`)).toEqual({ answer: 200, node: id, verifiedAt: null });
  }
  expect(await listed()).toBeNull();
  expect((await set(`${crypto.randomUUID()}/verify`)).answer).toBe(404);
  expect((await set("nonsense/verify")).answer).toBe(400);
});

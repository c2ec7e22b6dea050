import { MAX_MEMBERS, showTronAddress, splitId } from "@aiforge/contracts";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, publishedModel, readyModel, sign } from "../../testing/market.ts";
import { bodyOf, codeOf, registerUser, type TestUser, type TestWalletUser } from "../../testing/users.ts";
import type { getSplit, setSplit } from "./service.ts";

type Set = Awaited<ReturnType<typeof setSplit>>;
type Got = Awaited<ReturnType<typeof getSplit>>;

let api: TestApi;
let creator: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
});
afterAll(() => api.close());

const address = () => privateKeyToAddress(generatePrivateKey());
const A = address();
const B = address();
const path = (modelId: string) => `/api/group-revenue/model/${modelId}/split`;
const set = (user: TestUser, modelId: string, members: unknown) =>
  user.call("POST", path(modelId), { members });
const get = async (user: TestUser, modelId: string) => bodyOf<Got>(await user.call("GET", path(modelId)));

describe("a split", () => {
  it("is kept as a draft until the model is published", async () => {
    const model = await readyModel(api, creator);
    expect(await get(creator, model.id)).toEqual({ draft: null, current: null, history: [] });
    const response = await set(creator, model.id, [
      { address: A, bps: 7_500 },
      { address: B, bps: 2_500 },
    ]);
    expect(response.status).toBe(200);
    const members = [
      { address: A.toLowerCase(), bps: 7_500 },
      { address: B.toLowerCase(), bps: 2_500 },
    ];
    const split = { splitId: splitId({ members: [A, B], bps: [7_500, 2_500] }), members };
    expect(await bodyOf<Set>(response)).toEqual({ split, onchain: null });
    expect(await get(creator, model.id)).toEqual({ draft: split, current: null, history: [] });
  });

  it("R21: names its members in any of Tron's forms, but none with a bad checksum", async () => {
    const model = await readyModel(api, creator);
    const [shown, hex] = [showTronAddress(A), `41${B.slice(2)}`];
    const response = await set(creator, model.id, [
      { address: shown, bps: 7_500 },
      { address: hex, bps: 2_500 },
    ]);
    expect((await bodyOf<Set>(response)).split.members).toEqual([
      { address: A.toLowerCase(), bps: 7_500 },
      { address: B.toLowerCase(), bps: 2_500 },
    ]);
    const bad = `${shown.slice(0, -1)}${shown.endsWith("a") ? "b" : "a"}`;
    const refused = await set(creator, model.id, [{ address: bad, bps: 10_000 }]);
    expect([refused.status, await codeOf(refused)]).toEqual([400, "invalid_member"]);
  });

  it("may have a hundred members", async () => {
    const model = await readyModel(api, creator);
    const members = Array.from({ length: MAX_MEMBERS }, () => ({ address: address(), bps: 100 }));
    expect((await set(creator, model.id, members)).status).toBe(200);
    expect((await get(creator, model.id)).draft?.members).toHaveLength(MAX_MEMBERS);
  });

  it.each([
    ["members_out_of_range", []],
    ["members_out_of_range", Array.from({ length: 101 }, () => ({ address: address(), bps: 100 }))],
    ["shares_do_not_sum", [{ address: A, bps: 9_999 }]],
    [
      "shares_do_not_sum",
      [
        { address: A, bps: 6_000 },
        { address: B, bps: 6_000 },
      ],
    ],
    [
      "invalid_share",
      [
        { address: A, bps: 10_000 },
        { address: B, bps: 0 },
      ],
    ],
    [
      "invalid_share",
      [
        { address: A, bps: 11_000 },
        { address: B, bps: -1_000 },
      ],
    ],
    [
      "invalid_share",
      [
        { address: A, bps: 5_000.5 },
        { address: B, bps: 4_999.5 },
      ],
    ],
    [
      "duplicate_member",
      [
        { address: A, bps: 5_000 },
        { address: A.toLowerCase(), bps: 5_000 },
      ],
    ],
    ["invalid_member", [{ address: `0x${"0".repeat(40)}`, bps: 10_000 }]],
    ["invalid_member", [{ address: "0x1234", bps: 10_000 }]],
    ["invalid_member", [{ address: "alice.eth", bps: 10_000 }]],
    ["invalid_request", [{ address: A, bps: "10000" }]],
    ["invalid_request", "everyone"],
  ])("is refused with %s", async (code, members) => {
    const model = await readyModel(api, creator);
    const response = await set(creator, model.id, members);
    expect([response.status, await codeOf(response)]).toEqual([400, code]);
    expect((await get(creator, model.id)).draft).toBeNull();
  });

  it("cannot pay the contract itself", async () => {
    const model = await readyModel(api, creator);
    const response = await set(creator, model.id, [
      { address: api.deps.chains.all[0]!.aiforge, bps: 10_000 },
    ]);
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_member"]);
  });

  it("is the owners' to set and the members' to see, and nobody else's", async () => {
    const member = await fundedUser(api);
    const stranger = await registerUser(api);
    const group = await bodyOf<{ id: string }>(await creator.call("POST", "/api/groups", { name: "Lab" }));
    const invited = await creator.call("POST", `/api/groups/${group.id}/members`, {
      wallet: member.wallet.address,
      role: "member",
    });
    expect(invited.status).toBe(200);
    const model = await readyModel(api, creator, { groupId: group.id });
    const members = [{ address: A, bps: 10_000 }];
    const byMember = await set(member, model.id, members);
    expect([byMember.status, await codeOf(byMember)]).toEqual([403, "not_an_owner"]);
    expect((await set(creator, model.id, members)).status).toBe(200);
    expect((await get(member, model.id)).draft?.members).toHaveLength(1);
    expect((await set(stranger, model.id, members)).status).toBe(404);
    expect((await stranger.call("GET", path(model.id))).status).toBe(404);
    expect((await stranger.call("GET", path(crypto.randomUUID()))).status).toBe(404);
  });

  it("of a published model changes on chain, by a call that the owner signs, and keeps its history", async () => {
    const first = [{ address: creator.wallet.address.toLowerCase(), bps: 10_000 }];
    const model = await publishedModel(api, creator, { split: first });
    const published = await get(creator, model.id);
    expect(published.current).toEqual(published.draft);
    expect(published.history).toMatchObject([{ members: first, since: { txHash: model.onchain!.txHash } }]);
    expect((await bodyOf<Set>(await set(creator, model.id, first))).onchain).toBeNull();

    const second = [
      { address: creator.wallet.address, bps: 4_000 },
      { address: B, bps: 6_000 },
    ];
    const { split, onchain } = await bodyOf<Set>(await set(creator, model.id, second));
    expect(onchain).toMatchObject({ abi: "aiforge", functionName: "setSplit" });
    expect((await get(creator, model.id)).current).toEqual(published.current);
    await sign(api, creator.wallet, onchain!);
    const changed = await eventually("the new split is mirrored", async () => {
      const view = await get(creator, model.id);
      return view.current?.splitId === split.splitId ? view : null;
    });
    expect(changed.history.map((each) => each.splitId)).toEqual([split.splitId, published.current!.splitId]);
  });
});

import { accountRef, modelSalt, modelId as onchainModelId } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiforgeCall, FROM_WALLET } from "../../chain/calls.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import {
  CHAIN,
  fundedUser,
  pay,
  paymentIn,
  publishedModel,
  quotePublish,
  readyModel,
  sign,
} from "../../testing/market.ts";
import {
  bodyOf,
  codeOf,
  linkWallet,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
  walletUser,
} from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "../payments/shapes.ts";
import { onchainOf, type publishingOf } from "./service.ts";

type Publishing = Awaited<ReturnType<typeof publishingOf>>;

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

async function statusOf(user: TestUser, modelId: string): Promise<Publishing> {
  const response = await user.call("GET", `/api/publishing/model/${modelId}/publishing`);
  expect(response.status).toBe(200);
  return bodyOf<Publishing>(response);
}

const publish = (user: TestUser, modelId: string, changes: object) =>
  user.call("POST", `/api/publishing/model/${modelId}/publish`, {
    chain: CHAIN,
    terms: { month: "10" },
    ...changes,
  });

describe("publishing", () => {
  it("says what is missing, then what it costs, then what is on chain", async () => {
    const ada = await registerUser(api);
    const { groups } = await bodyOf<{ groups: { id: string }[] }>(await ada.call("GET", "/api/groups"));
    const created = await ada.call("POST", "/api/models", {
      groupId: groups[0]!.id,
      name: "Empty",
      description: "",
      license: "MIT",
    });
    const { id } = await bodyOf<ModelView>(created);
    expect(await statusOf(ada, id)).toMatchObject({
      state: "draft",
      missing: ["file", "terms", "wallet"],
      wallet: null,
      fee: null,
      split: null,
      onchain: null,
    });

    const creator = await fundedUser(api);
    const model = await readyModel(api, creator);
    expect(await statusOf(creator, model.id)).toMatchObject({ state: "draft", missing: ["terms"] });
    await creator.call("POST", "/api/marketplace/create", { modelId: model.id, month: "10", input: "0.25" });
    const wallet = creator.wallet.address.toLowerCase();
    expect(await statusOf(creator, model.id)).toMatchObject({
      state: "ready",
      missing: [],
      wallet,
      fee: "0.00",
      firstFree: true,
      listing: { fee: "2.00", days: 30, graceDays: 7, paidUntil: null, listed: false },
      terms: { month: "10.00", sale: "0.00", input: "0.25", output: "0.00" },
      split: { members: [{ address: wallet, bps: 10_000 }], isDefault: true },
    });

    const response = await publish(creator, model.id, { wallet, terms: undefined });
    const { payment } = await bodyOf<{ payment: PaymentView }>(response);
    expect(payment).toMatchObject({
      purpose: "publish",
      status: "quoted",
      amount: "0.00",
      fee: "0.00",
      months: 1,
      allowance: null,
      account: accountRef("group", model.groupId),
      call: { functionName: "publish" },
    });
    const hash = await pay(api, creator.wallet, payment);
    const confirmed = await paymentIn(creator, payment.id, "confirmed");
    expect(confirmed.txHash).toBe(hash);
    const { state, onchain, listing } = await statusOf(creator, model.id);
    expect(state).toBe("published");
    expect(listing.listed).toBe(true);
    expect(onchain).toMatchObject({
      chain: CHAIN,
      modelId: onchainModelId(creator.wallet.address, modelSalt(model.id)),
      owner: wallet,
      txHash: hash,
      confirmed: true,
      terms: { month: "10.00", input: "0.25" },
    });
    expect(await codeOf(await publish(creator, model.id, { wallet }))).toBe("already_published");
  });

  it("costs 5 USDT from the second model on, and 2 USDT for each further month of listing", async () => {
    const creator = await fundedUser(api);
    const first = await publishedModel(api, creator);
    const second = await readyModel(api, creator);
    const quote = await quotePublish(creator, second.id);
    expect(quote).toMatchObject({ amount: "5.00", fee: "5.00", creators: "0.00", dust: "0.00" });
    expect(quote.shares).toMatchObject([{ label: "Platform", bps: 10_000, amount: "5.00" }]);
    await pay(api, creator.wallet, quote);
    await paymentIn(creator, quote.id, "confirmed");

    const asked = await creator.call("POST", "/api/payments/create", {
      purpose: "listing",
      modelId: first.id,
      months: 3,
      wallet: creator.wallet.address,
      chain: CHAIN,
    });
    const listing = await bodyOf<PaymentView>(asked);
    expect(listing).toMatchObject({ amount: "6.00", fee: "6.00", call: { functionName: "extendListing" } });
    await pay(api, creator.wallet, listing);
    await paymentIn(creator, listing.id, "confirmed");
    const { paidUntil } = (await onchainOf(api.deps, [first.id])).get(first.id)!;
    const added = Date.parse(paidUntil) - Date.parse(first.onchain!.paidUntil);
    expect(added).toBe(3 * 30 * 86_400_000);
  });

  it("quotes the same again, and anew when the split has changed", async () => {
    const creator = await fundedUser(api);
    const model = await readyModel(api, creator);
    const first = await quotePublish(creator, model.id);
    expect((await quotePublish(creator, model.id)).id).toBe(first.id);
    await creator.call("POST", `/api/group-revenue/model/${model.id}/split`, {
      members: [{ address: `0x${"5".repeat(40)}`, bps: 10_000 }],
    });
    expect((await quotePublish(creator, model.id)).id).not.toBe(first.id);
  });

  it("is not what somebody else publishes under the same salt", async () => {
    const creator = await fundedUser(api);
    const thief = await fundedUser(api);
    const model = await readyModel(api, creator);
    await quotePublish(creator, model.id);
    const chain = api.deps.chains.all[0]!;
    const call = aiforgeCall(chain, "publish", [
      modelSalt(model.id),
      `0x${"ab".repeat(32)}`,
      { members: [thief.wallet.address], bps: [10_000] },
      { month: 1n, sale: 0n, input: 0n, output: 0n },
      accountRef("group", model.groupId),
      0n,
      FROM_WALLET,
    ]);
    await sign(api, thief.wallet, call);
    const decoy = await publishedModel(api, thief);
    expect(decoy.onchain).not.toBeNull();
    expect((await onchainOf(api.deps, [model.id])).size).toBe(0);
    expect(await statusOf(creator, model.id)).toMatchObject({ state: "ready", onchain: null });
  });

  it("counts the first of two publications", async () => {
    const creator = await fundedUser(api);
    const second = await fundedWallet(api.rpcUrl);
    await linkWallet(creator, second);
    const model = await readyModel(api, creator);
    const one = await quotePublish(creator, model.id);
    const other = await bodyOf<{ payment: PaymentView }>(
      await publish(creator, model.id, { wallet: second.address, terms: { month: "99" } }),
    );
    await pay(api, creator.wallet, one);
    await pay(api, second, other.payment);
    await paymentIn(creator, other.payment.id, "confirmed");
    const onchain = (await onchainOf(api.deps, [model.id])).get(model.id);
    expect(onchain).toMatchObject({ owner: creator.wallet.address.toLowerCase(), terms: { month: "10.00" } });
  });
});

describe("who is no owner any more", () => {
  it.each(["removed", "made a member"])("cannot publish with a quote from before: %s", async (how) => {
    const owner = await fundedUser(api);
    const former = await fundedUser(api);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    const members = `/api/groups/${group.id}/members`;
    const wallet = former.wallet.address;
    expect((await owner.call("POST", members, { wallet, role: "owner" })).status).toBe(200);
    const published = await publishedModel(api, former, { groupId: group.id });
    const model = await readyModel(api, former, { groupId: group.id });
    const quote = await quotePublish(former, model.id, { month: "0.000001" });
    const left =
      how === "removed"
        ? await owner.call("DELETE", `${members}/${former.id}`)
        : await owner.call("POST", members, { wallet, role: "member" });
    expect(left.status).toBe(200);

    const hash = await pay(api, former.wallet, quote);
    await eventually("the publication is mirrored", async () => {
      const { rows } = await api.deps.db.$client.query("SELECT FROM chain.publications WHERE tx_hash = $1", [
        hash,
      ]);
      return rows.length > 0;
    });
    expect((await statusOf(owner, model.id)).state).toBe("ready");
    expect((await statusOf(owner, published.id)).state).toBe("published");
    await pay(api, owner.wallet, await quotePublish(owner, model.id, { month: "10" }));
    const view = await eventually("the owner's publication counts", async () =>
      (await onchainOf(api.deps, [model.id])).get(model.id),
    );
    expect(view.owner).toBe(owner.wallet.address.toLowerCase());
  });
});

it("is taken back with the ownership or not at all, while the chain cannot be asked", async () => {
  const offline = await createTestApi({ RPC_URL_31337: "http://127.0.0.1:9" });
  const owner = await fundedUser(api);
  const former = await fundedUser(api);
  const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
  const members = `/api/groups/${group.id}/members`;
  await owner.call("POST", members, { wallet: former.wallet.address, role: "owner" });
  const model = await readyModel(api, former, { groupId: group.id });
  await quotePublish(former, model.id);
  const authorization = `Bearer ${owner.token}`;
  const path = `${members}/${former.id}`;
  const refused = await send(offline, "DELETE", path, undefined, { authorization });
  expect([refused.status, await codeOf(refused)]).toEqual([503, "chain_unavailable"]);
  expect((await owner.call("DELETE", path)).status).toBe(200);
  await offline.close();
});

describe("publishing is refused", () => {
  let creator: TestWalletUser;
  let model: ModelView;
  beforeAll(async () => {
    creator = await fundedUser(api);
    model = await readyModel(api, creator);
  });

  it("for somebody else's model, and with somebody else's wallet", async () => {
    const stranger = await walletUser(api);
    const wallet = stranger.wallet.address;
    expect((await publish(stranger, model.id, { wallet })).status).toBe(404);
    expect((await publish(stranger, crypto.randomUUID(), { wallet })).status).toBe(404);
    const status = await stranger.call("GET", `/api/publishing/model/${model.id}/publishing`);
    expect(status.status).toBe(404);
    expect(await codeOf(await publish(creator, model.id, { wallet }))).toBe("wallet_not_linked");
    const asked = await creator.call("GET", `/api/publishing/model/${model.id}/publishing?wallet=${wallet}`);
    expect(await codeOf(asked)).toBe("wallet_not_linked");
  });

  it.each([
    ["negative", "-1"],
    ["not_an_amount", "NaN"],
    ["not_an_amount", "1e3"],
    ["not_an_amount", "Infinity"],
    ["too_many_decimals", "1.0000001"],
    ["too_large", (2n ** 256n).toString()],
    ["too_large", "18446744073709.551616"],
    ["zero", "0.000000"],
  ])("with a price that is %s: %s", async (reason, month) => {
    const response = await publish(creator, model.id, { wallet: creator.wallet.address, terms: { month } });
    expect(response.status).toBe(400);
    const { error } = await bodyOf<{ error: { code: string; details: object } }>(response);
    expect(error).toMatchObject({ code: "invalid_amount", details: { field: "month", reason } });
  });

  it("with a price that is no string, on an unknown chain, or by malformed JSON", async () => {
    const { address: wallet } = creator.wallet;
    expect(await codeOf(await publish(creator, model.id, { wallet, terms: { month: 10 } }))).toBe(
      "invalid_request",
    );
    expect(await codeOf(await publish(creator, model.id, { wallet, chain: "eip155:1" }))).toBe(
      "unknown_chain",
    );
    expect(await codeOf(await publish(creator, model.id, { wallet: "0x12" }))).toBe("invalid_request");
    const malformed = await api.app.request(`/api/publishing/model/${model.id}/publish`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${creator.token}` },
      body: "{",
    });
    expect(await codeOf(malformed)).toBe("invalid_json");
  });

  it("while another file takes the place of the one to publish", async () => {
    const replaced = await readyModel(api, creator);
    const upload = await api.deps.db.$client.connect();
    await upload.query("BEGIN");
    await upload.query("SELECT FROM app.models WHERE id = $1 FOR UPDATE", [replaced.id]);
    const quoting = publish(creator, replaced.id, { wallet: creator.wallet.address });
    await eventually("the quote waits for the upload", async () => {
      const { rows } = await api.deps.db.$client.query("SELECT FROM pg_locks WHERE NOT granted");
      return rows.length > 0;
    });
    await upload.query("DELETE FROM app.model_versions WHERE model_id = $1", [replaced.id]);
    await upload.query("COMMIT");
    upload.release();
    expect([(await quoting).status, await codeOf(await quoting)]).toEqual([409, "not_ready"]);
  });

  it("without prices", async () => {
    const response = await publish(creator, model.id, { wallet: creator.wallet.address, terms: undefined });
    expect([response.status, await codeOf(response)]).toEqual([409, "not_ready"]);
  });
});

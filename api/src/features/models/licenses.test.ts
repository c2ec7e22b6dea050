import { createHash, randomBytes } from "node:crypto";
import { Decrypter } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aiforgeCall } from "../../chain/calls.ts";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser, pay, paymentIn, quotePublish, readyModel, sign } from "../../testing/market.ts";
import { registerNode } from "../../testing/node-peer.ts";
import { createModel, uploadFile } from "../../testing/uploads.ts";
import {
  bodyOf,
  codeOf,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
} from "../../testing/users.ts";
import type { PaymentView } from "../payments/shapes.ts";
import type { LicenseView, ModelView, MyLicenseView, WeightsKeyView } from "./shapes.ts";

const bytes = buildGguf({ data: new Uint8Array(randomBytes(1_500_000)) });
const sha256 = createHash("sha256").update(bytes).digest("hex");

let api: TestApi;
let creator: TestWalletUser;
let model: ModelView;
let cid: string;
beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  model = await published({ month: "10", sale: "50" });
  cid = (await viewOf(creator)).file!.cid!;
});
afterAll(() => api.close());

async function published(terms: Record<string, string>): Promise<ModelView> {
  const { id } = await createModel(creator);
  await uploadFile(api, creator, id, bytes);
  await pay(api, creator.wallet, await quotePublish(creator, id, terms));
  return eventually("the publication", async () => {
    const view = await bodyOf<ModelView>(await creator.call("GET", `/api/models/${id}`));
    return view.onchain && view;
  });
}

const viewOf = async (user: TestUser, id = model.id) =>
  bodyOf<ModelView>(await user.call("GET", `/api/models/${id}`));
const weights = (user: TestUser, id = model.id) => user.call("GET", `/api/models/${id}/weights`);
const licenseOf = async (user: TestUser, id = model.id) =>
  bodyOf<LicenseView>(await user.call("GET", `/api/models/${id}/license`));
const licensesOf = async (user: TestUser) =>
  (await bodyOf<{ licenses: MyLicenseView[] }>(await user.call("GET", "/api/models/my-licenses"))).licenses;

const quote = (user: TestWalletUser, body: object = {}, id = model.id) =>
  user.call("POST", `/api/models/${id}/buy`, { wallet: user.wallet.address, chain: CHAIN, ...body });

async function quoted(user: TestWalletUser, body: object = {}): Promise<PaymentView> {
  const response = await quote(user, body);
  expect(response.status).toBe(200);
  return (await bodyOf<{ payment: PaymentView }>(response)).payment;
}

test("a licence costs what its creators set, and unlocks the weights once it is confirmed", async () => {
  const buyer = await fundedUser(api);
  expect(await licenseOf(buyer)).toEqual({
    licensed: false,
    via: null,
    groupId: null,
    pending: false,
    price: "50.00",
    purchases: [],
  });
  const refused = await weights(buyer);
  expect([refused.status, await codeOf(refused)]).toEqual([402, "license_required"]);

  const payment = await quoted(buyer);
  expect(payment).toMatchObject({ purpose: "license", amount: "50.00", fee: "2.50", creators: "47.50" });
  await pay(api, buyer.wallet, payment);
  expect((await weights(buyer)).status).toBe(402);
  await eventually("it is seen", async () => (await licenseOf(buyer)).purchases.length === 1);
  await paymentIn(buyer, payment.id, "confirmed");

  const whole = await weights(buyer);
  expect([whole.status, whole.headers.get("x-cid")]).toEqual([200, cid]);
  expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
  const part = await send(api, "GET", `/api/models/${model.id}/weights`, undefined, {
    authorization: `Bearer ${buyer.token}`,
    range: "bytes=4-9",
  });
  expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 4-9/${bytes.length}`]);
  expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(4, 10))).toBe(true);

  const answer = await buyer.call("GET", `/api/models/${model.id}/weights/key`);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const key = await bodyOf<WeightsKeyView>(answer);
  expect(key).toMatchObject({ cid, sha256, size: bytes.length, format: "age-encryption.org/v1" });
  const stored = await buyer.call("GET", `/api/models/${model.id}/weights/stored`);
  const decrypter = new Decrypter();
  decrypter.addIdentity(key.key);
  const decrypted = await decrypter.decrypt(new Uint8Array(await stored.arrayBuffer()));
  expect(createHash("sha256").update(decrypted).digest("hex")).toBe(sha256);

  expect(await licenseOf(buyer)).toMatchObject({
    licensed: true,
    via: "user",
    purchases: [{ price: "50.00", fee: "2.50", confirmed: true, via: "user" }],
  });
  expect(await licensesOf(buyer)).toMatchObject([
    { modelId: model.id, modelName: model.name, licensed: true, cid, size: bytes.length },
  ]);
});

test("a group's licence is its members', and ends for who leaves it", async () => {
  const owner = await fundedUser(api);
  const member = await fundedUser(api);
  const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
  const path = `/api/groups/${group.id}/members`;
  await owner.call("POST", path, { wallet: member.wallet.address, role: "member" });
  const payment = await quoted(owner, { groupId: group.id });
  await pay(api, owner.wallet, payment);
  await paymentIn(owner, payment.id, "confirmed");
  expect((await weights(member)).status).toBe(200);
  expect(await licenseOf(member)).toMatchObject({ licensed: true, via: "group", groupId: group.id });
  await owner.call("DELETE", `${path}/${member.id}`);
  expect((await weights(member)).status).toBe(402);
  expect(await licensesOf(member)).toEqual([]);
  expect((await quote(member, { groupId: group.id })).status).toBe(404);
});

describe("what is for sale", () => {
  test("is not read by who did not pay, whose bytes from IPFS are encrypted", async () => {
    const stranger = await registerUser(api);
    for (const path of ["/stored", "/key"]) {
      const refused = await stranger.call("GET", `/api/models/${model.id}/weights${path}`);
      expect([refused.status, await codeOf(refused)]).toEqual([402, "license_required"]);
    }
    expect((await weights(stranger)).status).toBe(402);
    expect((await send(api, "GET", `/api/models/${model.id}/weights`)).status).toBe(401);
    expect((await viewOf(stranger)).file).toMatchObject({
      state: "ready",
      cid,
      sha256: null,
      size: bytes.length,
    });
    expect((await viewOf(creator)).file?.cid).toBe(cid);
    const anonymous = await Promise.all(
      [`/api/models/${model.id}`, "/api/marketplace/marketplace?pageSize=100"].map((path) =>
        send(api, "GET", path).then((response) => response.text()),
      ),
    );
    expect(anonymous[1]).toContain(model.id);
    const searched = await stranger.call("GET", "/api/marketplace/marketplace?pageSize=100");
    for (const text of [...anonymous, await searched.text()]) {
      expect(text).not.toContain(sha256);
      expect(text).not.toContain("AGE-SECRET-KEY");
    }
    // Verified nodes serve it, so they may have it.
    const { token } = await registerNode(api, "licence reader");
    const served = await send(api, "GET", `/api/models/${model.id}/weights`, undefined, {
      authorization: `Bearer ${token}`,
    });
    expect([served.status, served.headers.get("x-cid")]).toEqual([200, cid]);
    await served.body?.cancel();
  });

  test("stays withheld when it is taken from sale, but not from who paid", async () => {
    const sold = await published({ month: "10", sale: "1" });
    const buyer = await fundedUser(api);
    const response = await quote(buyer, {}, sold.id);
    const { payment } = await bodyOf<{ payment: PaymentView }>(response);
    await pay(api, buyer.wallet, payment);
    await paymentIn(buyer, payment.id, "confirmed");
    const chain = api.deps.chains.get(CHAIN);
    const terms = { month: 10_000_000n, sale: 0n, input: 0n, output: 0n };
    const id = sold.onchain!.modelId as `0x${string}`;
    await sign(api, creator.wallet, aiforgeCall(chain, "setTerms", [id, terms]));
    const stranger = await fundedUser(api);
    await eventually("it is not for sale", async () => (await licenseOf(stranger, sold.id)).price === null);
    await creator.call("POST", "/api/marketplace/create", { modelId: sold.id, month: "10" });
    expect((await viewOf(stranger, sold.id)).file?.sha256).toBeNull();
    expect((await stranger.call("GET", `/api/models/${sold.id}/weights/key`)).status).toBe(404);
    expect((await weights(stranger, sold.id)).status).toBe(404);
    expect(await codeOf(await quote(stranger, {}, sold.id))).toBe("not_for_sale");
    expect((await viewOf(buyer, sold.id)).file?.cid).toBe(sold.file!.cid);
    expect((await weights(buyer, sold.id)).status).toBe(200);
  });
});

test("what was never for sale shows its CID, and its weights to its group alone", async () => {
  const open = await published({ month: "10" });
  const stranger = await fundedUser(api);
  expect((await viewOf(stranger, open.id)).file?.cid).toBe(open.file!.cid);
  expect((await weights(stranger, open.id)).status).toBe(404);
  expect(await codeOf(await quote(stranger, {}, open.id))).toBe("not_for_sale");
  expect((await licenseOf(stranger, open.id)).price).toBeNull();
});

test("refuses what cannot be bought", async () => {
  const buyer = await fundedUser(api);
  const other = await fundedUser(api);
  expect((await quote(buyer, {}, crypto.randomUUID())).status).toBe(404);
  const draft = await createModel(creator);
  expect((await quote(buyer, {}, draft.id)).status).toBe(404);
  expect((await buyer.call("GET", `/api/models/${draft.id}/license`)).status).toBe(404);
  expect(await codeOf(await quote(buyer, { wallet: other.wallet.address }))).toBe("wallet_not_linked");
  expect(await codeOf(await quote(buyer, { chain: "eip155:1" }))).toBe("unknown_chain");
  expect(await codeOf(await quote(buyer, { wallet: "me" }))).toBe("invalid_request");
  expect((await send(api, "GET", "/api/models/my-licenses")).status).toBe(401);
});

test("whether the plans cover a model is for owners of its group to say", async () => {
  const member = await fundedUser(api);
  const group = await bodyOf<{ id: string }>(await creator.call("POST", "/api/groups", { name: "Lab" }));
  const path = `/api/groups/${group.id}/members`;
  await creator.call("POST", path, { wallet: member.wallet.address, role: "member" });
  const { id } = await readyModel(api, creator, { groupId: group.id });
  const change = (user: TestUser, body: object) => user.call("PATCH", `/api/models/${id}`, body);
  expect((await change(member, { name: "Renamed" })).status).toBe(200);
  const refused = await change(member, { name: "Mine", inPlans: false });
  expect([refused.status, await codeOf(refused)]).toEqual([403, "not_an_owner"]);
  expect(await viewOf(creator, id)).toMatchObject({ name: "Renamed", inPlans: true });
  expect(await bodyOf(await change(creator, { inPlans: false }))).toMatchObject({ inPlans: false });
  expect((await change(creator, { inPlans: "no" })).status).toBe(400);
});

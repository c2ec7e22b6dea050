import { randomBytes, randomUUID } from "node:crypto";
import type { PrivateKeyAccount } from "viem/accounts";
import { expect } from "vitest";
import { testClient } from "../../../scripts/testing/chain.ts";
import type { Call } from "../chain/calls.ts";
import { newFileKey, sealKey } from "../features/models/encryption.ts";
import type { ModelView } from "../features/models/shapes.ts";
import { beginProcessing, insertVersion, settleVersion } from "../features/models/version-queries.ts";
import type { PaymentView } from "../features/payments/shapes.ts";
import { eventually, fundedWallet, type TestApi } from "./harness.ts";
import { bodyOf, type TestUser, type TestWalletUser, walletUser } from "./users.ts";

export const CHAIN = "eip155:31337";

/** A signed-in user whose wallet has ETH and 100 USDT. */
export async function fundedUser(api: TestApi): Promise<TestWalletUser> {
  return walletUser(api, await fundedWallet(api.rpcUrl));
}

/** Signs and sends a call, and waits until it is mined. @throws when it reverts */
export async function sign(
  api: TestApi,
  wallet: PrivateKeyAccount,
  call: Call,
  { mayRevert = false } = {},
): Promise<`0x${string}`> {
  const client = testClient(api.rpcUrl);
  const hash = await client.sendTransaction({
    account: wallet,
    to: call.to as `0x${string}`,
    data: call.data as `0x${string}`,
    // A transaction that will revert has no gas estimate.
    gas: 2_000_000n,
  });
  const { status } = await client.waitForTransactionReceipt({ hash });
  if (status !== "success" && !mayRevert) throw new Error(`${call.functionName} reverted in ${hash}`);
  return hash;
}

/** Does what the page does with a payment: the allowance, then the call. @returns the payment's transaction */
export async function pay(
  api: TestApi,
  wallet: PrivateKeyAccount,
  payment: PaymentView,
): Promise<`0x${string}`> {
  if (payment.allowanceReset) await sign(api, wallet, payment.allowanceReset);
  if (payment.allowance) await sign(api, wallet, payment.allowance);
  return sign(api, wallet, payment.call);
}

/** A version of a model that is ready, without any bytes. @returns its CID */
export async function readyVersion(
  api: TestApi,
  modelId: string,
  cid = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
): Promise<string> {
  const uploadId = randomUUID();
  const { db, config } = api.deps;
  await insertVersion(db, modelId, { uploadId, fileName: "model.gguf", note: "", size: 3, createdBy: null });
  await beginProcessing(db, uploadId);
  await settleVersion(db, uploadId, {
    state: "ready",
    cid,
    sha256: randomBytes(32).toString("hex"),
    gguf: NO_FACTS,
    plainSha256: randomBytes(32).toString("hex"),
    plainCid: cid,
    storedSize: 203,
    sealedKey: sealKey(await newFileKey(), uploadId, config.WEIGHTS_SECRET),
  });
  return cid;
}

const NO_FACTS = {
  architecture: null,
  parameters: null,
  quantization: null,
  contextLength: null,
  chatTemplate: null,
  name: null,
};

/** A model of the user's (in their personal group by default) with a file that is ready. */
export async function readyModel(
  api: TestApi,
  user: TestUser,
  { groupId, name = "Tiny chat" }: { groupId?: string; name?: string } = {},
): Promise<ModelView> {
  const { groups } = await bodyOf<{ groups: { id: string }[] }>(await user.call("GET", "/api/groups"));
  const response = await user.call("POST", "/api/models", {
    groupId: groupId ?? groups[0]!.id,
    name,
    description: "Speaks.",
    license: "MIT",
  });
  expect(response.status).toBe(201);
  const model = await bodyOf<ModelView>(response);
  await readyVersion(api, model.id);
  return model;
}

export async function quotePublish(
  user: TestWalletUser,
  modelId: string,
  terms: Record<string, string> = { month: "10" },
): Promise<PaymentView> {
  const response = await user.call("POST", `/api/publishing/model/${modelId}/publish`, {
    wallet: user.wallet.address,
    chain: CHAIN,
    terms,
  });
  expect(response.status).toBe(200);
  return (await bodyOf<{ payment: PaymentView }>(response)).payment;
}

/** A model that is published and mirrored. */
export async function publishedModel(
  api: TestApi,
  user: TestWalletUser,
  {
    terms,
    split,
    ...options
  }: {
    terms?: Record<string, string>;
    split?: { address: string; bps: number }[];
    groupId?: string;
    name?: string;
  } = {},
): Promise<ModelView> {
  const model = await readyModel(api, user, options);
  if (split) {
    const path = `/api/group-revenue/model/${model.id}/split`;
    expect((await user.call("POST", path, { members: split })).status).toBe(200);
  }
  await pay(api, user.wallet, await quotePublish(user, model.id, terms));
  return eventually("the model is mirrored", async () => {
    const view = await bodyOf<ModelView>(await user.call("GET", `/api/models/${model.id}`));
    return view.onchain && view;
  });
}

export async function quoteSubscribe(
  user: TestWalletUser,
  modelId: string,
  months = 1,
  more: Record<string, unknown> = {},
): Promise<PaymentView> {
  const response = await user.call("POST", `/api/marketplace/${modelId}/subscribe`, {
    wallet: user.wallet.address,
    chain: CHAIN,
    months,
    ...more,
  });
  expect(response.status).toBe(200);
  return (await bodyOf<{ payment: PaymentView }>(response)).payment;
}

/** Waits until a payment has a status. */
export function paymentIn(user: TestUser, id: string, status: PaymentView["status"]): Promise<PaymentView> {
  return eventually(`the payment is ${status}`, async () => {
    const view = await bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));
    return view.status === status ? view : null;
  });
}

/** Waits until a block that is mined now is later than `time`: a block's time is in whole seconds. */
export async function chainPast(api: TestApi, time: string): Promise<void> {
  const client = testClient(api.rpcUrl);
  await eventually(`the chain is past ${time}`, async () => {
    const { timestamp } = await client.getBlock({ blockTag: "pending" });
    return Number(timestamp) * 1000 > Date.parse(time);
  });
}

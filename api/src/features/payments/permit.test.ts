import type { TypedDataDefinition } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Call } from "../../chain/calls.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import {
  fundedUser,
  paymentIn,
  publishedModel,
  quotePublish,
  quoteSubscribe,
  readyModel,
  sign,
} from "../../testing/market.ts";
import { quote, usdtOf } from "../../testing/plain-transfers.ts";
import { RefusingNode } from "../../testing/refusing-node.ts";
import { bodyOf, codeOf, type TestWalletUser, walletUser } from "../../testing/users.ts";
import { activeEntitlement } from "../marketplace/service.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "./shapes.ts";

let api: TestApi;
let model: ModelView;
let relayer: TestWalletUser;

beforeAll(async () => {
  api = await createTestApi();
  relayer = await fundedUser(api);
  model = await publishedModel(api, await fundedUser(api));
});
afterAll(() => api.close());

/** Signs what the payment shows, as a wallet does with `eth_signTypedData_v4`. */
const signPermit = (wallet: PrivateKeyAccount, { ways }: PaymentView) =>
  wallet.signTypedData(ways!.permit2!.typedData as unknown as TypedDataDefinition);

const bring = (user: TestWalletUser, id: string, signature: string) =>
  user.call("POST", `/api/payments/${id}/permit`, { signature });

async function permit(user: TestWalletUser, payment: PaymentView): Promise<Call> {
  if (payment.ways!.permit2!.allowance) await sign(api, user.wallet, payment.ways!.permit2!.allowance);
  const response = await bring(user, payment.id, await signPermit(user.wallet, payment));
  expect(response.status).toBe(200);
  return (await bodyOf<{ call: Call }>(response)).call;
}

describe("a Permit2 signature", () => {
  it("pays for a plan; anyone may bring it in, and the payer needs no gas for it", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "plan", plan: 2 });
    expect(asked.ways!.permit2!.allowance).toMatchObject({ functionName: "approve" });
    expect(asked.ways!.permit2!.typedData.message).toMatchObject({
      permitted: { amount: "30000000" },
      witness: { kind: "plan", months: "1", maxPrice: "30000000", account: asked.account },
    });
    const call = await permit(buyer, asked);
    expect(call).toMatchObject({ functionName: "purchase", abi: "aiforge" });
    const hash = await sign(api, relayer.wallet, call);
    expect(await paymentIn(buyer, asked.id, "confirmed")).toMatchObject({ txHash: hash, amount: "30.00" });
    expect(await usdtOf(api, buyer.wallet.address)).toBe(70_000_000n);
  });

  it("pays for a subscription, a licence, more listing and a deposit", async () => {
    const buyer = await fundedUser(api);
    const subscription = await quoteSubscribe(buyer, model.id, 2);
    await sign(api, relayer.wallet, await permit(buyer, subscription));
    await paymentIn(buyer, subscription.id, "confirmed");
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).not.toBeNull();

    const seller = await fundedUser(api);
    const sold = await publishedModel(api, seller, { terms: { month: "1", sale: "5" } });
    const others: [TestWalletUser, Record<string, unknown>][] = [
      [buyer, { purpose: "license", modelId: sold.id }],
      [seller, { purpose: "listing", modelId: sold.id, months: 2 }],
      [buyer, { purpose: "usage", amount: "3", dailyCap: "3" }],
    ];
    for (const [payer, body] of others) {
      const asked = await quote(payer, body);
      // Permit2 was allowed once and for all.
      if (payer === buyer) expect(asked.ways!.permit2!.allowance).toBeNull();
      await sign(api, relayer.wallet, await permit(payer, asked));
      await paymentIn(payer, asked.id, "confirmed");
    }
    expect(await usdtOf(api, buyer.wallet.address)).toBe(72_000_000n);
  });

  it("works once", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "plan", plan: 1 });
    const call = await permit(buyer, asked);
    await sign(api, relayer.wallet, call);
    await paymentIn(buyer, asked.id, "confirmed");
    const again = await sign(api, relayer.wallet, call, { mayRevert: true });
    const verify = { paymentId: asked.id, txHash: again };
    const answer = await bodyOf<PaymentView>(await buyer.call("POST", "/api/payments/verify", verify));
    expect(answer).toMatchObject({
      status: "confirmed",
      reason: { code: "reverted", hint: "This signature was used already." },
    });
    expect(answer.reason!.message).toContain("InvalidNonce");
    expect(await usdtOf(api, buyer.wallet.address)).toBe(90_000_000n);
    const late = await bring(buyer, asked.id, await signPermit(buyer.wallet, asked));
    expect([late.status, await codeOf(late)]).toEqual([409, "already_paid"]);
  });

  it("of another wallet, over something else, or malformed is refused", async () => {
    const buyer = await fundedUser(api);
    const asked = await quote(buyer, { purpose: "plan", plan: 1 });
    const other = await quote(buyer, { purpose: "plan", plan: 2 });
    const signatures = [
      await signPermit(relayer.wallet, asked),
      await signPermit(buyer.wallet, other),
      "0x12",
      `0x${"00".repeat(65)}`,
      `0x${"ff".repeat(65)}`,
    ];
    for (const signature of signatures) {
      const refused = await bring(buyer, asked.id, signature);
      expect([refused.status, await codeOf(refused)]).toEqual([400, "signature_mismatch"]);
    }
    for (const signature of ["", "0x", "0x1", "zz"]) {
      expect((await bring(buyer, asked.id, signature)).status).toBe(400);
    }
    const foreign = await bring(relayer, asked.id, await signPermit(buyer.wallet, asked));
    expect(foreign.status).toBe(404);
  });

  it("is not called wrong while the node does not tell whether it is", async () => {
    const node = await RefusingNode.before(api.rpcUrl);
    const refused = await createTestApi({ RPC_URL_31337: node.url });
    try {
      const buyer = await walletUser(refused, (await fundedUser(api)).wallet);
      const asked = await quote(buyer, { purpose: "plan", plan: 1 });
      node.refused.add("eth_call");
      const away = await bring(buyer, asked.id, await signPermit(relayer.wallet, asked));
      expect([away.status, await codeOf(away)]).toEqual([503, "chain_unavailable"]);
      // What a key signed is read without the chain.
      expect((await bring(buyer, asked.id, await signPermit(buyer.wallet, asked))).status).toBe(200);
    } finally {
      await refused.close();
      await node.close();
    }
  });

  it("is not asked for where none is possible, nor taken after the quote's end", async () => {
    const publisher = await fundedUser(api);
    await publishedModel(api, publisher);
    const second = await quotePublish(publisher, (await readyModel(api, publisher)).id);
    expect(second.amount).toBe("5.00");
    expect(second.ways).toMatchObject({ permit2: null, transfer: null });
    const none = await bring(publisher, second.id, "0x12");
    expect([none.status, await codeOf(none)]).toEqual([409, "permit_unavailable"]);

    const hasty = await createTestApi({ QUOTE_SECONDS: "1" });
    try {
      const buyer = await walletUser(hasty, (await fundedUser(api)).wallet);
      const asked = await quote(buyer, { purpose: "plan", plan: 1 });
      const signature = await signPermit(buyer.wallet, asked);
      await paymentIn(buyer, asked.id, "expired");
      const late = await bring(buyer, asked.id, signature);
      expect([late.status, await codeOf(late)]).toEqual([409, "quote_expired"]);
    } finally {
      await hasty.close();
    }
  });
});

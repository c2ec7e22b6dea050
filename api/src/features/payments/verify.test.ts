import { accountRef } from "@aiforge/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../../chain/calls.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, pay, paymentIn, publishedModel, quoteSubscribe, sign } from "../../testing/market.ts";
import { bodyOf, codeOf, type TestUser, type TestWalletUser } from "../../testing/users.ts";
import { activeEntitlement } from "../marketplace/service.ts";
import type { ModelView } from "../models/shapes.ts";
import type { PaymentView } from "./shapes.ts";

let api: TestApi;
let creator: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  model = await publishedModel(api, creator);
});
afterAll(() => api.close());

const ask = (user: TestUser, paymentId: string, txHash: string) =>
  user.call("POST", "/api/payments/verify", { paymentId, txHash });

async function verify(user: TestUser, payment: PaymentView, txHash: string): Promise<PaymentView> {
  const response = await ask(user, payment.id, txHash);
  expect(response.status).toBe(200);
  return bodyOf<PaymentView>(response);
}

const chain = () => api.deps.chains.all[0]!;
const approve = (user: TestWalletUser, amount: bigint) =>
  sign(api, user.wallet, usdtCall(chain(), "approve", [chain().aiforge, amount]));

function subscribeDirectly(user: TestWalletUser, to: ModelView, account: `0x${string}`, months = 1n) {
  const { modelId, splitId } = to.onchain!;
  const call = aiforgeCall(chain(), "subscribe", [
    modelId as `0x${string}`,
    months,
    10_000_000n * months,
    splitId as `0x${string}`,
    account,
    FROM_WALLET,
  ]);
  return sign(api, user.wallet, call);
}

describe("naming a transaction for a payment", () => {
  it("says that a malformed hash is none", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    for (const hash of ["", "0x12", "nonsense", `0x${"g".repeat(64)}`, `0x${"0".repeat(65)}`]) {
      const response = await ask(buyer, quote.id, hash);
      expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
    }
  });

  it("tells an unknown transaction, another contract's and a mere approval", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    const unknown = await verify(buyer, quote, `0x${"1".repeat(64)}`);
    expect(unknown).toMatchObject({ status: "quoted", reason: { code: "unknown_transaction" } });

    const transfer = await sign(
      api,
      buyer.wallet,
      usdtCall(chain(), "transfer", [creator.wallet.address, 1n]),
    );
    expect((await verify(buyer, quote, transfer)).reason).toMatchObject({ code: "wrong_recipient" });
    const approval = await sign(api, buyer.wallet, quote.allowance!);
    const approved = await verify(buyer, quote, approval);
    expect(approved.reason).toMatchObject({ code: "other_contract" });
    expect(approved.reason!.message).toContain("only allowed");
    // Reverted, but not ours either.
    const refused = await sign(
      api,
      buyer.wallet,
      usdtCall(chain(), "transfer", [creator.wallet.address, 10n ** 15n]),
      { mayRevert: true },
    );
    expect((await verify(buyer, quote, refused)).reason).toMatchObject({ code: "other_contract" });
    expect((await verify(buyer, quote, refused)).status).toBe("quoted");
  });

  it("counts the confirmations of the right one", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    const hash = await pay(api, buyer.wallet, quote);
    const early = await verify(buyer, quote, hash.toUpperCase().replace("0X", "0x"));
    if (early.status !== "confirmed") {
      expect(early.reason).toMatchObject({ code: "awaiting_confirmations" });
      expect(early.reason!.message).toMatch(/^[0-2] of 3 confirmations\.$/);
    }
    await paymentIn(buyer, quote.id, "confirmed");
    expect(await verify(buyer, quote, hash)).toMatchObject({
      status: "confirmed",
      txHash: hash,
      reason: null,
    });
  });

  it("waits for one that is not mined yet", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    await sign(api, buyer.wallet, quote.allowance!);
    const client = testClient(api.rpcUrl);
    await client.setIntervalMining({ interval: 0 });
    try {
      const hash = await client.sendTransaction({
        account: buyer.wallet,
        to: quote.call.to as `0x${string}`,
        data: quote.call.data as `0x${string}`,
        gas: 1_000_000n,
      });
      const pending = await verify(buyer, quote, hash);
      expect(pending).toMatchObject({
        status: "quoted",
        txHash: hash,
        reason: { code: "awaiting_confirmations", message: "0 of 3 confirmations." },
      });
    } finally {
      await client.setIntervalMining({ interval: 1 });
    }
    await paymentIn(buyer, quote.id, "confirmed");
  });

  it("names the error of one that reverted, and takes the quote up again when it is paid after all", async () => {
    const buyer = await fundedUser(api);
    const seller = await fundedUser(api);
    const changing = await publishedModel(api, seller);
    const quote = await quoteSubscribe(buyer, changing.id);
    await sign(api, buyer.wallet, quote.allowance!);
    const dearer = await bodyOf<{ onchain: PaymentView["call"] }>(
      await seller.call("POST", "/api/marketplace/create", { modelId: changing.id, month: "11" }),
    );
    await sign(api, seller.wallet, dearer.onchain);
    const reverted = await sign(api, buyer.wallet, quote.call, { mayRevert: true });
    const failed = await verify(buyer, quote, reverted);
    expect(failed).toMatchObject({ status: "failed", reason: { code: "reverted" } });
    expect(failed.reason!.message).toContain("PriceAboveMax");
    expect((await quoteSubscribe(buyer, changing.id)).amount).toBe("11.00");

    const cheaper = await bodyOf<{ onchain: PaymentView["call"] }>(
      await seller.call("POST", "/api/marketplace/create", { modelId: changing.id, month: "10" }),
    );
    await sign(api, seller.wallet, cheaper.onchain);
    await pay(api, buyer.wallet, { ...quote, allowance: null });
    await paymentIn(buyer, quote.id, "confirmed");
  });

  it("says that USDT refused when there was no allowance", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    const reverted = await sign(api, buyer.wallet, quote.call, { mayRevert: true });
    const failed = await verify(buyer, quote, reverted);
    expect(failed).toMatchObject({ status: "failed", reason: { code: "reverted" } });
    expect(failed.reason!.hint).toContain("allowance");
  });

  it("does not take one twice", async () => {
    const buyer = await fundedUser(api);
    const first = await quoteSubscribe(buyer, model.id);
    const hash = await pay(api, buyer.wallet, first);
    await paymentIn(buyer, first.id, "confirmed");
    const second = await quoteSubscribe(buyer, model.id);
    expect(second.id).not.toBe(first.id);
    const refused = await verify(buyer, second, hash);
    expect(refused).toMatchObject({ status: "quoted", txHash: null, reason: { code: "already_used" } });
    const again = await pay(api, buyer.wallet, second);
    await paymentIn(buyer, second.id, "confirmed");
    expect((await verify(buyer, first, again)).reason).toMatchObject({ code: "already_used" });
  });

  it("does not take one from before the quote", async () => {
    const buyer = await fundedUser(api);
    await approve(buyer, 10_000_000n);
    const hash = await subscribeDirectly(buyer, model, accountRef("user", buyer.id));
    const quote = await quoteSubscribe(buyer, model.id);
    expect((await verify(buyer, quote, hash)).reason).toMatchObject({ code: "already_used" });
    expect((await verify(buyer, quote, hash)).status).toBe("quoted");
  });

  it("tells another account, another model and another length", async () => {
    const buyer = await fundedUser(api);
    const other = await publishedModel(api, await fundedUser(api));
    await approve(buyer, 90_000_000n);
    const own = accountRef("user", buyer.id);
    const quote = await quoteSubscribe(buyer, model.id, 3);
    const forCreator = await subscribeDirectly(buyer, model, accountRef("user", creator.id));
    expect((await verify(buyer, quote, forCreator)).reason).toMatchObject({ code: "wrong_account" });
    const forOther = await subscribeDirectly(buyer, other, own);
    expect((await verify(buyer, quote, forOther)).reason).toMatchObject({ code: "wrong_model" });
    const oneMonth = await subscribeDirectly(buyer, model, own);
    const short = await verify(buyer, quote, oneMonth);
    expect(short).toMatchObject({ status: "quoted", reason: { code: "short" } });
    expect(short.reason!.message).toBe("This transaction bought 1 month, the quote is for 3 months.");
    await eventually("what it bought counts", () => activeEntitlement(api.deps, buyer.id, other.id));
  });
});

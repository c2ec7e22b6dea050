import { accountRef, demoAccount, usdtAbi } from "@aiforge/contracts";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { revertTo, testClient } from "../../../../scripts/testing/chain.ts";
import { createDatabase } from "../../../../scripts/testing/postgres.ts";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../../chain/calls.ts";
import { chainHeads } from "../../chain/schema.ts";
import { toAppError } from "../../core/http.ts";
import { openDatabase } from "../../db/client.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import {
  CHAIN,
  chainPast,
  fundedUser,
  pay,
  paymentIn,
  publishedModel,
  quoteSubscribe,
  sign,
} from "../../testing/market.ts";
import {
  bodyOf,
  codeOf,
  linkWallet,
  type TestUser,
  type TestWalletUser,
  walletUser,
} from "../../testing/users.ts";
import { activeEntitlement } from "../marketplace/service.ts";
import type { ModelView } from "../models/shapes.ts";
import { paymentRow } from "./queries.ts";
import type { PaymentView } from "./shapes.ts";
import { shareOut } from "./shares.ts";
import { startPaymentMatching } from "./worker.ts";

let api: TestApi;
let creator: TestWalletUser;
let customer: TestWalletUser;
let model: ModelView;

beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  customer = await fundedUser(api);
  model = await publishedModel(api, creator);
});
afterAll(() => api.close());

const getPayment = async (user: TestUser, id: string) =>
  bodyOf<PaymentView>(await user.call("GET", `/api/payments/${id}`));

const historyOf = async (user: TestUser) =>
  (await bodyOf<{ payments: PaymentView[] }>(await user.call("GET", "/api/payments/history/all"))).payments;

/** Subscribes from one's own script, without a quote. */
function subscribeDirectly(payer: TestWalletUser, account: `0x${string}`, months = 1n) {
  const { modelId, splitId } = model.onchain!;
  const call = aiforgeCall(api.deps.chains.all[0]!, "subscribe", [
    modelId as `0x${string}`,
    months,
    10_000_000n * months,
    splitId as `0x${string}`,
    account,
    FROM_WALLET,
  ]);
  return sign(api, payer.wallet, call);
}

const approve = (user: TestWalletUser, amount: bigint) => {
  const chain = api.deps.chains.all[0]!;
  return sign(api, user.wallet, usdtCall(chain, "approve", [chain.aiforge, amount]));
};

describe("a payment", () => {
  it("is quoted, seen and confirmed without anyone telling, and only then entitles", async () => {
    const quote = await quoteSubscribe(customer, model.id, 2);
    expect(quote).toMatchObject({
      quoted: true,
      purpose: "service",
      chain: CHAIN,
      status: "quoted",
      amount: "20.00",
      fee: "2.00",
      creators: "18.00",
      dust: "0.00",
      account: accountRef("user", customer.id),
      modelId: model.id,
      modelName: model.name,
      months: 2,
      txHash: null,
      confirmations: 0,
      required: 3,
      allowanceReset: null,
      reason: null,
    });
    expect(quote.shares).toMatchObject([
      { label: "Platform", bps: 1_000, amount: "2.00" },
      { label: "Creator", address: creator.wallet.address.toLowerCase(), bps: 10_000, amount: "18.00" },
    ]);
    expect(quote.allowance).toMatchObject({ abi: "usdt", functionName: "approve", value: "0" });
    expect(quote.call).toMatchObject({
      abi: "aiforge",
      functionName: "subscribe",
      args: [model.onchain!.modelId, "2", "20000000", model.onchain!.splitId, quote.account, 0],
    });

    const hash = await pay(api, customer.wallet, quote);
    const seen = await eventually("the payment is seen", async () => {
      const view = await getPayment(customer, quote.id);
      return view.status === "quoted" ? null : view;
    });
    expect(seen).toMatchObject({ txHash: hash, allowance: null });
    if (seen.status === "seen") {
      expect(seen.reason).toMatchObject({ code: "awaiting_confirmations" });
    }
    const confirmed = await eventually("the payment is confirmed", async () => {
      const view = await getPayment(customer, quote.id);
      if (view.status === "confirmed") return view;
      expect(view.confirmations).toBeLessThan(3);
      expect(view.reason?.message).toBe(`${view.confirmations} of 3 confirmations.`);
      return null;
    });
    expect(confirmed.confirmations).toBeGreaterThanOrEqual(3);
    expect(confirmed.reason).toBeNull();
    const entitlement = await activeEntitlement(api.deps, customer.id, model.id);
    expect(entitlement!.via).toEqual({ kind: "user", id: customer.id });
    const days = (entitlement!.activeUntil.getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(59.9);
    expect(days).toBeLessThan(60.1);
  });

  it("is one payment however often and however fast the button is clicked", async () => {
    const clicks = await Promise.all([1, 2, 3, 4, 5].map(() => quoteSubscribe(customer, model.id)));
    const [first] = clicks;
    expect(new Set(clicks.map(({ id }) => id)).size).toBe(1);
    expect((await quoteSubscribe(customer, model.id)).id).toBe(first!.id);
    expect((await quoteSubscribe(customer, model.id, 3)).id).not.toBe(first!.id);
    const created = await customer.call("POST", "/api/payments/create", {
      purpose: "service",
      modelId: model.id,
      wallet: customer.wallet.address,
      chain: CHAIN,
    });
    expect((await bodyOf<PaymentView>(created)).id).toBe(first!.id);

    await pay(api, customer.wallet, first!);
    await paymentIn(customer, first!.id, "seen").catch(() => paymentIn(customer, first!.id, "confirmed"));
    expect((await quoteSubscribe(customer, model.id)).id).not.toBe(first!.id);
  });

  it("goes to the quote of the wallet that paid, when two would fit", async () => {
    const buyer = await fundedUser(api);
    const second = await fundedWallet(api.rpcUrl);
    await linkWallet(buyer, second);
    const byFirst = await quoteSubscribe(buyer, model.id);
    const bySecond = await quoteSubscribe(buyer, model.id, 1, { wallet: second.address });
    expect(bySecond.id).not.toBe(byFirst.id);
    await pay(api, second, bySecond);
    await paymentIn(buyer, bySecond.id, "confirmed");
    expect(await getPayment(buyer, byFirst.id)).toMatchObject({ status: "quoted", txHash: null });
  });

  it("resets an allowance that is short but not zero, as USDT demands, and leaves one that is enough", async () => {
    const buyer = await fundedUser(api);
    await approve(buyer, 1n);
    const quote = await quoteSubscribe(buyer, model.id);
    expect(quote.allowanceReset).toMatchObject({ functionName: "approve" });
    expect(quote.allowanceReset!.args[1]).toBe("0");
    expect(quote.allowance!.args[1]).toBe("10000000");
    await sign(api, buyer.wallet, quote.allowanceReset!);
    await approve(buyer, 50_000_000n);
    const allowed = await eventually("the allowance is seen", async () => {
      const view = await getPayment(buyer, quote.id);
      return view.allowance ? null : view;
    });
    expect(allowed.allowanceReset).toBeNull();
    await pay(api, buyer.wallet, await getPayment(buyer, quote.id));
    await paymentIn(buyer, quote.id, "confirmed");
    const { client, usdt } = api.deps.chains.all[0]!;
    const balance = { address: usdt, abi: usdtAbi, functionName: "balanceOf" } as const;
    expect(await client.readContract({ ...balance, args: [buyer.wallet.address] })).toBe(90_000_000n);
  });

  it("of many asks the chain for each of a wallet's two allowances once", async () => {
    const user = await fundedUser(api);
    for (const months of [1, 2, 3, 4]) await quoteSubscribe(user, model.id, months);
    const reads = vi.spyOn(api.deps.chains.all[0]!.client, "readContract");
    expect((await historyOf(user)).map(({ allowance }) => allowance?.functionName)).toEqual(
      Array(4).fill("approve"),
    );
    expect(reads.mock.calls.map(([{ functionName }]) => functionName)).toEqual(["allowance", "allowance"]);
    reads.mockRestore();
  });

  it("that was made without a quote entitles, and is in the history", async () => {
    const buyer = await fundedUser(api);
    const friend = await fundedUser(api);
    await approve(buyer, 10_000_000n);
    const hash = await subscribeDirectly(buyer, accountRef("user", friend.id));
    const [entry] = await eventually("the purchase is in the history", async () => {
      const history = await historyOf(friend);
      return history[0]?.status === "confirmed" ? history : null;
    });
    expect(entry).toMatchObject({
      quoted: false,
      purpose: "service",
      amount: "10.00",
      fee: "1.00",
      txHash: hash,
      modelId: model.id,
      wallet: buyer.wallet.address.toLowerCase(),
    });
    expect(await getPayment(friend, entry!.id)).toMatchObject({ id: entry!.id, status: "confirmed" });
    expect((await historyOf(buyer)).map(({ id }) => id)).toEqual([entry!.id]);
    expect((await customer.call("GET", `/api/payments/${entry!.id}`)).status).toBe(404);
    expect(await activeEntitlement(api.deps, friend.id, model.id)).not.toBeNull();
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).toBeNull();

    // A quote that comes later does not take it.
    expect(await quoteSubscribe(friend, model.id)).toMatchObject({ status: "quoted" });
    expect((await historyOf(friend)).map(({ quoted }) => quoted)).toEqual([true, false]);
  });

  it("that is late still counts, and says so", async () => {
    const hasty = await createTestApi({ QUOTE_SECONDS: "1", AUTH_SECRET: api.deps.config.AUTH_SECRET });
    try {
      const buyer = await walletUser(hasty, (await fundedUser(api)).wallet);
      const quote = await quoteSubscribe(buyer, model.id);
      const expired = await paymentIn(buyer, quote.id, "expired");
      expect(expired.reason).toMatchObject({ code: "expired" });
      await chainPast(hasty, quote.expiresAt);
      await pay(hasty, buyer.wallet, quote);
      const confirmed = await paymentIn(buyer, quote.id, "confirmed");
      expect(confirmed.reason).toMatchObject({ code: "late" });
      expect(await activeEntitlement(hasty.deps, buyer.id, model.id)).not.toBeNull();
    } finally {
      await hasty.close();
    }
  });

  it("for a group entitles its members", async () => {
    const owner = await fundedUser(api);
    const member = await fundedUser(api);
    const group = await bodyOf<{ id: string }>(await owner.call("POST", "/api/groups", { name: "Lab" }));
    await owner.call("POST", `/api/groups/${group.id}/members`, {
      wallet: member.wallet.address,
      role: "member",
    });
    const foreign = await customer.call("POST", `/api/marketplace/${model.id}/subscribe`, {
      wallet: customer.wallet.address,
      chain: CHAIN,
      months: 1,
      groupId: group.id,
    });
    expect(foreign.status).toBe(404);
    const quote = await quoteSubscribe(owner, model.id, 1, { groupId: group.id });
    expect(quote.account).toBe(accountRef("group", group.id));
    await pay(api, owner.wallet, quote);
    await paymentIn(member, quote.id, "confirmed");
    const entitlement = await activeEntitlement(api.deps, member.id, model.id);
    expect(entitlement!.via).toEqual({ kind: "group", id: group.id });
    expect((await historyOf(member)).map(({ id }) => id)).toEqual([quote.id]);
  });

  it("is matched while nobody looks", async () => {
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    await pay(api, buyer.wallet, quote);
    const matching = startPaymentMatching(api.deps, { everyMs: 50 });
    try {
      await eventually("the worker matched it", async () => {
        const row = await paymentRow(api.deps.db, quote.id);
        return row?.logIndex != null;
      });
    } finally {
      await matching.stop();
    }
  });

  it("whose block a reorg takes away goes back, and comes again with its transaction", async () => {
    const client = testClient(api.rpcUrl);
    const buyer = await fundedUser(api);
    const quote = await quoteSubscribe(buyer, model.id);
    await sign(api, buyer.wallet, quote.allowance!);
    const snapshot = await client.snapshot();
    const hash = await sign(api, buyer.wallet, quote.call);
    await paymentIn(buyer, quote.id, "confirmed");
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).not.toBeNull();

    await revertTo(client, snapshot);
    const back = await paymentIn(buyer, quote.id, "reorged");
    expect(back).toMatchObject({ confirmations: 0, txHash: hash, reason: { code: "reorged" } });
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).toBeNull();

    await sign(api, buyer.wallet, quote.call);
    await paymentIn(buyer, quote.id, "confirmed");
    expect(await activeEntitlement(api.deps, buyer.id, model.id)).not.toBeNull();
  });
});

describe("while payments are paused", () => {
  it("none is quoted", async () => {
    const admin = privateKeyToAccount(demoAccount("deployer").privateKey);
    const chain = api.deps.chains.all[0]!;
    const ask = () =>
      customer.call("POST", `/api/marketplace/${model.id}/subscribe`, {
        wallet: customer.wallet.address,
        chain: CHAIN,
        months: 7,
      });
    await sign(api, admin, aiforgeCall(chain, "pause", []));
    try {
      await eventually("the pause is mirrored", async () => (await ask()).status === 409);
      expect(await codeOf(await ask())).toBe("payments_paused");
    } finally {
      await sign(api, admin, aiforgeCall(chain, "unpause", []));
    }
    await eventually("the end of the pause is mirrored", async () => (await ask()).status === 200);
  });
});

describe("before the mirror has made its views", () => {
  it("an answer says so", async () => {
    const empty = await createDatabase(process.env.API_TEST_DATABASE_URL);
    try {
      const db = openDatabase(empty.url, { max: 1 });
      const failed = await db.select().from(chainHeads).catch(toAppError);
      await db.$client.end();
      expect(failed).toMatchObject({ code: "mirror_unavailable", status: 503, retryable: true });
    } finally {
      await empty.drop();
    }
  });
});

describe("shares", () => {
  it("round down, and the rest waits", () => {
    const members = [3_333, 3_333, 3_334].map((bps, at) => ({
      address: `0x${String(at).repeat(40)}` as const,
      bps,
    }));
    const money = { purpose: "service", amount: 11n, fee: 1n, treasury: "0x1", payer: "0x2" } as const;
    const { creators, shares, dust } = shareOut({ ...money, members });
    expect(creators).toBe(10n);
    expect(shares.map(({ amount }) => amount)).toEqual([1n, 3n, 3n, 3n]);
    expect(dust).toBe(1n);
  });
});

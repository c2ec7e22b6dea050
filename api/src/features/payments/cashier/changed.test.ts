import { demoAccount } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revertTo, testClient } from "../../../../../scripts/testing/chain.ts";
import { aiforgeCall, type Call } from "../../../chain/calls.ts";
import { chainServicePurchases, chainTransfers } from "../../../chain/schema.ts";
import { asked, CASHIER, CashierStand, get, planQuote, verify } from "../../../testing/cashier.ts";
import { eventually } from "../../../testing/harness.ts";
import {
  CHAIN,
  fundedUser,
  paymentIn,
  publishedModel,
  quoteSubscribe,
  sign,
} from "../../../testing/market.ts";
import { sendUsdt } from "../../../testing/plain-transfers.ts";
import { bodyOf, type TestWalletUser, walletUser } from "../../../testing/users.ts";
import { activeEntitlement } from "../../marketplace/service.ts";
import { incomingTransfers } from "./schema.ts";

let stand: CashierStand;
beforeAll(async () => {
  stand = await CashierStand.open();
});
afterAll(() => stand.close());

describe("when the price changed before the purchase", () => {
  const setMonth = async (seller: TestWalletUser, modelId: string, month: string) => {
    const body = { modelId, month };
    const answer = await seller.call("POST", "/api/marketplace/create", body);
    await sign(stand.api, seller.wallet, (await bodyOf<{ onchain: Call }>(answer)).onchain);
  };

  it("and is higher, the whole transfer is credit, with the reason", async () => {
    const seller = await fundedUser(stand.api);
    const model = await publishedModel(stand.api, seller);
    const buyer = await fundedUser(stand.api);
    const payment = await quoteSubscribe(buyer, model.id);
    await setMonth(seller, model.id, "11");
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    const failed = await paymentIn(buyer, payment.id, "failed");
    expect(failed.reason).toMatchObject({ code: "refused" });
    expect(failed.reason!.message).toContain("PriceAboveMax");
    await stand.credited(buyer.wallet.address, asked(payment));
    expect(await activeEntitlement(stand.api.deps, buyer.id, model.id)).toBeNull();
  });

  it("and is lower, what it did not cost is credit", async () => {
    const seller = await fundedUser(stand.api);
    const model = await publishedModel(stand.api, seller);
    const buyer = await fundedUser(stand.api);
    const payment = await quoteSubscribe(buyer, model.id);
    await setMonth(seller, model.id, "8");
    await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
    expect((await paymentIn(buyer, payment.id, "confirmed")).amount).toBe("8.00");
    await stand.credited(buyer.wallet.address, asked(payment) - 8_000_000n);
    expect(
      await stand.api.deps.db
        .select()
        .from(chainServicePurchases)
        .where(eq(chainServicePurchases.account, payment.account)),
    ).toHaveLength(1);
  });
});

describe("while payments are paused", () => {
  it("a transfer waits, and buys afterwards", async () => {
    const admin = privateKeyToAccount(demoAccount("deployer").privateKey);
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer);
    await sign(stand.api, admin, aiforgeCall(stand.chain(), "pause", []));
    try {
      await sendUsdt(stand.api, stand.exchange, CASHIER, asked(payment));
      await eventually("the purchase waits", async () => {
        return (await get(buyer, payment.id)).reason?.code === "purchasing";
      });
      const head = await stand.chain().head(0);
      await eventually("3 blocks more", async () => (await stand.chain().head(0)) > head + 3n);
      expect(await stand.plansFor(payment.account)).toEqual([]);
    } finally {
      await sign(stand.api, admin, aiforgeCall(stand.chain(), "unpause", []));
    }
    await paymentIn(buyer, payment.id, "confirmed");
    await stand.credited(buyer.wallet.address, asked(payment) - 10_000_000n);
  });
});

describe("a transfer that a reorg takes away before it is confirmed", () => {
  it("does nothing, and says so", async () => {
    const client = testClient(stand.api.rpcUrl);
    const buyer = await fundedUser(stand.api);
    const payment = await planQuote(buyer);
    await client.setIntervalMining({ interval: 0 });
    let hash: `0x${string}`;
    try {
      const snapshot = await client.snapshot();
      hash = await client.sendTransaction({
        account: stand.exchange,
        to: stand.chain().usdt,
        data: transferData(asked(payment)),
        gas: 200_000n,
      });
      await client.mine({ blocks: 1 });
      const arriving = await paymentIn(buyer, payment.id, "seen");
      expect(arriving).toMatchObject({ confirmations: 1, received: { outcome: "arriving", txHash: hash } });
      expect((await verify(buyer, payment.id, hash)).reason!.message).toBe("1 of 3 confirmations.");
      await revertTo(client, snapshot);
      await client.mine({ blocks: 4 });
    } finally {
      await client.setIntervalMining({ interval: 1 });
    }
    const back = await paymentIn(buyer, payment.id, "quoted");
    expect(back.received).toBeNull();
    expect((await verify(buyer, payment.id, hash)).reason!.code).toBe("reorged");
    const mine = and(eq(chainTransfers.chainId, CHAIN), eq(chainTransfers.txHash, hash));
    expect(await stand.api.deps.db.select().from(chainTransfers).where(mine)).toEqual([]);
    expect(await stand.plansFor(payment.account)).toEqual([]);
    const decided = await stand.api.deps.db
      .select()
      .from(incomingTransfers)
      .where(eq(incomingTransfers.txHash, hash));
    expect(decided).toEqual([]);
  });
});

const transferData = (amount: bigint): `0x${string}` =>
  `0xa9059cbb${CASHIER.slice(2).toLowerCase().padStart(64, "0")}${amount.toString(16).padStart(64, "0")}`;

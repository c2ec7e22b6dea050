import { demoAccount } from "@aiforge/contracts";
import type { z } from "@hono/zod-openapi";
import { eq } from "drizzle-orm";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asked, CASHIER, CashierStand, planQuote } from "../../../testing/cashier.ts";
import { eventually, fundedWallet } from "../../../testing/harness.ts";
import { fundedUser, paymentIn } from "../../../testing/market.ts";
import { sendUsdt, usdtOf } from "../../../testing/plain-transfers.ts";
import { bodyOf, codeOf, send, type TestWalletUser, walletUser } from "../../../testing/users.ts";
import type { heldSchema } from "../held-routes.ts";
import { payments } from "../schema.ts";
import { cashierOrders, incomingTransfers, transferAssignments } from "./schema.ts";

type Held = z.infer<typeof heldSchema>;

let stand: CashierStand;
let admin: TestWalletUser;
beforeAll(async () => {
  stand = await CashierStand.open();
  admin = await walletUser(stand.api, privateKeyToAccount(demoAccount("deployer").privateKey));
});
afterAll(() => stand.close());

const list = async () => bodyOf<Held>(await admin.call("GET", "/api/payments/held"));
const assign = (id: string, body: object, who = admin) =>
  who.call("POST", `/api/payments/held/${id}/assign`, { note: "Wrote to us with the hash.", ...body });

/** Sends from a wallet that nobody linked, an amount that nobody waits for. */
async function heldTransfer(amount: bigint) {
  const stranger = await fundedWallet(stand.api.rpcUrl);
  const hash = await sendUsdt(stand.api, stranger, CASHIER, amount);
  const held = await eventually("it is held", async () => {
    return (await list()).held.find(({ txHash }) => txHash === hash);
  });
  return { ...held, stranger };
}

const ordersOf = (id: string) =>
  stand.api.deps.db.select().from(cashierOrders).where(eq(cashierOrders.transferId, id));

const expireQuote = (id: string) =>
  stand.api.deps.db
    .update(payments)
    .set({ expiresAt: new Date(Date.now() - 60_000) })
    .where(eq(payments.id, id));

describe("a held transfer", () => {
  it("is listed for admins only, and given away by them only", async () => {
    const held = await heldTransfer(3_000_000n);
    expect(held).toMatchObject({ amount: "3.00", code: "unmatched", chain: stand.chain().chain });
    expect(held.from).toBe(held.stranger.address.toLowerCase());
    const user = await fundedUser(stand.api);
    const foreign = await user.call("GET", "/api/payments/held");
    expect([foreign.status, await codeOf(foreign)]).toEqual([404, "no_route"]);
    const theft = await assign(held.id, { wallet: user.wallet.address }, user);
    expect([theft.status, await codeOf(theft)]).toEqual([404, "no_route"]);
    expect((await send(stand.api, "GET", "/api/payments/held")).status).toBe(401);
    expect((await list()).held.map(({ id }) => id)).toContain(held.id);
  });

  it("is given to nobody by a wrong request", async () => {
    const held = await heldTransfer(3_000_000n);
    const buyer = await walletUser(stand.api);
    const { id: paymentId } = await planQuote(buyer);
    const { address: wallet } = buyer.wallet;
    const answers = await Promise.all([
      assign(held.id, {}),
      assign(held.id, { wallet, paymentId }),
      assign(held.id, { wallet, note: " " }),
      assign(held.id, { wallet: "0x12" }),
      assign(held.id, { wallet: held.stranger.address }),
      assign(held.id, { paymentId: crypto.randomUUID() }),
      assign(crypto.randomUUID(), { wallet }),
    ]);
    expect(await Promise.all(answers.map(async (answer) => [answer.status, await codeOf(answer)]))).toEqual([
      ...Array.from({ length: 4 }, () => [400, "invalid_request"]),
      [409, "wallet_unknown"],
      [404, "not_found"],
      [404, "not_found"],
    ]);
    expect(await ordersOf(held.id)).toEqual([]);
    const { db } = stand.api.deps;
    const kept = await db
      .select()
      .from(transferAssignments)
      .where(eq(transferAssignments.transferId, held.id));
    expect(kept).toEqual([]);
    expect((await list()).held.map(({ id }) => id)).toContain(held.id);
  });

  it("becomes credit of the wallet it is given to, once, however often and by how many", async () => {
    const before = await usdtOf(stand.api, CASHIER);
    const held = await heldTransfer(7_000_000n);
    const owner = await walletUser(stand.api);
    const { address: wallet } = owner.wallet;
    const answers = await Promise.all(Array.from({ length: 6 }, () => assign(held.id, { wallet })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    await stand.credited(wallet, 7_000_000n);
    expect((await assign(held.id, { wallet })).status).toBe(200);
    const { held: waiting, assigned } = await list();
    expect(waiting.map(({ id }) => id)).not.toContain(held.id);
    const mine = assigned.filter(({ id }) => id === held.id);
    expect(mine).toMatchObject([
      {
        payee: wallet.toLowerCase(),
        paymentId: null,
        note: "Wrote to us with the hash.",
        by: { id: admin.id },
        outcome: "credit",
        reason: { code: "assigned" },
      },
    ]);
    expect(Math.abs(Date.now() - Date.parse(mine[0]!.at))).toBeLessThan(60_000);
    expect(await ordersOf(held.id)).toMatchObject([{ kind: "credit", amount: 7_000_000n }]);
    const other = await walletUser(stand.api);
    const late = await assign(held.id, { wallet: other.wallet.address });
    expect([late.status, await codeOf(late)]).toEqual([409, "transfer_not_held"]);
    await eventually("nothing is left over", async () => (await usdtOf(stand.api, CASHIER)) === before);
  });

  it("buys what was quoted, also when the quote has ended, and the rest becomes credit", async () => {
    const held = await heldTransfer(12_000_000n);
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer);
    await expireQuote(payment.id);
    expect((await assign(held.id, { paymentId: payment.id })).status).toBe(200);
    await paymentIn(buyer, payment.id, "confirmed");
    await stand.credited(buyer.wallet.address, 2_000_000n);
    expect(await stand.plansFor(payment.account)).toHaveLength(1);
    const [row] = (await list()).assigned.filter(({ id }) => id === held.id);
    expect(row).toMatchObject({ paymentId: payment.id, outcome: "purchase" });

    const another = await heldTransfer(12_000_000n);
    const twice = await assign(another.id, { paymentId: payment.id });
    expect([twice.status, await codeOf(twice)]).toEqual([409, "already_paid"]);
    expect(await ordersOf(another.id)).toEqual([]);
  });

  it("of less than the price is credit of the quote's wallet", async () => {
    const held = await heldTransfer(4_000_000n);
    const buyer = await walletUser(stand.api);
    const payment = await planQuote(buyer);
    expect((await assign(held.id, { paymentId: payment.id })).status).toBe(200);
    await paymentIn(buyer, payment.id, "short");
    await stand.credited(buyer.wallet.address, 4_000_000n);
    expect(await stand.plansFor(payment.account)).toEqual([]);
    expect(asked(payment)).toBeGreaterThan(10_000_000n);
  });

  it("that could not be credited before is ordered anew", async () => {
    const { db } = stand.api.deps;
    const held = await heldTransfer(5_000_000n);
    // As the cashier leaves it when the contract refuses a payee for good.
    await db.update(incomingTransfers).set({ code: "not_payable" }).where(eq(incomingTransfers.id, held.id));
    const call = { ...(await planQuote(admin)).call };
    await db.insert(cashierOrders).values({
      ...{ chain: stand.chain().chain, signer: CASHIER.toLowerCase(), transferId: held.id, kind: "credit" },
      ...{ amount: 5_000_000n, call, state: "refused", refusal: "InvalidAddress" },
    });
    const owner = await walletUser(stand.api);
    expect((await assign(held.id, { wallet: owner.wallet.address })).status).toBe(200);
    await stand.credited(owner.wallet.address, 5_000_000n);
    expect(await ordersOf(held.id)).toHaveLength(1);
  });
});

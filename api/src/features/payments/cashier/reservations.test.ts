import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { asked, CASHIER, planQuote } from "../../../testing/cashier.ts";
import { createTestApi, type TestApi } from "../../../testing/harness.ts";
import { walletUser } from "../../../testing/users.ts";
import { payments } from "../schema.ts";
import { incomingTransfers, transferReservations } from "./schema.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

/** 11,900 USDT, which no other test's quote costs. */
const dear = async () => planQuote(await walletUser(api), 3, 119);

it("all amounts of a price are taken until quotes that ended a day ago, and got nothing, give theirs back", async () => {
  const { db } = api.deps;
  const first = await dear();
  const price = 11_900_000_000n;
  await db.$client.query(
    `WITH copies AS (
       INSERT INTO app.payments (user_id, purpose, chain, wallet, onchain_id, account, months, amount, fee, treasury,
         members, call, quoted_block, expires_at, transfer_amount)
       SELECT user_id, purpose, chain, wallet, onchain_id, account, months, amount, fee, treasury,
         members, call, quoted_block, expires_at, amount + tail
       FROM app.payments, generate_series(1, 9999) tail WHERE id = $1 AND amount + tail <> transfer_amount
       RETURNING id, chain, transfer_amount, expires_at)
     INSERT INTO app.transfer_reservations (chain, recipient, amount, payment_id, until)
     SELECT chain, $2, transfer_amount, id, expires_at + interval '7 days' FROM copies`,
    [first.id, CASHIER.toLowerCase()],
  );
  const tails = [1n, 2n, 3n, 4n].filter((tail) => price + tail !== asked(first));
  const [paid, recent, old] = await Promise.all(
    tails.slice(0, 3).map(async (tail) => {
      const [row] = await db
        .select()
        .from(transferReservations)
        .where(eq(transferReservations.amount, price + tail));
      return row!;
    }),
  );
  const endedAgo = (paymentId: string, ms: number) =>
    db
      .update(transferReservations)
      .set({ until: new Date(Date.now() - ms + 7 * 86_400_000) })
      .where(eq(transferReservations.paymentId, paymentId));
  const transfer = {
    chain: paid!.chain,
    txHash: `0x${"7e".repeat(32)}`,
    logIndex: 0,
    sender: `0x${"7".repeat(40)}`,
  };
  try {
    expect((await dear()).ways!.transfer).toBeNull();
    await endedAgo(recent!.paymentId, 86_400_000 - 600_000);
    await endedAgo(paid!.paymentId, 86_400_000 + 600_000);
    await db.insert(incomingTransfers).values({
      ...{ ...transfer, paymentId: paid!.paymentId, amount: 0n, receivedAt: new Date() },
      ...{ outcome: "credit", code: "late" },
    });
    expect((await dear()).ways!.transfer).toBeNull();

    await endedAgo(old!.paymentId, 86_400_000 + 600_000);
    const last = await dear();
    expect(asked(last)).toBe(old!.amount);
    const [before] = await db.select().from(payments).where(eq(payments.id, old!.paymentId));
    expect(before!.transferAmount).toBeNull();
  } finally {
    await db.delete(incomingTransfers).where(eq(incomingTransfers.txHash, transfer.txHash));
    await db.delete(payments).where(eq(payments.account, first.account));
  }
});

import { eq, lt, sql } from "drizzle-orm";
import type { Executor } from "../../../db/client.ts";
import { payments } from "../schema.ts";
import { transferReservations } from "./schema.ts";

/** Tails are 1 to 9,999 micro-USDT: under a cent, and never none, so that a round amount is nobody's. */
export const TAILS = 10_000n;
/** How long after its end a quote's transfer is still recognised, in milliseconds. */
export const LATE_MS = 7 * 86_400_000;
/** Nobody can keep more amounts than this from others. */
const MOST_PER_USER = 100;

/**
 * Sets an amount aside for a quote, the price and a tail that no other quote waits for, and notes it with the payment.
 * @returns micro-USDT; null when there are too many quotes for this price, or of this user
 */
export async function reserveAmount(
  db: Executor,
  userId: string,
  quote: { chain: string; recipient: string; paymentId: string; price: bigint; expiresAt: Date },
): Promise<bigint | null> {
  const { chain, recipient, paymentId, price, expiresAt } = quote;
  const until = new Date(expiresAt.getTime() + LATE_MS);
  for (let attempt = 0; attempt < 5; attempt++) {
    const { rows } = await db.execute<{ amount: string }>(sql`
      INSERT INTO ${transferReservations} (chain, recipient, amount, payment_id, until)
      SELECT ${chain}, ${recipient}, free.amount, ${paymentId}, ${until.toISOString()}::timestamptz
      FROM (
        SELECT ${price.toString()}::numeric + tail AS amount
        FROM generate_series(1, ${Number(TAILS) - 1}) tail
        WHERE NOT EXISTS (
          SELECT FROM ${transferReservations} taken
          WHERE taken.chain = ${chain} AND taken.recipient = ${recipient}
            AND taken.amount = ${price.toString()}::numeric + tail)
          AND (SELECT count(*) FROM ${transferReservations} mine
            JOIN ${payments} p ON p.id = mine.payment_id WHERE p.user_id = ${userId}) < ${MOST_PER_USER}
        ORDER BY random() LIMIT 1
      ) free
      ON CONFLICT DO NOTHING RETURNING amount`);
    const amount = rows[0] && BigInt(rows[0].amount);
    if (amount !== undefined) {
      await db.update(payments).set({ transferAmount: amount }).where(eq(payments.id, paymentId));
      return amount;
    }
  }
  return null;
}

/** Frees the amounts that nothing is matched to any more. */
export async function releaseAmounts(db: Executor, now: Date): Promise<void> {
  await db.delete(transferReservations).where(lt(transferReservations.until, now));
}

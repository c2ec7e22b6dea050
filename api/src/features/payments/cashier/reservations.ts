import { and, count, eq, inArray, lt, sql } from "drizzle-orm";
import type { Executor } from "../../../db/client.ts";
import { lockMatching } from "../matching.ts";
import { payments } from "../schema.ts";
import { incomingTransfers, transferReservations } from "./schema.ts";

/** Tails are 1 to 9,999 micro-USDT: under a cent, and never none, so that a round amount is nobody's. */
export const TAILS = 10_000n;
/** How long after its end a quote's transfer is still recognised, in milliseconds. */
export const LATE_MS = 7 * 86_400_000;
/** For how long of that it is recognised in any case, also when all amounts of a price are taken. */
const SURELY_MS = 86_400_000;
/** How many are freed then; those that ended last are kept. */
const FREED_AT_ONCE = 100;
/** Nobody can keep more amounts than this from others. */
const MOST_PER_USER = 100;

/**
 * Sets an amount aside for a quote, the price and a tail that no other quote waits for, and notes it with the payment. When
 * all are taken, quotes that ended more than a day ago, for which nothing came, give theirs back.
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
    if (attempt === 0) await freeOldest(db, quote);
  }
  return null;
}

/** Frees the oldest amounts of a price, if there is no other. What comes for one of them later is nobody's, and not lost. */
async function freeOldest(
  db: Executor,
  { chain, recipient, price }: { chain: string; recipient: string; price: bigint },
): Promise<void> {
  const least = (price + 1n).toString();
  const most = (price + TAILS - 1n).toString();
  const ofPrice = and(
    eq(transferReservations.chain, chain),
    eq(transferReservations.recipient, recipient),
    sql`${transferReservations.amount} BETWEEN ${least}::numeric AND ${most}::numeric`,
  );
  const [taken] = await db.select({ amounts: count() }).from(transferReservations).where(ofPrice);
  if (!taken || taken.amounts < Number(TAILS) - 1) return;
  // Nothing is matched to them meanwhile.
  await lockMatching(db);
  const oldest = db
    .select({ id: transferReservations.paymentId })
    .from(transferReservations)
    .where(
      and(
        ofPrice,
        lt(transferReservations.until, new Date(Date.now() + LATE_MS - SURELY_MS)),
        sql`NOT EXISTS (SELECT FROM ${incomingTransfers} i WHERE i.payment_id = ${transferReservations.paymentId})`,
      ),
    )
    .orderBy(transferReservations.until)
    .limit(FREED_AT_ONCE);
  const freed = await db
    .delete(transferReservations)
    .where(inArray(transferReservations.paymentId, oldest))
    .returning({ id: transferReservations.paymentId });
  // Who had the amount is not shown what comes for whoever has it next.
  const ids = freed.map(({ id }) => id);
  if (ids.length > 0)
    await db.update(payments).set({ transferAmount: null }).where(inArray(payments.id, ids));
}

/** Frees the amounts that nothing is matched to any more. */
export async function releaseAmounts(db: Executor, now: Date): Promise<void> {
  await db.delete(transferReservations).where(lt(transferReservations.until, now));
}

import { and, isNull, lt, ne, sql } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { LATE_MS, releaseAmounts } from "./cashier/reservations.ts";
import { incomingTransfers } from "./cashier/schema.ts";
import { lockMatching } from "./matching.ts";
import { payments } from "./schema.ts";

/**
 * Forgets the quotes that nothing came for and nothing is matched to any more, a week after their end. Quotes for
 * publishing stay: what was quoted can be signed at any time, and it must be known who was.
 */
export async function forgetQuotes(deps: Pick<Deps, "db">, now = new Date()): Promise<void> {
  await deps.db.transaction(async (tx) => {
    await lockMatching(tx);
    await releaseAmounts(tx, now);
    await tx
      .delete(payments)
      .where(
        and(
          lt(payments.expiresAt, new Date(now.getTime() - LATE_MS)),
          ne(payments.purpose, "publish"),
          isNull(payments.txHash),
          isNull(payments.seenHash),
          isNull(payments.failure),
          sql`NOT EXISTS (SELECT FROM ${incomingTransfers} i WHERE i.payment_id = ${payments.id})`,
        ),
      );
  });
}

import { and, eq } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { payments } from "./schema.ts";

export async function paymentRow(db: Executor, id: string) {
  const [row] = await db.select().from(payments).where(eq(payments.id, id));
  return row;
}

/** The payment that an event paid, if any. */
export async function paymentAt(db: Executor, chain: string, txHash: string, logIndex: number) {
  const [row] = await db
    .select({ id: payments.id })
    .from(payments)
    .where(and(eq(payments.chain, chain), eq(payments.txHash, txHash), eq(payments.logIndex, logIndex)));
  return row;
}

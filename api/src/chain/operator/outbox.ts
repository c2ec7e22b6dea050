import { and, asc, eq, isNull, lte, or, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { operatorTransactions } from "./schema.ts";

export type OperatorCall = typeof operatorTransactions.$inferSelect;

/** Seconds until a call that the contract refuses for now is tried again: doubled each time, up to ten minutes. */
const FIRST_RETRY = 2;
const LAST_RETRY = 600;

/** Calls that wait to be sent, the oldest first. */
export function pendingCalls(db: Executor, chain: string, limit: number): Promise<OperatorCall[]> {
  return db
    .select()
    .from(operatorTransactions)
    .where(
      and(
        eq(operatorTransactions.chain, chain),
        eq(operatorTransactions.state, "pending"),
        or(isNull(operatorTransactions.retryAt), lte(operatorTransactions.retryAt, sql`now()`)),
      ),
    )
    .orderBy(asc(operatorTransactions.createdAt), asc(operatorTransactions.key))
    .limit(limit);
}

/** Calls that were signed and are not settled, in the order in which they can be mined. */
export function sentCalls(db: Executor, chain: string): Promise<OperatorCall[]> {
  return db
    .select()
    .from(operatorTransactions)
    .where(and(eq(operatorTransactions.chain, chain), eq(operatorTransactions.state, "sent")))
    .orderBy(asc(operatorTransactions.nonce));
}

/**
 * Takes a call from one state to another, if it is still there and about the same transaction.
 * @returns false when somebody was first: then nothing changed
 */
export async function moveCall(
  db: Executor,
  call: Pick<OperatorCall, "id" | "state" | "txHash">,
  set: Partial<typeof operatorTransactions.$inferInsert>,
): Promise<boolean> {
  const moved = await db
    .update(operatorTransactions)
    .set({ ...set, updatedAt: sql`now()` })
    .where(
      and(
        eq(operatorTransactions.id, call.id),
        eq(operatorTransactions.state, call.state),
        call.txHash === null
          ? isNull(operatorTransactions.txHash)
          : eq(operatorTransactions.txHash, call.txHash),
      ),
    )
    .returning({ id: operatorTransactions.id });
  return moved.length > 0;
}

/** Back to before it was signed. What was signed is for a nonce that something else used, so it never takes effect. */
export const UNSIGNED = { state: "pending", nonce: null, rawTx: null, txHash: null, signedAt: null } as const;

/** Lets a call wait that cannot go through now. */
export function postpone(db: Executor, call: OperatorCall, error: string): Promise<boolean> {
  const seconds = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(call.attempts, 16));
  return moveCall(db, call, {
    error,
    attempts: call.attempts + 1,
    retryAt: sql`now() + make_interval(secs => ${seconds})` as unknown as Date,
  });
}

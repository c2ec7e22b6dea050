import { and, asc, count, eq, lt } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { account, user } from "../auth/schema.ts";
import { walletChallenges, wallets } from "./schema.ts";

export function walletRows(db: Executor, userId: string) {
  return db
    .select()
    .from(wallets)
    .where(eq(wallets.userId, userId))
    .orderBy(asc(wallets.linkedAt), asc(wallets.id));
}

export async function walletRow(db: Executor, id: string) {
  const [row] = await db.select().from(wallets).where(eq(wallets.id, id));
  return row;
}

/** Links a wallet unless somebody has it already. @returns its row, whoever owns it */
export async function linkWallet(
  db: Executor,
  wallet: { id: string; userId: string; chain: string; address: string },
): Promise<typeof wallets.$inferSelect> {
  const [inserted] = await db.insert(wallets).values(wallet).onConflictDoNothing().returning();
  return inserted ?? (await walletRow(db, wallet.id))!;
}

export async function deleteWallet(db: Executor, userId: string, id: string): Promise<boolean> {
  const gone = await db
    .delete(wallets)
    .where(and(eq(wallets.id, id), eq(wallets.userId, userId)))
    .returning({ id: wallets.id });
  return gone.length > 0;
}

/** Holds the user for the rest of the transaction, so that two removals cannot both see the other wallet. */
export async function lockUser(db: Executor, userId: string) {
  await db.select({ id: user.id }).from(user).where(eq(user.id, userId)).for("update");
}

/** Ways in that are not wallets (a password). */
export async function otherWaysIn(db: Executor, userId: string): Promise<number> {
  const [row] = await db.select({ ways: count() }).from(account).where(eq(account.userId, userId));
  return row!.ways;
}

export async function insertChallenge(db: Executor, challenge: typeof walletChallenges.$inferInsert) {
  await db.insert(walletChallenges).values(challenge);
}

/** Takes a challenge out of the store: of two that come with the same nonce, one gets it. */
export async function takeChallenge(db: Executor, nonce: string) {
  const [row] = await db.delete(walletChallenges).where(eq(walletChallenges.nonce, nonce)).returning();
  return row;
}

/** Forgets what expired over an hour ago; until then a late answer is told apart from a foreign one. */
export async function forgetChallenges(db: Executor) {
  await db.delete(walletChallenges).where(lt(walletChallenges.expiresAt, new Date(Date.now() - 3_600_000)));
}

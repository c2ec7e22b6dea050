import { and, count, desc, eq, gt, inArray, isNull, lt, or, sql } from "drizzle-orm";
import type { SessionUser } from "../../core/session.ts";
import type { Executor } from "../../db/client.ts";
import { sessionUser } from "../auth/auth.ts";
import { user } from "../auth/schema.ts";
import { models } from "../models/schema.ts";
import { apiKeys, usage } from "./schema.ts";

export type KeyRow = typeof apiKeys.$inferSelect;
export type UsageRow = typeof usage.$inferInsert;

export async function insertKey(db: Executor, row: typeof apiKeys.$inferInsert): Promise<KeyRow> {
  const [stored] = await db.insert(apiKeys).values(row).returning();
  return stored!;
}

export function keysOfUser(db: Executor, userId: string): Promise<KeyRow[]> {
  return db.select().from(apiKeys).where(eq(apiKeys.userId, userId)).orderBy(desc(apiKeys.createdAt));
}

/** Serialises the writes of one user's keys until the transaction ends. */
export async function lockKeysOfUser(db: Executor, userId: string): Promise<void> {
  await db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`keys:${userId}`}, 0))`);
}

export async function workingKeyCount(db: Executor, userId: string): Promise<number> {
  const [row] = await db
    .select({ keys: count() })
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.userId, userId),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`now()`)),
      ),
    );
  return row?.keys ?? 0;
}

/** @returns the hash of the key's secret, undefined when the user has no such key */
export async function revokeKeyOfUser(db: Executor, userId: string, id: string): Promise<string | undefined> {
  const [row] = await db
    .update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
    .where(and(eq(apiKeys.id, id), eq(apiKeys.userId, userId)))
    .returning({ secretHash: apiKeys.secretHash });
  return row?.secretHash;
}

export async function keyByHash(db: Executor, secretHash: string): Promise<KeyRow | undefined> {
  const [row] = await db.select().from(apiKeys).where(eq(apiKeys.secretHash, secretHash)).limit(1);
  return row;
}

/** The user that a key acts for; null when the account is gone. */
export async function userOfKey(db: Executor, userId: string): Promise<SessionUser | null> {
  const { id, name, email } = user;
  const [row] = await db.select({ id, name, email }).from(user).where(eq(id, userId));
  return row ? sessionUser(row) : null;
}

/** Notes the last use of keys, in seconds' precision. */
export async function touchKeys(db: Executor, ids: string[]): Promise<void> {
  await db.update(apiKeys).set({ lastUsedAt: sql`now()` }).where(inArray(apiKeys.id, ids));
}

export async function existingModelIds(db: Executor, ids: string[]): Promise<string[]> {
  const rows = await db.select({ id: models.id }).from(models).where(inArray(models.id, ids));
  return rows.map(({ id }) => id);
}

export async function insertUsage(db: Executor, rows: UsageRow[]): Promise<void> {
  await db.insert(usage).values(rows);
}

export function usageOfUser(
  db: Executor,
  userId: string,
  { limit, before }: { limit: number; before?: Date },
) {
  return db
    .select({
      id: usage.id,
      at: usage.startedAt,
      modelId: usage.modelId,
      model: models.name,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      price: usage.price,
      outcome: usage.outcome,
      entitlement: usage.entitlement,
      plan: usage.plan,
      keyId: usage.keyId,
      keyName: apiKeys.name,
    })
    .from(usage)
    .leftJoin(models, eq(models.id, usage.modelId))
    .leftJoin(apiKeys, eq(apiKeys.id, usage.keyId))
    .where(and(eq(usage.userId, userId), before ? lt(usage.startedAt, before) : undefined))
    .orderBy(desc(usage.startedAt))
    .limit(limit);
}

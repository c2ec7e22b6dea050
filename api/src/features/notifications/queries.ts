import { and, asc, count, desc, eq, isNull, lt, lte, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import type { NotificationKind } from "./kinds.ts";
import { notificationPreferences, notifications, webhooks } from "./schema.ts";

export type NotificationRow = typeof notifications.$inferSelect;
export type WebhookRow = typeof webhooks.$inferSelect;

const shownTo = (userId: string) => and(eq(notifications.userId, userId), eq(notifications.inApp, true));

/** The newest first. @param before `no` that a page ended at */
export function notificationsOf(
  db: Executor,
  userId: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<NotificationRow[]> {
  return db
    .select()
    .from(notifications)
    .where(and(shownTo(userId), before === undefined ? undefined : lt(notifications.no, before)))
    .orderBy(desc(notifications.no))
    .limit(limit);
}

/** At most `max`: nobody reads an exact number above it, and it is asked for all the time. */
export async function unreadCount(db: Executor, userId: string, max: number): Promise<number> {
  const unread = db
    .select({ id: notifications.id })
    .from(notifications)
    .where(and(shownTo(userId), isNull(notifications.readAt)))
    .limit(max)
    .as("unread");
  const [row] = await db.select({ unread: count() }).from(unread);
  return row?.unread ?? 0;
}

export async function notificationOf(
  db: Executor,
  userId: string,
  id: string,
): Promise<NotificationRow | undefined> {
  const [row] = await db
    .select()
    .from(notifications)
    .where(and(eq(notifications.id, id), shownTo(userId)));
  return row;
}

/** Marks one, or everything up to one, as read; what was read before keeps its time. */
export async function markRead(
  db: Executor,
  userId: string,
  which: { id: string } | { upTo: number },
): Promise<void> {
  await db
    .update(notifications)
    .set({ readAt: sql`now()` })
    .where(
      and(
        shownTo(userId),
        isNull(notifications.readAt),
        "id" in which ? eq(notifications.id, which.id) : lte(notifications.no, which.upTo),
      ),
    );
}

export function preferencesOf(db: Executor, userId: string) {
  return db.select().from(notificationPreferences).where(eq(notificationPreferences.userId, userId));
}

export interface PreferenceRow {
  kind: NotificationKind;
  inApp: boolean;
  email: boolean;
  webhook: boolean;
}

export async function storePreferences(db: Executor, userId: string, rows: PreferenceRow[]): Promise<void> {
  await db
    .insert(notificationPreferences)
    .values(rows.map((row) => ({ userId, ...row })))
    .onConflictDoUpdate({
      target: [notificationPreferences.userId, notificationPreferences.kind],
      set: {
        inApp: sql`excluded.in_app`,
        email: sql`excluded.email`,
        webhook: sql`excluded.webhook`,
      },
    });
}

/** Serialises the writes of one user's webhooks until the transaction ends. */
export async function lockWebhooksOf(db: Executor, userId: string): Promise<void> {
  await db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`webhooks:${userId}`}, 0))`);
}

export function webhooksOf(db: Executor, userId: string): Promise<WebhookRow[]> {
  return db
    .select()
    .from(webhooks)
    .where(eq(webhooks.userId, userId))
    .orderBy(asc(webhooks.createdAt), asc(webhooks.id));
}

export async function webhookOf(db: Executor, userId: string, id: string): Promise<WebhookRow | undefined> {
  const [row] = await db
    .select()
    .from(webhooks)
    .where(and(eq(webhooks.id, id), eq(webhooks.userId, userId)));
  return row;
}

export async function insertWebhook(db: Executor, row: typeof webhooks.$inferInsert): Promise<WebhookRow> {
  const [stored] = await db.insert(webhooks).values(row).returning();
  return stored!;
}

export async function changeWebhook(
  db: Executor,
  userId: string,
  id: string,
  set: PgUpdateSetSource<typeof webhooks>,
): Promise<WebhookRow | undefined> {
  const [row] = await db
    .update(webhooks)
    .set(set)
    .where(and(eq(webhooks.id, id), eq(webhooks.userId, userId)))
    .returning();
  return row;
}

export async function removeWebhook(db: Executor, userId: string, id: string): Promise<boolean> {
  const rows = await db
    .delete(webhooks)
    .where(and(eq(webhooks.id, id), eq(webhooks.userId, userId)))
    .returning({ id: webhooks.id });
  return rows.length > 0;
}

/** Whether the user's e-mail address was confirmed. */
export async function isConfirmed(db: Executor, userId: string): Promise<boolean> {
  const [row] = await db.select({ confirmed: user.emailVerified }).from(user).where(eq(user.id, userId));
  return row?.confirmed ?? false;
}

/** Notes that an address is its user's. @returns false when the user has it no more */
export async function confirm(db: Executor, userId: string, email: string): Promise<boolean> {
  const rows = await db
    .update(user)
    .set({ emailVerified: true })
    .where(and(eq(user.id, userId), eq(user.email, email)))
    .returning({ id: user.id });
  return rows.length > 0;
}

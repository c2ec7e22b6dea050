import { eq, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import { notificationDeliveries, notifications, webhooks } from "./schema.ts";

/**
 * Seconds from one attempt to the next, about 28 hours in all.
 * Source: Standard Webhooks 1.0.0, "Deliverability and reliability".
 */
export const RETRY_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000] as const;
/** Days for which what was sent, and what people were told, is kept. */
const KEPT_DAYS = { deliveries: 30, notifications: 180 };

/** A message that this process is to send now. */
export interface Claim {
  id: string;
  /** Counting this one; later writes are good only while nobody has claimed it since. */
  attempts: number;
  /** Null for e-mail. */
  webhookId: string | null;
}

/**
 * Takes messages that are due, the oldest first, for `leaseSeconds`: who dies meanwhile leaves them due again.
 * @param busy webhooks that get nothing more at the moment
 */
export async function claimDue(
  db: Executor,
  { limit, leaseSeconds, busy }: { limit: number; leaseSeconds: number; busy: string[] },
): Promise<Claim[]> {
  const { rows } = await db.execute<Claim & Record<string, unknown>>(sql`
    UPDATE ${notificationDeliveries}
       SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => ${leaseSeconds})
     WHERE id IN (
       SELECT id FROM ${notificationDeliveries}
        WHERE state = 'pending' AND next_attempt_at <= now()
          AND (webhook_id IS NULL OR webhook_id <> ALL(${sql.param(busy)}::uuid[]))
        ORDER BY next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id, attempts, webhook_id AS "webhookId"`);
  return rows;
}

/** Everything that a message is made of; undefined when it was removed meanwhile. */
export async function messageOf(db: Executor, id: string) {
  const [row] = await db
    .select({
      delivery: notificationDeliveries,
      notification: notifications,
      webhook: webhooks,
      email: user.email,
    })
    .from(notificationDeliveries)
    .innerJoin(notifications, eq(notifications.id, notificationDeliveries.notificationId))
    .innerJoin(user, eq(user.id, notifications.userId))
    .leftJoin(webhooks, eq(webhooks.id, notificationDeliveries.webhookId))
    .where(eq(notificationDeliveries.id, id));
  return row;
}

export type Message = NonNullable<Awaited<ReturnType<typeof messageOf>>>;

const isMine = ({ id, attempts }: Claim) =>
  sql`${notificationDeliveries.id} = ${id} AND ${notificationDeliveries.attempts} = ${attempts}
      AND ${notificationDeliveries.state} = 'pending'`;

/** @returns false when somebody else has it by now */
export async function endDelivery(
  db: Executor,
  claim: Claim,
  state: "delivered" | "failed",
  error: string | null,
): Promise<boolean> {
  const rows = await db
    .update(notificationDeliveries)
    .set({ state, lastError: error, endedAt: sql`now()` })
    .where(isMine(claim))
    .returning({ id: notificationDeliveries.id });
  return rows.length > 0;
}

/** Tries again after a while, a tenth sooner or later, so that what failed together does not come back together. */
export async function tryLater(
  db: Executor,
  claim: Claim,
  seconds: number,
  error: string | null,
): Promise<void> {
  await db
    .update(notificationDeliveries)
    .set({
      lastError: error,
      nextAttemptAt: sql`now() + make_interval(secs => ${seconds} * (0.9 + 0.2 * random()))`,
    })
    .where(isMine(claim));
}

/** Gives up what still waits for a webhook. */
export async function dropWaiting(db: Executor, webhookId: string): Promise<void> {
  await db
    .update(notificationDeliveries)
    .set({ state: "failed", endedAt: sql`now()`, lastError: "The webhook was switched off." })
    .where(
      sql`${notificationDeliveries.webhookId} = ${webhookId} AND ${notificationDeliveries.state} = 'pending'`,
    );
}

/** Forgets what is old. */
export async function forgetOld(db: Executor): Promise<void> {
  await db.execute(sql`
    DELETE FROM ${notificationDeliveries}
     WHERE state <> 'pending' AND ended_at < now() - make_interval(days => ${KEPT_DAYS.deliveries})`);
  await db.execute(sql`
    DELETE FROM ${notifications}
     WHERE created_at < now() - make_interval(days => ${KEPT_DAYS.notifications})`);
}

import { eq, sql } from "drizzle-orm";
import type { Database, Executor } from "../../db/client.ts";
import { planReservations, planUsage } from "./schema.ts";

/** Seconds that a reservation outlives its process by at most; it is renewed at a third of it. */
export const RESERVATION_SECONDS = 60;

export interface Quota {
  /** Calls in a UTC day. */
  requestsPerDay: number;
  /** Tokens in a UTC month. */
  tokensPerMonth: number;
}

/** One call that an account may make, and the tokens that it holds until it is settled. */
export interface Reservation {
  id: string;
  account: string;
  /** ISO dates, UTC: where the call and its tokens count. */
  day: string;
  month: string;
  tokens: number;
  /** Of the account, this call included. */
  requestsUsed: number;
  tokensUsed: number;
}

/** How a call ended, for its account's quota. */
export interface Settlement {
  reservation: Reservation;
  /** Tokens that count. */
  tokens: number;
  /** Whether the call counts; one that delivered nothing does not. */
  counts: boolean;
}

/**
 * Takes one call and up to `wanted` tokens of an account's quota, at least `needed`; both or neither. One statement
 * that holds the account's row, so no two calls on any two instances are given the same.
 * @returns null when the quota does not allow it
 */
export async function reserve(
  db: Executor,
  { account, id, wanted, needed }: { account: string; id: string; wanted: number; needed: number },
  { requestsPerDay, tokensPerMonth }: Quota,
): Promise<Reservation | null> {
  // A day that began on another instance is never taken back: whoever waited for the row may bring an older date.
  const requests = sql`(CASE WHEN used.day >= excluded.day THEN used.requests ELSE 0 END)`;
  const tokens = sql`(CASE WHEN used.month >= excluded.month THEN used.tokens ELSE 0 END)`;
  const granted = sql`LEAST(${wanted}::bigint, ${tokensPerMonth}::bigint - ${tokens})`;
  const { rows } = await db.execute<{
    day: string;
    month: string;
    granted: string;
    requests: number;
    tokens: string;
  }>(sql`
    WITH taken AS (
      INSERT INTO ${planUsage} AS used (account, day, requests, month, tokens, granted)
      SELECT ${account}::text, today, 1, date_trunc('month', today)::date, first, first
      FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS today,
        LEAST(${wanted}::bigint, ${tokensPerMonth}::bigint) AS first) AS clock
      WHERE ${requestsPerDay}::int >= 1 AND ${needed}::bigint <= ${tokensPerMonth}::bigint
      ON CONFLICT (account) DO UPDATE SET
        day = GREATEST(used.day, excluded.day),
        requests = ${requests} + 1,
        month = GREATEST(used.month, excluded.month),
        tokens = ${tokens} + ${granted},
        granted = ${granted}
      WHERE ${requests} < ${requestsPerDay}::int AND ${tokens} + ${needed}::bigint <= ${tokensPerMonth}::bigint
      RETURNING day, requests, month, tokens, granted
    ), held AS (
      INSERT INTO ${planReservations} (id, account, month, tokens, expires_at)
      SELECT ${id}::uuid, ${account}::text, month, granted, now() + make_interval(secs => ${RESERVATION_SECONDS})
      FROM taken
    )
    SELECT day::text, month::text, granted, requests, tokens FROM taken`);
  const [row] = rows;
  if (!row) return null;
  return {
    id,
    account,
    day: row.day,
    month: row.month,
    tokens: Number(row.granted),
    requestsUsed: row.requests,
    tokensUsed: Number(row.tokens),
  };
}

/**
 * Counts what calls used instead of what they held; one that delivered nothing gives its request back too. To be run in
 * the transaction that records the calls, last: it holds the accounts' rows until the end.
 */
export async function settle(tx: Executor, settlements: readonly Settlement[]): Promise<void> {
  const accounts = [...new Set(settlements.map(({ reservation }) => reservation.account))].sort();
  await lockAccounts(tx, accounts);
  const ids = settlements.map(({ reservation }) => reservation.id);
  const { rows } = await tx.execute<{ id: string; tokens: string }>(
    sql`DELETE FROM ${planReservations} WHERE id = ANY (${sql.param(ids)}::uuid[]) RETURNING id, tokens`,
  );
  // What expired while its call ran was given back already.
  const held = new Map(rows.map(({ id, tokens }) => [id, Number(tokens)]));
  for (const account of accounts) {
    const days = new Map<string, number>();
    const months = new Map<string, number>();
    for (const { reservation, tokens, counts } of settlements) {
      if (reservation.account !== account) continue;
      const { id, day, month } = reservation;
      if (!counts) days.set(day, (days.get(day) ?? 0) + 1);
      months.set(month, (months.get(month) ?? 0) + tokens - (held.get(id) ?? 0));
    }
    await tx
      .update(planUsage)
      .set({
        requests: sql`GREATEST(0, ${planUsage.requests} - ${perDate(planUsage.day, days)})`,
        tokens: sql`GREATEST(0, ${planUsage.tokens} + ${perDate(planUsage.month, months)})`,
      })
      .where(eq(planUsage.account, account));
  }
}

/** The number that belongs to the date in a column, 0 for any other date. */
function perDate(column: typeof planUsage.day | typeof planUsage.month, numbers: Map<string, number>) {
  const cases = [...numbers].map(([date, number]) => sql`WHEN ${date}::date THEN ${number}::bigint`);
  return cases.length === 0 ? sql`0` : sql`(CASE ${column} ${sql.join(cases, sql` `)} ELSE 0 END)`;
}

/** Always in the same order, so that two who lock several do not wait for each other. */
async function lockAccounts(tx: Executor, accounts: string[]): Promise<void> {
  await tx.execute(
    sql`SELECT FROM ${planUsage} WHERE account = ANY (${sql.param(accounts)}::text[]) ORDER BY account FOR UPDATE`,
  );
}

/** Keeps the reservations of calls that are running. */
export async function renew(db: Executor, ids: string[]): Promise<void> {
  await db.execute(sql`
    UPDATE ${planReservations} SET expires_at = now() + make_interval(secs => ${RESERVATION_SECONDS})
    WHERE id = ANY (${sql.param(ids)}::uuid[])`);
}

/**
 * Gives back what calls of dead processes held. Their requests stay counted: what they delivered is not known.
 * @param account only this one's; all when left out
 * @returns how many there were
 */
export async function reclaim(db: Database, account?: string): Promise<number> {
  const expired = await db
    .selectDistinct({ account: planReservations.account })
    .from(planReservations)
    .where(
      sql`${planReservations.expiresAt} < now() AND (${account ?? null}::text IS NULL OR ${planReservations.account} = ${account ?? null})`,
    )
    .limit(1000);
  let reclaimed = 0;
  for (const each of expired) {
    reclaimed += await db.transaction(async (tx) => {
      await lockAccounts(tx, [each.account]);
      const { rows } = await tx.execute(sql`
        WITH gone AS (
          DELETE FROM ${planReservations} WHERE account = ${each.account} AND expires_at < now()
          RETURNING month, tokens
        ), given AS (
          UPDATE ${planUsage} AS used
          SET tokens = GREATEST(0, used.tokens - back.tokens)
          FROM (SELECT month, sum(tokens)::bigint AS tokens FROM gone GROUP BY month) AS back
          WHERE used.account = ${each.account} AND used.month = back.month
        )
        SELECT FROM gone`);
      return rows.length;
    });
  }
  return reclaimed;
}

/** What an account used today and this month (UTC); of the tokens, `reserved` are held by calls that are running. */
export async function usedOf(
  db: Executor,
  account: string,
): Promise<{ requests: number; tokens: number; reserved: number }> {
  const { rows } = await db.execute<{ requests: string; tokens: string; reserved: string }>(sql`
    SELECT CASE WHEN day = today THEN requests ELSE 0 END AS requests,
      CASE WHEN month = date_trunc('month', today)::date THEN tokens ELSE 0 END AS tokens,
      (SELECT coalesce(sum(tokens), 0) FROM ${planReservations} AS held
        WHERE held.account = used.account AND held.month = date_trunc('month', today)::date) AS reserved
    FROM ${planUsage} AS used, (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS clock
    WHERE used.account = ${account}`);
  const [row] = rows;
  return {
    requests: Number(row?.requests ?? 0),
    tokens: Number(row?.tokens ?? 0),
    reserved: Number(row?.reserved ?? 0),
  };
}

/** When the day and the month end, in UTC. */
export function resets(now = new Date()): { day: Date; month: Date } {
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  return { day: new Date(Date.UTC(year, month, day + 1)), month: new Date(Date.UTC(year, month + 1, 1)) };
}

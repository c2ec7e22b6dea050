import { and, eq, inArray, or, sql } from "drizzle-orm";
import { invalid } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { walletsOf } from "../wallets/service.ts";
import { accountRefsOf } from "./accounts.ts";
import { quotedPayments, unquotedPayments } from "./events.ts";
import { matchPayments } from "./matching.ts";
import { payments } from "./schema.ts";
import type { PaymentView } from "./shapes.ts";
import { viewPayments, viewUnquoted } from "./view.ts";

/** Where a page ended: the time and id of its last payment. */
interface Cursor {
  at: string;
  id: string;
}

/**
 * The payments of the caller and their groups, quoted or not, the newest first.
 * @param cursor `next` of the page before; left out: the first page
 * @throws AppError `invalid_request` (400) for a cursor that no page gave
 */
export async function paymentHistory(
  deps: Deps,
  userId: string,
  { cursor, limit = 50 }: { cursor?: string; limit?: number } = {},
): Promise<{ payments: PaymentView[]; next: string | null }> {
  const after = cursor === undefined ? null : readCursor(cursor);
  const { accounts, wallets } = await payerOf(deps, userId);
  await matchPayments(deps, accounts);
  const mine = or(eq(payments.userId, userId), inArray(payments.account, accounts));
  const before =
    after &&
    sql`(${payments.createdAt}, ${payments.id}::text COLLATE "C") < (${after.at}::timestamptz, ${after.id})`;
  const [quoted, unquoted] = await Promise.all([
    quotedPayments(deps.db, and(mine, before ?? undefined), limit + 1),
    unquotedPayments(
      deps.db,
      (events) =>
        and(
          or(inArray(events.account, accounts), inArray(events.payer, wallets)),
          after
            ? sql`(to_timestamp(${events.blockTimestamp}::float8), ${events.id} COLLATE "C") < (${after.at}::timestamptz, ${after.id})`
            : undefined,
        ),
      limit + 1,
    ),
  ]);
  const rows = [
    ...quoted.map((row) => ({ at: row.payment.createdAt.toISOString(), id: row.payment.id, quoted: row })),
    ...unquoted.map((row) => ({ at: timeOf(row.event.blockTimestamp), id: row.event.id, unquoted: row })),
  ].sort((a, b) => b.at.localeCompare(a.at) || (b.id < a.id ? -1 : 1));
  const page = rows.slice(0, limit);
  const views = new Map(
    (
      await viewPayments(
        deps,
        userId,
        page.flatMap((row) => ("quoted" in row ? [row.quoted] : [])),
      )
    ).map((view) => [view.id, view]),
  );
  const last = page.at(-1);
  return {
    payments: page.map((row) => ("quoted" in row ? views.get(row.id)! : viewUnquoted(deps, row.unquoted))),
    next: rows.length > limit && last ? writeCursor(last) : null,
  };
}

const timeOf = (seconds: bigint) => new Date(Number(seconds) * 1000).toISOString();

/** The account references and wallets of a user, all of whose payments are theirs to see. */
export async function payerOf(deps: Deps, userId: string) {
  const [accounts, wallets] = await Promise.all([accountRefsOf(deps, userId), walletsOf(deps, userId)]);
  return { accounts, wallets: wallets.map(({ address }) => address as string) };
}

const writeCursor = ({ at, id }: Cursor) => Buffer.from(`${at}|${id}`).toString("base64url");

function readCursor(text: string): Cursor {
  const [at = "", id = ""] = Buffer.from(text, "base64url").toString("utf8").split("|");
  const time = new Date(at);
  if (Number.isNaN(time.getTime()) || time.toISOString() !== at || !/^[\w:-]+$/.test(id)) {
    throw invalid("cursor", "cursor: not one of a page before", "Leave it out for the first page.");
  }
  return { at, id };
}

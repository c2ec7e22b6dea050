import { invalid, notFound } from "../../core/errors.ts";
import type { SessionUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { KINDS, NOTIFICATION_KINDS } from "./kinds.ts";
import * as queries from "./queries.ts";
import type { NotificationView, PreferencesView } from "./shapes.ts";

const MAX_UNREAD = 100;

/**
 * The user's notifications, the newest first.
 * @param cursor `next` of the page before; left out: the first page
 * @throws AppError `invalid_request` (400) for a cursor that no page gave
 */
export async function listNotifications(
  deps: Deps,
  userId: string,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
): Promise<{ notifications: NotificationView[]; next: string | null }> {
  const before = cursor === undefined ? undefined : Number(cursor);
  if (before !== undefined && !(Number.isSafeInteger(before) && before > 0)) {
    throw invalid("cursor", "cursor: is not one that a page gave");
  }
  const rows = await queries.notificationsOf(deps.db, userId, { before, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { notifications: page.map(view), next: rows.length > limit && last ? String(last.no) : null };
}

/** @returns at most 100 */
export function countUnread(deps: Deps, userId: string): Promise<number> {
  return queries.unreadCount(deps.db, userId, MAX_UNREAD);
}

/** Marks one as read; again changes nothing. @throws AppError `not_found` (404), for somebody else's too */
export async function readOne(deps: Deps, userId: string, id: string): Promise<void> {
  if (!(await queries.notificationOf(deps.db, userId, id))) throw notFound("The notification");
  await queries.markRead(deps.db, userId, { id });
}

/**
 * Marks a notification and all that are older as read: what came while the page was open stays unread.
 * @throws AppError `not_found` (404)
 */
export async function readUpTo(deps: Deps, userId: string, id: string): Promise<void> {
  const newest = await queries.notificationOf(deps.db, userId, id);
  if (!newest) throw notFound("The notification");
  await queries.markRead(deps.db, userId, { upTo: newest.no });
}

export async function getPreferences(deps: Deps, user: SessionUser): Promise<PreferencesView> {
  const chosen = new Map((await queries.preferencesOf(deps.db, user.id)).map((row) => [row.kind, row]));
  return {
    email: {
      available: deps.config.SMTP_URL !== undefined,
      address: user.email,
      confirmed: await queries.isConfirmed(deps.db, user.id),
    },
    kinds: NOTIFICATION_KINDS.map((kind) => {
      const { label, defaults } = KINDS[kind];
      const { inApp, email, webhook } = chosen.get(kind) ?? defaults;
      return { kind, label, inApp, email, webhook };
    }),
  };
}

/** Changes the kinds that are named. @throws AppError `invalid_request` (400) for one that is named twice */
export async function setPreferences(
  deps: Deps,
  user: SessionUser,
  kinds: queries.PreferenceRow[],
): Promise<PreferencesView> {
  if (new Set(kinds.map(({ kind }) => kind)).size < kinds.length) {
    throw invalid("kinds", "kinds: one is named twice");
  }
  await queries.storePreferences(deps.db, user.id, kinds);
  return getPreferences(deps, user);
}

function view(row: queries.NotificationRow): NotificationView {
  const { id, kind, title, body, link } = row;
  const times = { createdAt: row.createdAt.toISOString(), readAt: row.readAt?.toISOString() ?? null };
  return { id, kind, title, body, link, ...times };
}

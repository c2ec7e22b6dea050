import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import { groupMembers } from "../groups/schema.ts";
import { KINDS, type NotificationKind } from "./kinds.ts";
import { notificationDeliveries, notificationPreferences, notifications, webhooks } from "./schema.ts";

/** Who is told: a user, or a group's members. */
export type Audience = { userId: string } | { groupId: string };

export interface Notice {
  /** What it tells of: nobody is told of the same key twice. */
  key: string;
  kind: NotificationKind;
  title: string;
  body: string;
  /** A path of the site. */
  link: string;
  /** What webhooks get of it, JSON. */
  data: Record<string, unknown>;
}

/**
 * Tells people something, each by the channels that they chose, in the caller's transaction: one statement writes what
 * the site shows and what has to be sent, or nothing at all is written.
 */
export async function notify(tx: Executor, audience: Audience, notice: Notice): Promise<void> {
  const { key, kind, title, body, link, data } = notice;
  const { defaults } = KINDS[kind];
  await tx.execute(sql`
    WITH told AS (
      SELECT each.user_id, coalesce(chosen.in_app, ${defaults.inApp}) AS in_app,
             coalesce(chosen.email, ${defaults.email}) AS email,
             coalesce(chosen.webhook, ${defaults.webhook}) AS webhook
        FROM (${recipients(audience)}) each
        LEFT JOIN ${notificationPreferences} chosen ON chosen.user_id = each.user_id AND chosen.kind = ${kind}
    ), noted AS (
      INSERT INTO ${notifications} (user_id, key, kind, title, body, link, data, in_app)
      SELECT user_id, ${key}, ${kind}, ${title}, ${body}, ${link}, ${JSON.stringify(data)}::jsonb, in_app
        FROM told WHERE in_app OR email OR webhook
      ON CONFLICT (user_id, key) DO NOTHING
      RETURNING id, user_id
    )
    INSERT INTO ${notificationDeliveries} (notification_id, channel, webhook_id)
    SELECT noted.id, 'email', NULL
      FROM noted JOIN told USING (user_id) JOIN ${user} person ON person.id = noted.user_id
     -- Anybody can register with an address of somebody else's: nothing is sent to one that was not confirmed.
     WHERE told.email AND person.email_verified
    UNION ALL
    SELECT noted.id, 'webhook', hook.id
      FROM noted JOIN told USING (user_id) JOIN ${webhooks} hook ON hook.user_id = noted.user_id
     WHERE told.webhook AND hook.enabled`);
}

function recipients(audience: Audience): SQL {
  return "userId" in audience
    ? sql`SELECT ${audience.userId}::uuid AS user_id`
    : sql`SELECT user_id FROM ${groupMembers} WHERE group_id = ${audience.groupId}`;
}

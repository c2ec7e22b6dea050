import * as client from "@aiforge/api/client";
import { unwrap } from "./http.ts";
import type * as t from "./types.ts";

/** What users are told, and by which channels. All throw {@link ApiError}. */
export const notifications = {
  list: (cursor?: string) => unwrap(client.listNotifications({ query: { cursor } })),
  unread: async () => (await unwrap(client.countUnreadNotifications())).unread,
  read: (id: string) => unwrap(client.readNotification({ path: { id } })),
  /** Marks this one and all older ones as read. */
  readUpTo: (upTo: string) => unwrap(client.readNotifications({ body: { upTo } })),
  preferences: () => unwrap<t.NotificationPreferences>(client.getNotificationPreferences()),
  prefer: (kinds: t.NotificationChoice[]) =>
    unwrap<t.NotificationPreferences>(client.setNotificationPreferences({ body: { kinds } })),
  /** Sends a link to one's own address, by which it is confirmed. */
  sendConfirmation: () => unwrap(client.sendEmailConfirmation()),
  /** @param token of that link */
  confirmEmail: async (token: string) => (await unwrap(client.confirmEmail({ body: { token } }))).address,
  webhooks: async () => (await unwrap(client.listWebhooks())).webhooks,
  createWebhook: (url: string) => unwrap(client.createWebhook({ body: { url } })),
  changeWebhook: (id: string, body: { url?: string; enabled?: boolean }) =>
    unwrap<t.Webhook>(client.changeWebhook({ path: { id }, body })),
  removeWebhook: (id: string) => unwrap(client.removeWebhook({ path: { id } })),
  rotateWebhook: (id: string) => unwrap(client.rotateWebhookSecret({ path: { id } })),
  testWebhook: (id: string) => unwrap(client.testWebhook({ path: { id } })),
};

import { z } from "@hono/zod-openapi";
import { NOTIFICATION_KINDS } from "./kinds.ts";

const kind = z.enum(NOTIFICATION_KINDS);

export const notificationSchema = z
  .object({
    id: z.uuid(),
    kind,
    title: z.string(),
    body: z.string(),
    link: z.string().openapi({ description: "A path of the site", example: "/jobs/…" }),
    createdAt: z.iso.datetime(),
    readAt: z.iso.datetime().nullable(),
  })
  .openapi("Notification");
export type NotificationView = z.infer<typeof notificationSchema>;

export const unreadSchema = z.object({
  unread: z.number().int().openapi({ description: "At most 100" }),
});

const preference = z.object({ kind, inApp: z.boolean(), email: z.boolean(), webhook: z.boolean() });
export const preferencesBody = z.object({
  kinds: z.array(preference).min(1).max(NOTIFICATION_KINDS.length),
});
export const preferencesSchema = z
  .object({
    email: z.object({
      available: z.boolean().openapi({ description: "Whether this server sends e-mail" }),
      address: z.string().nullable().openapi({ description: "Where to; null for an account without one" }),
      confirmed: z.boolean().openapi({ description: "Only to a confirmed address anything is sent" }),
    }),
    kinds: z.array(preference.extend({ label: z.string() })),
  })
  .openapi("NotificationPreferences");
export type PreferencesView = z.infer<typeof preferencesSchema>;

export const webhookSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    enabled: z.boolean(),
    disabledReason: z.string().nullable().openapi({ description: "Why it was switched off by itself" }),
    lastAttemptAt: z.iso.datetime().nullable(),
    lastSuccessAt: z.iso.datetime().nullable(),
    lastStatus: z.number().int().nullable().openapi({ description: "HTTP status; null without an answer" }),
    lastError: z.string().nullable(),
    oldSecretUntil: z.iso
      .datetime()
      .nullable()
      .openapi({ description: "Until then the old secret signs too" }),
    createdAt: z.iso.datetime(),
  })
  .openapi("Webhook");
export type WebhookView = z.infer<typeof webhookSchema>;

export const webhookBody = z.object({ url: z.string().trim().min(1).max(2_048) });
export const webhookChange = webhookBody
  .partial()
  .extend({ enabled: z.boolean().optional() })
  .refine(({ url, enabled }) => url !== undefined || enabled !== undefined, "nothing to change");
export const webhookWithSecret = z
  .object({
    webhook: webhookSchema,
    secret: z.string().openapi({ description: "Shown this once", example: "whsec_…" }),
  })
  .openapi("WebhookWithSecret");

export const webhookTestSchema = z
  .object({
    ok: z.boolean(),
    status: z.number().int().nullable(),
    error: z.string().nullable(),
    ms: z.number().int(),
    webhook: webhookSchema,
  })
  .openapi("WebhookTest");

/** What people are told of. Webhooks get the same names as event types. */
export const NOTIFICATION_KINDS = [
  "job.started",
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.paid",
  "job.refunded",
  "webhook.disabled",
] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];

export const CHANNELS = ["inApp", "email", "webhook"] as const;
export type Channel = (typeof CHANNELS)[number];

export interface KindRules {
  /** For people. */
  label: string;
  /** Where it goes as long as nobody chose. */
  defaults: Record<Channel, boolean>;
}

const EVERYWHERE = { inApp: true, email: true, webhook: true };
const NO_MAIL = { inApp: true, email: false, webhook: true };

export const KINDS: Record<NotificationKind, KindRules> = {
  "job.started": { label: "A job started", defaults: NO_MAIL },
  "job.completed": { label: "A job is done", defaults: EVERYWHERE },
  "job.failed": { label: "A job failed or ran out of time", defaults: EVERYWHERE },
  "job.cancelled": { label: "A job was cancelled", defaults: NO_MAIL },
  "job.paid": { label: "A job's node was paid", defaults: NO_MAIL },
  "job.refunded": { label: "A job was refunded", defaults: EVERYWHERE },
  // A webhook that does not answer cannot be told so.
  "webhook.disabled": { label: "A webhook was switched off", defaults: { ...EVERYWHERE, webhook: false } },
};

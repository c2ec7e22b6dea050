import { eq, sql } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import type { Mailer } from "./mail.ts";
import { notify } from "./notify.ts";
import {
  type Claim,
  dropWaiting,
  endDelivery,
  type Message,
  messageOf,
  RETRY_SECONDS,
  tryLater,
} from "./outbox.ts";
import { webhooks } from "./schema.ts";
import { outcomeOf, postTo } from "./webhooks.ts";

/** A webhook that failed so often in a row is switched off before its first message is given up. */
const MAX_FAILURES = 100;
/** "Do not call again", as Standard Webhooks has it. */
const GONE = 410;

/** Between them a process can end: what was not noted is sent again. */
export type DeliveryStep = "claimed" | "sent";
type OnStep = ((step: DeliveryStep) => void) | undefined;

/** Sends one message that was claimed, and notes how it went. */
export async function deliver(deps: Deps, mailer: Mailer | null, claim: Claim, at: OnStep): Promise<void> {
  const message = await messageOf(deps.db, claim.id);
  if (!message) return;
  if (message.delivery.channel === "email") await deliverMail(deps, mailer, claim, message, at);
  else await deliverWebhook(deps, claim, message, at);
}

async function deliverMail(
  deps: Deps,
  mailer: Mailer | null,
  claim: Claim,
  { notification: { title, body, link }, email }: Message,
  at: OnStep,
): Promise<void> {
  // Kept until there is a server, old news would come all at once.
  if (!mailer) {
    await endDelivery(deps.db, claim, "failed", "This server sends no e-mail.");
    return;
  }
  const { PUBLIC_URL } = deps.config;
  const result = await mailer.send({
    id: claim.id,
    to: email,
    subject: title,
    text: `${body}\n\n${PUBLIC_URL}${link}\n\n--\nChoose what you are told: ${PUBLIC_URL}/account\n`,
  });
  at?.("sent");
  if (result.ok) await endDelivery(deps.db, claim, "delivered", null);
  else await later(deps, claim, result.error, result.final);
}

async function deliverWebhook(deps: Deps, claim: Claim, message: Message, at: OnStep): Promise<void> {
  const { webhook, notification } = message;
  if (!webhook?.enabled) {
    await endDelivery(deps.db, claim, "failed", "The webhook was switched off.");
    return;
  }
  const result = await postTo(deps, webhook, { id: `msg_${claim.id}`, body: bodyOf(deps, notification) });
  at?.("sent");
  await deps.db
    .update(webhooks)
    .set({ ...outcomeOf(result), failures: result.ok ? 0 : sql`${webhooks.failures} + 1` })
    .where(eq(webhooks.id, webhook.id));
  if (result.ok) {
    await endDelivery(deps.db, claim, "delivered", null);
    return;
  }
  const gone = result.status === GONE;
  const last = await later(deps, claim, result.error, gone);
  await switchOff(deps, webhook.id, message, { last, gone });
}

/** The same bytes on every attempt: only the time in the signature is another. */
function bodyOf(
  { config: { PUBLIC_URL } }: Deps,
  { id, kind, title, body, link, data, createdAt }: Message["notification"],
): string {
  return JSON.stringify({
    type: kind,
    timestamp: createdAt.toISOString(),
    data: { notificationId: id, title, body, url: PUBLIC_URL + link, ...data },
  });
}

/** @returns whether it was the last attempt */
async function later(deps: Deps, claim: Claim, error: string | null, final: boolean): Promise<boolean> {
  const seconds = RETRY_SECONDS[claim.attempts - 1];
  if (!final && seconds !== undefined) {
    await tryLater(deps.db, claim, seconds, error);
    return false;
  }
  return endDelivery(deps.db, claim, "failed", error);
}

/**
 * Switches a webhook off that is gone, failed a hundred times in a row, or took nothing since a message was written that
 * is given up now; its owner is told by the other channels.
 */
async function switchOff(
  deps: Deps,
  id: string,
  { delivery }: Message,
  { last, gone }: { last: boolean; gone: boolean },
): Promise<void> {
  const reason = gone
    ? "It answered 410, gone."
    : last
      ? "It took no message for more than a day."
      : `It failed ${MAX_FAILURES} times in a row.`;
  await deps.db.transaction(async (tx) => {
    const [off] = await tx
      .update(webhooks)
      .set({ enabled: false, disabledReason: reason })
      .where(
        sql`${webhooks.id} = ${id} AND ${webhooks.enabled} AND (
          ${gone} OR ${webhooks.failures} >= ${MAX_FAILURES} OR (${last} AND (
            ${webhooks.lastSuccessAt} IS NULL OR ${webhooks.lastSuccessAt} < ${delivery.createdAt.toISOString()}::timestamptz)))`,
      )
      .returning();
    if (!off) return;
    await dropWaiting(tx, id);
    await notify(
      tx,
      { userId: off.userId },
      {
        key: `webhook.disabled:${id}:${delivery.id}`,
        kind: "webhook.disabled",
        title: `The webhook at ${new URL(off.url).host} was switched off`,
        body: `${reason} Switch it on again once it works.`,
        link: "/account",
        data: { webhook: { id, url: off.url }, reason },
      },
    );
  });
}

import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Config } from "../../config.ts";
import { notFound } from "../../core/errors.ts";
import { type Seal, seal, unseal } from "../../core/seal.ts";
import type { Deps } from "../../deps.ts";
import { sameWebhook, tooManyWebhooks } from "./errors.ts";
import { limitChanges, limitTests, MAX_WEBHOOKS } from "./limits.ts";
import * as queries from "./queries.ts";
import type { WebhookView } from "./shapes.ts";
import { type CallResult, callWebhook } from "./webhook-call.ts";
import { newWebhookSecret, signedHeaders } from "./webhook-signature.ts";
import { readWebhookUrl } from "./webhook-url.ts";

/** Hours for which the secret before a change signs too. */
const OLD_SECRET_HOURS = 24;

/** Whether this is nobody's but a developer's machine: only there may webhooks call it. */
const isDemo = ({ chains }: Config) => chains.every(({ demo }) => demo);

const sealOf = ({ AUTH_SECRET }: Config, webhookId: string): Seal => ({
  secret: AUTH_SECRET,
  purpose: "aiforge secrets of webhooks v1",
  owner: webhookId,
});

export async function listWebhooks(deps: Deps, userId: string): Promise<WebhookView[]> {
  return (await queries.webhooksOf(deps.db, userId)).map(view);
}

/**
 * Adds a webhook.
 * @returns the secret this once
 * @throws AppError `invalid_request` (400), `too_many_webhooks`, `webhook_exists` (409), `too_many_attempts` (429)
 */
export async function createWebhook(
  deps: Deps,
  userId: string,
  body: { url: string },
): Promise<{ webhook: WebhookView; secret: string }> {
  await limitChanges(deps, userId);
  const url = readWebhookUrl(body.url, { demo: isDemo(deps.config) }).url.href;
  const id = randomUUID();
  const secret = newWebhookSecret();
  const row = await deps.db.transaction(async (tx) => {
    await queries.lockWebhooksOf(tx, userId);
    const all = await queries.webhooksOf(tx, userId);
    if (all.length >= MAX_WEBHOOKS) throw tooManyWebhooks();
    if (all.some((one) => one.url === url)) throw sameWebhook();
    return queries.insertWebhook(tx, {
      id,
      userId,
      url,
      sealedSecret: seal(secret, sealOf(deps.config, id)),
    });
  });
  return { webhook: view(row), secret };
}

/**
 * Changes the address, or switches a webhook on or off; switched on, it begins with a clean slate.
 * @throws AppError `not_found` (404), `invalid_request` (400), `webhook_exists` (409), `too_many_attempts` (429)
 */
export async function changeWebhook(
  deps: Deps,
  userId: string,
  id: string,
  { url, enabled }: { url?: string | undefined; enabled?: boolean | undefined },
): Promise<WebhookView> {
  await limitChanges(deps, userId);
  const href = url === undefined ? undefined : readWebhookUrl(url, { demo: isDemo(deps.config) }).url.href;
  const row = await deps.db.transaction(async (tx) => {
    await queries.lockWebhooksOf(tx, userId);
    const others = (await queries.webhooksOf(tx, userId)).filter((one) => one.id !== id);
    if (others.some((one) => one.url === href)) throw sameWebhook();
    return queries.changeWebhook(tx, userId, id, {
      ...(href === undefined ? {} : { url: href }),
      ...(enabled === undefined ? {} : { enabled, disabledReason: null }),
      ...(enabled ? { failures: 0 } : {}),
    });
  });
  if (!row) throw notFound("The webhook");
  return view(row);
}

/** Removes a webhook and what was still to be sent to it. @throws AppError `not_found` (404) */
export async function deleteWebhook(deps: Deps, userId: string, id: string): Promise<void> {
  if (!(await queries.removeWebhook(deps.db, userId, id))) throw notFound("The webhook");
}

/**
 * Gives a webhook a new secret; for a day the old one signs too.
 * @returns the new secret this once
 * @throws AppError `not_found` (404), `too_many_attempts` (429)
 */
export async function rotateSecret(
  deps: Deps,
  userId: string,
  id: string,
): Promise<{ webhook: WebhookView; secret: string }> {
  await limitChanges(deps, userId);
  const secret = newWebhookSecret();
  const row = await queries.changeWebhook(deps.db, userId, id, {
    sealedSecret: seal(secret, sealOf(deps.config, id)),
    // The column's value before this change.
    sealedOldSecret: sql`sealed_secret`,
    oldSecretUntil: sql`now() + make_interval(hours => ${OLD_SECRET_HOURS})`,
  });
  if (!row) throw notFound("The webhook");
  return { webhook: view(row), secret };
}

/**
 * Sends a message at once, to a webhook that is switched off too.
 * @throws AppError `not_found` (404), `too_many_attempts` (429)
 */
export async function testWebhook(
  deps: Deps,
  userId: string,
  id: string,
): Promise<CallResult & { ms: number; webhook: WebhookView }> {
  const row = await queries.webhookOf(deps.db, userId, id);
  if (!row) throw notFound("The webhook");
  await limitTests(deps, userId);
  const body = JSON.stringify({
    type: "webhook.test",
    timestamp: new Date().toISOString(),
    data: { message: "This is a test of AIForge's." },
  });
  const begun = performance.now();
  const result = await postTo(deps, row, { id: `msg_${randomUUID()}`, body });
  const ms = Math.round(performance.now() - begun);
  const stored = await queries.changeWebhook(deps.db, userId, id, outcomeOf(result));
  return { ...result, ms, webhook: view(stored ?? row) };
}

/** What is kept of a call. */
export function outcomeOf({ ok, status, error }: CallResult) {
  const now = sql`now()`;
  return { lastStatus: status, lastError: error, lastAttemptAt: now, ...(ok ? { lastSuccessAt: now } : {}) };
}

/** Signs a message and posts it to a webhook, if it may still be called there. */
export async function postTo(
  deps: Deps,
  row: queries.WebhookRow,
  { id, body }: { id: string; body: string },
): Promise<CallResult> {
  const failed = (error: string): CallResult => ({ ok: false, status: null, error });
  try {
    const by = sealOf(deps.config, row.id);
    const secrets = [unseal(row.sealedSecret, by)];
    const old = row.oldSecretUntil && row.oldSecretUntil > new Date() ? row.sealedOldSecret : null;
    if (old) secrets.push(unseal(old, by));
    const headers = signedHeaders({ id, timestamp: Math.floor(Date.now() / 1000), body }, secrets);
    return await callWebhook(readWebhookUrl(row.url, { demo: isDemo(deps.config) }), { headers, body });
  } catch (error) {
    deps.log.warn({ err: error, webhookId: row.id }, "a webhook could not be called");
    return failed("It cannot be called any more: change its secret, or its address.");
  }
}

function view(row: queries.WebhookRow): WebhookView {
  const { id, url, enabled, disabledReason, lastStatus, lastError } = row;
  const pending = row.oldSecretUntil && row.oldSecretUntil > new Date() ? row.oldSecretUntil : null;
  return {
    id,
    url,
    enabled,
    disabledReason,
    lastStatus,
    lastError,
    lastAttemptAt: row.lastAttemptAt?.toISOString() ?? null,
    lastSuccessAt: row.lastSuccessAt?.toISOString() ?? null,
    oldSecretUntil: pending?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

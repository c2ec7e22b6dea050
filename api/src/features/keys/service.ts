import { createHash, randomBytes } from "node:crypto";
import { invalid, notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { MAX_KEYS, tooManyKeys, unknownKeyModels } from "./errors.ts";
import * as queries from "./queries.ts";
import { KEY_SCOPES, type KeyScope } from "./schema.ts";
import type { KeyView, UsageView } from "./shapes.ts";

/** What every secret begins with. */
export const KEY_PREFIX = "aif_";
const SECRET = /^aif_[A-Za-z0-9_-]{43}$/;

/** What the gateway knows of a key that works. */
export interface ActiveKey {
  id: string;
  userId: string;
  scopes: readonly KeyScope[];
  /** Null for every model that its owner may use. */
  modelIds: string[] | null;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/**
 * Makes a key.
 * @returns the secret this once; only its sha-256 is kept
 * @throws AppError `invalid_request`, `unknown_models` (400), `too_many_keys` (409)
 */
export async function createKey(
  deps: Deps,
  userId: string,
  {
    name,
    expiresAt,
    modelIds,
    scopes = ["models"],
  }: { name: string; expiresAt?: string | null; modelIds?: string[] | null; scopes?: KeyScope[] },
): Promise<{ key: KeyView; secret: string }> {
  const expires = expiresAt ? new Date(expiresAt) : null;
  if (expires && expires.getTime() <= Date.now()) throw invalid("expiresAt", "expiresAt: is in the past");
  if (modelIds) {
    const known = new Set(await queries.existingModelIds(deps.db, modelIds));
    const unknown = modelIds.filter((id) => !known.has(id));
    if (unknown.length > 0) throw unknownKeyModels(unknown);
  }
  const secret = `${KEY_PREFIX}${randomBytes(32).toString("base64url")}`;
  const row = await deps.db.transaction(async (tx) => {
    await queries.lockKeysOfUser(tx, userId);
    if ((await queries.workingKeyCount(tx, userId)) >= MAX_KEYS) throw tooManyKeys();
    return queries.insertKey(tx, {
      userId,
      name,
      prefix: secret.slice(0, 8),
      secretHash: sha256(secret),
      scopes: KEY_SCOPES.filter((scope) => scopes.includes(scope)),
      modelIds: modelIds ?? null,
      expiresAt: expires,
    });
  });
  return { key: view(row), secret };
}

export async function listKeys(deps: Deps, userId: string): Promise<KeyView[]> {
  return (await queries.keysOfUser(deps.db, userId)).map(view);
}

/** Revokes a key for good: at once here, within two seconds on other instances. @throws AppError `not_found` */
export async function revokeKey(deps: Deps, userId: string, id: string): Promise<void> {
  const secretHash = await queries.revokeKeyOfUser(deps.db, userId, id);
  if (!secretHash) throw notFound("The key");
  deps.keys.forget(secretHash);
}

/** The key behind a secret, null when there is none or it is revoked or expired. */
export async function activeKey(deps: Deps, secret: string): Promise<ActiveKey | null> {
  if (!SECRET.test(secret)) return null;
  const row = await deps.keys.find(sha256(secret));
  if (!row || row.revokedAt || (row.expiresAt && row.expiresAt.getTime() <= Date.now())) return null;
  return { id: row.id, userId: row.userId, scopes: row.scopes, modelIds: row.modelIds };
}

/** The user's calls, the newest first. */
export async function listUsage(
  deps: Deps,
  userId: string,
  page: { limit: number; before?: string },
): Promise<UsageView[]> {
  const rows = await queries.usageOfUser(deps.db, userId, {
    limit: page.limit,
    ...(page.before ? { before: new Date(page.before) } : {}),
  });
  return rows.map(({ price, at, ...row }) => ({ ...row, at: at.toISOString() }));
}

function view(row: queries.KeyRow): KeyView {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    scopes: row.scopes,
    modelIds: row.modelIds,
  };
}

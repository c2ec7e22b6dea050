import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { activeEntitlement, subscriptionsOf } from "../marketplace/service.ts";
import { accountRefsOf } from "../payments/accounts.ts";
import { onchainOf } from "../publishing/onchain.ts";
import { modelNotFound, notEntitled } from "./errors.ts";
import { findServedModel, type ServedModel, servedModels } from "./queries.ts";

/** Milliseconds for which a right that was found is believed; a refusal is never kept. */
const FRESH_MS = 3_000;
const MAX_CACHED = 10_000;

/** Rights that were found a moment ago, by user and model name. */
export class AccessCache {
  readonly #cached = new Map<string, { model: ServedModel; until: number }>();

  get(userId: string, name: string): ServedModel | undefined {
    const found = this.#cached.get(`${userId} ${name}`);
    return found && found.until > Date.now() ? found.model : undefined;
  }

  set(userId: string, name: string, model: ServedModel, activeUntil: number): void {
    if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
    this.#cached.set(`${userId} ${name}`, { model, until: Math.min(Date.now() + FRESH_MS, activeUntil) });
  }
}

/**
 * The model of that name, which the user may call: as a member of its group, or under an active subscription.
 * @param name its UUID or slug
 * @throws AppError `model_not_found` (404), `insufficient_quota` (402)
 */
export async function requireAccess(deps: Deps, userId: string, name: string): Promise<ServedModel> {
  const known = deps.gateway.access.get(userId, name);
  if (known) return known;
  const model = await findServedModel(deps.db, name);
  if (!model) throw modelNotFound(name);
  let activeUntil = Number.POSITIVE_INFINITY;
  if (!(await isMember(deps, userId, model))) {
    const entitlement = await activeEntitlement(deps, userId, model.id);
    if (!entitlement) throw (await isPublished(deps, model)) ? notEntitled(model.slug) : modelNotFound(name);
    activeUntil = entitlement.activeUntil.getTime();
  }
  deps.gateway.access.set(userId, name, model, activeUntil);
  return model;
}

/**
 * The model of that name, if the user may know of it: a published one, or one of their groups'.
 * @throws AppError `model_not_found` (404)
 */
export async function requireVisible(deps: Deps, userId: string, name: string): Promise<ServedModel> {
  const model = await findServedModel(deps.db, name);
  if (!model) throw modelNotFound(name);
  if ((await isMember(deps, userId, model)) || (await isPublished(deps, model))) return model;
  throw modelNotFound(name);
}

async function isMember(deps: Deps, userId: string, model: ServedModel): Promise<boolean> {
  return (await groupIdsOf(deps, userId)).includes(model.groupId);
}

async function isPublished(deps: Deps, model: ServedModel): Promise<boolean> {
  return (await onchainOf(deps, [model.id])).has(model.id);
}

/** Every model that the user may call. */
export async function callableModels(deps: Deps, userId: string): Promise<ServedModel[]> {
  const groupIds = await groupIdsOf(deps, userId);
  const subscriptions = await subscriptionsOf(deps, await accountRefsOf(deps, userId));
  const modelIds = subscriptions.filter(({ active }) => active).map(({ modelId }) => modelId);
  return servedModels(deps.db, { groupIds, modelIds });
}

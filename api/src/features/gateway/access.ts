import { accountRef } from "@aiforge/contracts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { activeEntitlement, subscriptionsOf } from "../marketplace/service.ts";
import { accountRefsOf } from "../payments/accounts.ts";
import { isListed, publishedByModel } from "../publishing/onchain.ts";
import { type PlanRight, planRightsOf } from "../subscriptions/rights.ts";
import { modelNotFound, notEntitled, notListedAnyMore } from "./errors.ts";
import { findServedModel, type ServedModel, servedModels } from "./queries.ts";

/** Milliseconds for which a right that was found is believed; a refusal is never kept. */
const FRESH_MS = 3_000;
const MAX_CACHED = 10_000;

/** By what a user may call a model: their group's own, an API subscription to it, or plans, the best first. */
export type Right = { kind: "owner" | "service"; account: string } | { kind: "plan"; plans: PlanRight[] };

/** A model that a user may call. */
export interface Access {
  model: ServedModel;
  right: Right;
}

/** Rights that were found a moment ago, by user and model name. */
export class AccessCache {
  readonly #cached = new Map<string, { access: Access; until: number }>();

  get(userId: string, name: string): Access | undefined {
    const found = this.#cached.get(`${userId} ${name}`);
    return found && found.until > Date.now() ? found.access : undefined;
  }

  set(userId: string, name: string, access: Access, activeUntil: number): void {
    if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
    this.#cached.set(`${userId} ${name}`, { access, until: Math.min(Date.now() + FRESH_MS, activeUntil) });
  }

  /** What was refused by its quota is looked up anew: a bigger plan may have been bought meanwhile. */
  forget(userId: string, name: string): void {
    this.#cached.delete(`${userId} ${name}`);
  }
}

/**
 * The model of that name, which the user may call: as a member of its group, under an API subscription to it, or under
 * their plan while it is listed and in the plans.
 * @param name its UUID or slug
 * @throws AppError `model_not_found`, `model_not_listed` (404), `insufficient_quota` (402)
 */
export async function requireAccess(deps: Deps, userId: string, name: string): Promise<Access> {
  const known = deps.gateway.access.get(userId, name);
  if (known) return known;
  const model = await findServedModel(deps.db, name);
  if (!model) throw modelNotFound(name);
  const { right, until } = await rightTo(deps, userId, model, name);
  const access = { model, right };
  deps.gateway.access.set(userId, name, access, until);
  return access;
}

async function rightTo(
  deps: Deps,
  userId: string,
  model: ServedModel,
  name: string,
): Promise<{ right: Right; until: number }> {
  if (await isMember(deps, userId, model)) {
    const right = { kind: "owner" as const, account: accountRef("group", model.groupId) };
    return { right, until: Number.POSITIVE_INFINITY };
  }
  const entitlement = await activeEntitlement(deps, userId, model.id);
  if (entitlement) {
    const { kind, id } = entitlement.via;
    const right = { kind: "service" as const, account: accountRef(kind, id) };
    return { right, until: entitlement.activeUntil.getTime() };
  }
  const published = (await publishedByModel(deps, [model.id])).get(model.id);
  if (!published) throw modelNotFound(name);
  if (!isListed(published)) throw notListedAnyMore(model.slug);
  if (!model.inPlans) throw notEntitled(model.slug);
  const plans = await planRightsOf(deps, userId);
  const ends = plans.map(({ activeUntil }) => activeUntil?.getTime() ?? Number.POSITIVE_INFINITY);
  return { right: { kind: "plan", plans }, until: Math.min(...ends) };
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
  return (await publishedByModel(deps, [model.id])).has(model.id);
}

/** Every model that the user may call: their groups', those they pay for, and what is listed in the plans. */
export async function callableModels(deps: Deps, userId: string): Promise<ServedModel[]> {
  const groupIds = await groupIdsOf(deps, userId);
  const subscriptions = await subscriptionsOf(deps, await accountRefsOf(deps, userId));
  const modelIds = subscriptions.filter(({ active }) => active).map(({ modelId }) => modelId);
  return servedModels(deps.db, { groupIds, modelIds });
}

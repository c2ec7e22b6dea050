import type { Deps } from "../../deps.ts";
import { notAnOwner } from "../groups/errors.ts";
import { requireMember } from "../groups/service.ts";
import { getModelForMember } from "../models/service.ts";

/**
 * A model whose money the caller may decide on: owners of its group set split, prices and publication.
 * @throws AppError `not_found` (404) for no such model and for another group's, `not_an_owner` (403)
 */
export async function requireModelOwner(deps: Deps, userId: string, modelId: string) {
  const model = await getModelForMember(deps, userId, modelId);
  const { role } = await requireMember(deps, userId, model.groupId);
  if (role !== "owner") throw notAnOwner();
  return model;
}

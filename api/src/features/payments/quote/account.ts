import { accountRef } from "@aiforge/contracts";
import type { Deps } from "../../../deps.ts";
import { requireMember } from "../../groups/service.ts";

/**
 * Who a purchase is for: the caller, or a group that the caller belongs to.
 * @throws AppError `not_found` (404)
 */
export async function accountFor(deps: Deps, userId: string, groupId?: string | null) {
  if (!groupId) return accountRef("user", userId);
  await requireMember(deps, userId, groupId);
  return accountRef("group", groupId);
}

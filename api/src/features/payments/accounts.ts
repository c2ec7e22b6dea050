import { accountRef } from "@aiforge/contracts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";

/** The account references that a user pays and is entitled by: their own and those of their groups. */
export async function accountRefsOf(deps: Deps, userId: string): Promise<string[]> {
  const groups = await groupIdsOf(deps, userId);
  return [accountRef("user", userId), ...groups.map((id) => accountRef("group", id))];
}

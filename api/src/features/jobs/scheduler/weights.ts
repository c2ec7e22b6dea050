import { type SQL, sql } from "drizzle-orm";
import type { Deps } from "../../../deps.ts";
import type { InputWeights } from "../../models/input-weights.ts";

/** The groups whose protected weights a job reads, sorted. */
export function groupsOf(weights: readonly InputWeights[]): string[] {
  return [...new Set(weights.flatMap(({ groupId }) => groupId ?? []))].sort();
}

/**
 * Whether a row of `app.nodes` may have the protected weights of all these groups, as `mayHaveProtected` says of one: an
 * admin verified it, or a member of each of them linked its wallet.
 */
export function mayRead(groups: readonly string[]): SQL {
  if (groups.length === 0) return sql`true`;
  return sql`(verified_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM unnest(${sql.param([...groups])}::uuid[]) AS needed(id) WHERE NOT EXISTS (
      SELECT FROM app.wallets wallet JOIN app.group_members member ON member.user_id = wallet.user_id
       WHERE wallet.address = nodes.address AND member.group_id = needed.id)))`;
}

/** Whether any node that takes jobs of an image, be it here now or not, may have the protected weights of these groups. */
export async function someNodeMayRead(
  { db }: Deps,
  groups: readonly string[],
  image: string,
): Promise<boolean> {
  const { rows } = await db.execute(sql`
    SELECT FROM app.nodes WHERE jobs_enabled AND deactivated_at IS NULL
       AND (${image} = ANY(images) OR (any_image AND ${image.includes("@")})) AND ${mayRead(groups)} LIMIT 1`);
  return rows.length > 0;
}

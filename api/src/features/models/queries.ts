import { and, countDistinct, desc, eq, inArray, sql } from "drizzle-orm";
import { chainHeads, chainServicePurchases } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groups } from "../groups/schema.ts";
import { payments } from "../payments/schema.ts";
import { purchaseOfModel } from "../publishing/queries.ts";
import { onchainModels } from "../publishing/schema.ts";
import { models, modelVersions } from "./schema.ts";

export type VersionRow = typeof modelVersions.$inferSelect;

/** A model with the version that is served; without one while none was ever ready. */
export type ModelRow = typeof models.$inferSelect & { groupName: string; served: VersionRow | null };

/** Joins a model to the version that is served. */
export const servedVersion = eq(modelVersions.id, models.servedVersionId);

function select(db: Executor) {
  return db
    .select({ model: models, groupName: groups.name, served: modelVersions })
    .from(models)
    .innerJoin(groups, eq(groups.id, models.groupId))
    .leftJoin(modelVersions, servedVersion)
    .$dynamic();
}

function rowOf({ model, ...rest }: Awaited<ReturnType<typeof select>>[number]): ModelRow {
  return { ...model, ...rest };
}

/** @returns undefined when the slug is taken */
export async function insertModel(
  db: Executor,
  values: typeof models.$inferInsert,
): Promise<string | undefined> {
  const [row] = await db
    .insert(models)
    .values(values)
    .onConflictDoNothing({ target: models.slug })
    .returning({ id: models.id });
  return row?.id;
}

export async function modelRow(db: Executor, id: string): Promise<ModelRow | undefined> {
  const [row] = await select(db).where(eq(models.id, id));
  return row && rowOf(row);
}

/** Models by id, in no particular order. */
export async function modelRows(db: Executor, ids: string[]): Promise<ModelRow[]> {
  if (ids.length === 0) return [];
  return (await select(db).where(inArray(models.id, ids))).map(rowOf);
}

/** Models of groups, the newest first. */
export async function modelRowsOfGroups(db: Executor, groupIds: string[]): Promise<ModelRow[]> {
  if (groupIds.length === 0) return [];
  const rows = await select(db)
    .where(inArray(models.groupId, groupIds))
    .orderBy(desc(models.createdAt), desc(models.id));
  return rows.map(rowOf);
}

export async function updateModel(
  db: Executor,
  id: string,
  changes: Partial<Pick<typeof models.$inferInsert, "name" | "description" | "license" | "tags" | "inPlans">>,
): Promise<void> {
  await db
    .update(models)
    .set({ ...changes, updatedAt: new Date() })
    .where(eq(models.id, id));
}

/** Accounts that ever bought the API subscription of a model and whose purchase is confirmed, by model. */
export async function subscriberCounts(
  db: Executor,
  modelIds: string[],
  confirmations: number,
): Promise<Map<string, number>> {
  if (modelIds.length === 0) return new Map();
  const rows = await db
    .select({ modelId: onchainModels.modelId, accounts: countDistinct(chainServicePurchases.account) })
    .from(onchainModels)
    .innerJoin(chainServicePurchases, purchaseOfModel)
    .innerJoin(chainHeads, eq(chainHeads.chainId, onchainModels.chain))
    .where(
      and(
        inArray(onchainModels.modelId, modelIds),
        sql`${chainHeads.blockNumber} - ${chainServicePurchases.blockNumber} + 1 >= ${confirmations}`,
      ),
    )
    .groupBy(onchainModels.modelId);
  return new Map(rows.map(({ modelId, accounts }) => [modelId, accounts]));
}

/**
 * Whether a model is nobody's business but its group's: its publication was never quoted. A quoted call names its file,
 * and can be signed at any time.
 */
export async function isDraft(db: Executor, modelId: string): Promise<boolean> {
  const quoted = await db
    .select({ id: payments.id })
    .from(payments)
    .where(and(eq(payments.modelId, modelId), eq(payments.purpose, "publish")))
    .limit(1);
  const expected = await db
    .select({ id: onchainModels.onchainId })
    .from(onchainModels)
    .where(eq(onchainModels.modelId, modelId))
    .limit(1);
  return quoted.length + expected.length === 0;
}

/** Holds a model for the rest of the transaction. */
export async function lockModel(db: Executor, id: string): Promise<ModelRow | undefined> {
  const [held] = await db.select({ id: models.id }).from(models).where(eq(models.id, id)).for("update");
  return held && modelRow(db, id);
}

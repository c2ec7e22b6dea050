import { and, desc, eq, inArray, isNotNull, or, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { listedModels } from "../marketplace/queries.ts";
import { servedVersion } from "../models/queries.ts";
import { models, modelVersions } from "../models/schema.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const columns = {
  id: models.id,
  slug: models.slug,
  name: models.name,
  groupId: models.groupId,
  inPlans: models.inPlans,
  weightsCid: modelVersions.cid,
  // A file's header may claim any number; an integer of Postgres would overflow.
  contextLength: sql<number | null>`(${modelVersions.gguf} ->> 'contextLength')::float8`,
  createdAt: models.createdAt,
};

/** A model as the gateway knows it. */
export interface ServedModel {
  id: string;
  slug: string;
  name: string;
  groupId: string;
  /** Whether the platform's plans cover it while it is listed. */
  inPlans: boolean;
  weightsCid: string | null;
  /** Tokens. */
  contextLength: number | null;
  createdAt: Date;
}

/** A model whose file is ready, by its UUID or its slug. */
export async function findServedModel(db: Executor, name: string): Promise<ServedModel | undefined> {
  const named = UUID.test(name) ? eq(models.id, name) : eq(models.slug, name);
  const [row] = await db
    .select(columns)
    .from(models)
    .innerJoin(modelVersions, servedVersion)
    .where(named)
    .limit(1);
  return row;
}

/**
 * Models whose file is ready: of these groups, with these ids, or listed and in the plans, which everybody has one of.
 * Theirs first, at most 1,000.
 */
export async function servedModels(
  db: Executor,
  { groupIds, modelIds }: { groupIds: string[]; modelIds: string[] },
): Promise<ServedModel[]> {
  const listed = listedModels(db);
  const theirs = sql`(${or(inArray(models.groupId, groupIds), inArray(models.id, modelIds))})`;
  return db
    .select(columns)
    .from(models)
    .innerJoin(modelVersions, servedVersion)
    .leftJoin(listed, eq(listed.modelId, models.id))
    .where(or(theirs, and(models.inPlans, isNotNull(listed.modelId))))
    .orderBy(desc(theirs), models.createdAt)
    .limit(1000);
}

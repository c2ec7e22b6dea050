import { and, desc, eq, inArray, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { Database, Executor } from "../../db/client.ts";
import { user } from "../auth/schema.ts";
import type { VersionRow } from "./queries.ts";
import { type FileState, type GgufFacts, models, modelVersions } from "./schema.ts";

/** The versions of a model with the names of who made them, the newest first. */
export function versionsOf(db: Executor, modelId: string) {
  return db
    .select({ version: modelVersions, by: user.name })
    .from(modelVersions)
    .leftJoin(user, eq(user.id, modelVersions.createdBy))
    .where(eq(modelVersions.modelId, modelId))
    .orderBy(desc(modelVersions.number));
}

export async function versionNumbered(
  db: Executor,
  modelId: string,
  number: number,
): Promise<VersionRow | undefined> {
  const [row] = await db
    .select()
    .from(modelVersions)
    .where(and(eq(modelVersions.modelId, modelId), eq(modelVersions.number, number)));
  return row;
}

export async function versionById(db: Executor, id: string): Promise<VersionRow | undefined> {
  const [row] = await db.select().from(modelVersions).where(eq(modelVersions.id, id));
  return row;
}

export async function versionByUpload(db: Executor, uploadId: string): Promise<VersionRow | undefined> {
  const [row] = await db.select().from(modelVersions).where(eq(modelVersions.uploadId, uploadId));
  return row;
}

/** The versions that models without a served one have: none of them is ready yet. By model. */
export async function firstVersions(db: Executor, modelIds: string[]): Promise<Map<string, VersionRow>> {
  if (modelIds.length === 0) return new Map();
  const rows = await db.select().from(modelVersions).where(inArray(modelVersions.modelId, modelIds));
  return new Map(rows.map((row) => [row.modelId, row]));
}

/** Whether a model had this file served at some time. */
export async function wasServed(db: Executor, modelId: string, cid: string): Promise<boolean> {
  const rows = await db
    .select({ id: modelVersions.id })
    .from(modelVersions)
    .where(
      and(eq(modelVersions.modelId, modelId), eq(modelVersions.cid, cid), isNotNull(modelVersions.servedAt)),
    )
    .limit(1);
  return rows.length > 0;
}

/** Removes versions of a model: those that are not ready, or all. The model is locked by the caller. */
export function dropVersions(db: Executor, modelId: string, which: "unready" | "all"): Promise<VersionRow[]> {
  return db
    .delete(modelVersions)
    .where(
      and(eq(modelVersions.modelId, modelId), which === "all" ? undefined : ne(modelVersions.state, "ready")),
    )
    .returning();
}

export interface NewVersion {
  uploadId: string;
  fileName: string;
  /** Bytes. */
  size: number;
  note: string;
  /** User id. */
  createdBy: string | null;
  jobId?: string;
  jobPath?: string;
}

/** A version whose bytes are to come, with the next number. The model is locked by the caller. */
export async function insertVersion(db: Executor, modelId: string, version: NewVersion): Promise<void> {
  const next = sql<number>`(SELECT coalesce(max(number), 0) + 1 FROM app.model_versions WHERE model_id = ${modelId})`;
  await db.insert(modelVersions).values({ ...version, modelId, number: next, state: "uploading" });
}

/** The upload was cancelled. @returns false when it is too late for that */
export async function forgetVersion(db: Executor, uploadId: string): Promise<boolean> {
  const rows = await db
    .delete(modelVersions)
    .where(and(eq(modelVersions.uploadId, uploadId), eq(modelVersions.state, "uploading")))
    .returning({ id: modelVersions.id });
  return rows.length > 0;
}

/** All bytes of an upload are here. @returns false when that was known */
export async function beginProcessing(db: Executor, uploadId: string): Promise<boolean> {
  const rows = await db
    .update(modelVersions)
    .set({ state: "processing", updatedAt: new Date() })
    .where(and(eq(modelVersions.uploadId, uploadId), eq(modelVersions.state, "uploading")))
    .returning({ id: modelVersions.id });
  return rows.length > 0;
}

export type FileOutcome =
  | { state: "failed"; error: string }
  | {
      state: "ready";
      cid: string;
      sha256: string;
      gguf: GgufFacts;
      sealedKey?: string;
      plainSha256?: string;
      plainCid?: string;
      storedSize?: number;
    };

/**
 * Says what became of a file that was processed, once. The first that is ready is served at once.
 * @returns false when it was not being processed any more
 */
export async function settleVersion(db: Database, uploadId: string, outcome: FileOutcome): Promise<boolean> {
  return db.transaction(async (tx) => {
    const version = await versionByUpload(tx, uploadId);
    if (!version) return false;
    // Always the model first: whoever replaces or serves versions waits here, and nobody waits in a circle.
    const [model] = await tx
      .select({ served: models.servedVersionId })
      .from(models)
      .where(eq(models.id, version.modelId))
      .for("update");
    const settled = await tx
      .update(modelVersions)
      .set({ ...outcome, updatedAt: new Date() })
      .where(and(eq(modelVersions.uploadId, uploadId), eq(modelVersions.state, "processing")))
      .returning({ id: modelVersions.id });
    if (settled.length === 0) return false;
    if (outcome.state === "ready" && model && model.served === null) {
      await setServed(tx, version.modelId, version.id);
    }
    return true;
  });
}

/** Makes a version the one that is served. The model is locked by the caller. */
export async function setServed(db: Executor, modelId: string, versionId: string): Promise<void> {
  const now = new Date();
  await db.update(models).set({ servedVersionId: versionId, updatedAt: now }).where(eq(models.id, modelId));
  await db
    .update(modelVersions)
    .set({ servedAt: now })
    .where(and(eq(modelVersions.id, versionId), isNull(modelVersions.servedAt)));
}

/** Uploads in a state, the longest waiting first. */
export function uploadsIn(db: Executor, state: FileState) {
  return db
    .select({ uploadId: modelVersions.uploadId, size: modelVersions.size })
    .from(modelVersions)
    .where(eq(modelVersions.state, state))
    .orderBy(modelVersions.updatedAt);
}

/** The state of these uploads; one that nothing is known of is not in it. */
export async function uploadStates(db: Executor, uploadIds: string[]): Promise<Map<string, FileState>> {
  if (uploadIds.length === 0) return new Map();
  const rows = await db
    .select({ uploadId: modelVersions.uploadId, state: modelVersions.state })
    .from(modelVersions)
    .where(inArray(modelVersions.uploadId, uploadIds));
  return new Map(rows.map(({ uploadId, state }) => [uploadId, state]));
}

/** The sealed key of some protected file; undefined when there is none. */
export async function anySealedKey(db: Executor) {
  const [row] = await db
    .select({ uploadId: modelVersions.uploadId, sealed: modelVersions.sealedKey })
    .from(modelVersions)
    .where(isNotNull(modelVersions.sealedKey))
    .limit(1);
  return row?.sealed ? { uploadId: row.uploadId, sealed: row.sealed } : undefined;
}

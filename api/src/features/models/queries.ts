import { and, countDistinct, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import { chainHeads, chainServicePurchases } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groups } from "../groups/schema.ts";
import { payments } from "../payments/schema.ts";
import { purchaseOfModel } from "../publishing/queries.ts";
import { onchainModels } from "../publishing/schema.ts";
import { type FileState, type GgufFacts, models } from "./schema.ts";

export type ModelRow = typeof models.$inferSelect & { groupName: string };

function select(db: Executor) {
  return db
    .select({ model: models, groupName: groups.name })
    .from(models)
    .innerJoin(groups, eq(groups.id, models.groupId))
    .$dynamic();
}

function rowOf({ model, groupName }: { model: typeof models.$inferSelect; groupName: string }): ModelRow {
  return { ...model, groupName };
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

export async function modelRowByUpload(db: Executor, uploadId: string): Promise<ModelRow | undefined> {
  const [row] = await select(db).where(eq(models.fileUploadId, uploadId));
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

/** Whether a publication of this model was ever quoted: the call names its file, and can be signed at any time. */
export async function hasPublicationQuote(db: Executor, modelId: string): Promise<boolean> {
  const rows = await db
    .select({ id: payments.id })
    .from(payments)
    .where(and(eq(payments.modelId, modelId), eq(payments.purpose, "publish")))
    .limit(1);
  return rows.length > 0;
}

/** Holds a model for the rest of the transaction. */
export async function lockModel(db: Executor, id: string) {
  const [row] = await db.select().from(models).where(eq(models.id, id)).for("update");
  return row;
}

/** A new upload takes the place of whatever file there was. */
export async function beginFile(
  db: Executor,
  modelId: string,
  upload: { id: string; name: string; size: number },
): Promise<void> {
  await db
    .update(models)
    .set({
      fileState: "uploading",
      fileUploadId: upload.id,
      fileName: upload.name,
      fileSize: upload.size,
      fileError: null,
      fileCid: null,
      fileSha256: null,
      fileSealedKey: null,
      filePlainSha256: null,
      fileStoredSize: null,
      fileGguf: null,
      updatedAt: new Date(),
    })
    .where(eq(models.id, modelId));
}

/** No file again: the upload was cancelled. @returns false when it is too late for that */
export async function forgetFile(db: Executor, uploadId: string): Promise<boolean> {
  const rows = await db
    .update(models)
    .set({ fileState: null, fileUploadId: null, fileName: null, fileSize: null, updatedAt: new Date() })
    .where(and(eq(models.fileUploadId, uploadId), eq(models.fileState, "uploading")))
    .returning({ id: models.id });
  return rows.length > 0;
}

export interface FileOutcome {
  fileState: FileState;
  fileError?: string;
  fileCid?: string;
  fileSha256?: string;
  fileSealedKey?: string;
  filePlainSha256?: string;
  fileStoredSize?: number;
  fileGguf?: GgufFacts;
}

/** Takes a file from one state to the next, once. @returns false when it was not in `from` any more */
export async function advanceFile(
  db: Executor,
  uploadId: string,
  from: FileState,
  outcome: FileOutcome,
): Promise<boolean> {
  const rows = await db
    .update(models)
    .set({ ...outcome, updatedAt: new Date() })
    .where(and(eq(models.fileUploadId, uploadId), eq(models.fileState, from)))
    .returning({ id: models.id });
  return rows.length > 0;
}

/** Uploads in a state, the longest waiting first. */
export function uploadsIn(db: Executor, state: FileState) {
  return db
    .select({ uploadId: sql<string>`${models.fileUploadId}`, size: sql<string>`${models.fileSize}` })
    .from(models)
    .where(eq(models.fileState, state))
    .orderBy(models.updatedAt);
}

/** Of these uploads, those whose staged bytes are still needed. */
export async function neededUploads(db: Executor, uploadIds: string[]): Promise<Set<string>> {
  if (uploadIds.length === 0) return new Set();
  const rows = await db
    .select({ uploadId: models.fileUploadId })
    .from(models)
    .where(
      and(inArray(models.fileUploadId, uploadIds), inArray(models.fileState, ["uploading", "processing"])),
    );
  return new Set(rows.flatMap(({ uploadId }) => uploadId ?? []));
}

/** Of these uploads, those that are processed: nothing staged of them is needed, however young it is. */
export async function settledUploads(db: Executor, uploadIds: string[]): Promise<Set<string>> {
  if (uploadIds.length === 0) return new Set();
  const rows = await db
    .select({ uploadId: models.fileUploadId })
    .from(models)
    .where(and(inArray(models.fileUploadId, uploadIds), inArray(models.fileState, ["ready", "failed"])));
  return new Set(rows.flatMap(({ uploadId }) => uploadId ?? []));
}

/** The sealed key of some protected file; undefined when there is none. */
export async function anySealedKey(db: Executor) {
  const [row] = await db
    .select({ uploadId: models.fileUploadId, sealed: models.fileSealedKey })
    .from(models)
    .where(and(isNotNull(models.fileSealedKey), isNotNull(models.fileUploadId)))
    .limit(1);
  return row?.uploadId && row.sealed ? { uploadId: row.uploadId, sealed: row.sealed } : undefined;
}

import { randomUUID } from "node:crypto";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { EVENTS, Metadata, Server } from "@tus/server";
import { z } from "zod";
import { AppError, notFound } from "../../core/errors.ts";
import { label } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { requireMember } from "../groups/service.ts";
import { onchainOf } from "../publishing/onchain.ts";
import * as errors from "./errors.ts";
import { completeUpload } from "./ingest.ts";
import { beginFile, forgetFile, hasPublicationQuote, lockModel, modelRowByUpload } from "./queries.ts";
import type { FileState } from "./schema.ts";
import { getModelForMember, stagedBytes } from "./service.ts";

export const UPLOADS_PATH = "/api/uploads";

/** The name is shown and never becomes a path; one that tries to be a path is refused anyway. */
const metadataSchema = z.object({
  modelId: z.uuid(),
  filename: label(255).refine((name) => !/[/\\]/.test(name), "is not the name of a file"),
});

export interface NewUpload {
  modelId: string;
  filename: string;
  /** Bytes. */
  size: number;
}

/**
 * Reads what a creation request (tus 1.0) says of its file.
 * @throws AppError `invalid_request` (400), `empty_file` (400), `file_too_large` (413)
 */
export function readNewUpload(headers: Headers, limit: number): NewUpload {
  const length = headers.get("upload-length") ?? "";
  if (!/^\d{1,15}$/.test(length)) throw errors.missingLength();
  const size = Number(length);
  if (size === 0) throw errors.emptyFile();
  if (size > limit) throw errors.fileTooLarge(limit);
  let fields: Record<string, string | null>;
  try {
    fields = Metadata.parse(headers.get("upload-metadata") ?? "");
  } catch {
    throw errors.invalidMetadata("not readable as key and base64 value pairs");
  }
  const parsed = metadataSchema.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw errors.invalidMetadata(`${issue?.path.join(".")}: ${issue?.message}`);
  }
  return { ...parsed.data, size };
}

/**
 * Whether a file may be uploaded to a model now.
 * @throws AppError `not_found`, `file_processing`, `model_published`, `model_quoted`, `storage_full`
 */
export async function checkNewUpload(deps: Deps, userId: string, upload: NewUpload): Promise<void> {
  const model = await getModelForMember(deps, userId, upload.modelId);
  if (model.fileState === "processing") throw errors.fileProcessing();
  if ((await onchainOf(deps, [model.id])).has(model.id)) throw errors.publishedFile();
  if (await hasPublicationQuote(deps.db, model.id)) throw errors.quotedFile();
  // Staged bytes, IPFS blocks and, of protected weights, the encrypted file are on this disk at the same time.
  const { bavail, bsize } = await statfs(dirname(dirname(deps.storage.stagedPath("x"))));
  if (bavail * bsize < upload.size * (model.weights === "open" ? 2 : 3)) throw errors.storageFull();
}

/**
 * The state of an upload of one of the user's groups.
 * @throws AppError `not_found` (404)
 */
export async function uploadOf(deps: Deps, userId: string, uploadId: string) {
  const model = await modelRowByUpload(deps.db, uploadId);
  if (!model?.fileState) throw notFound("The upload");
  await requireMember(deps, userId, model.groupId).catch(() => {
    throw notFound("The upload");
  });
  const state: FileState = model.fileState;
  return { state, size: model.fileSize ?? 0 };
}

/** Serves tus 1.0 over the staging folder. Who may do what is checked before requests get here. */
export function createTusServer(deps: Deps): Server {
  const server = new Server({
    path: UPLOADS_PATH,
    datastore: deps.storage.staging,
    maxSize: deps.config.MAX_UPLOAD_BYTES,
    relativeLocation: true,
    allowedOrigins: [new URL(deps.config.PUBLIC_URL).origin],
    namingFunction: () => randomUUID(),
    onUploadCreate: async (_request, upload) => {
      const { modelId, filename } = metadataSchema.parse(upload.metadata);
      await takePlace(deps, upload.id, { modelId, filename, size: upload.size ?? 0 });
      return {};
    },
    onUploadFinish: async (_request, upload) => {
      await completeUpload(deps, upload.id);
      return {};
    },
    onResponseError: (_request, error) =>
      error instanceof AppError
        ? { status_code: error.status, body: JSON.stringify(error.toJSON()) }
        : undefined,
  });
  server.on(EVENTS.POST_TERMINATE, (_request, _response, id) => {
    forgetFile(deps.db, id).catch((error: unknown) =>
      deps.log.error({ err: error }, "forgetting an upload failed"),
    );
  });
  return server;
}

/** Makes a new upload the model's file. What was there before is removed. */
export async function takePlace(
  deps: Deps,
  uploadId: string,
  { modelId, filename, size }: NewUpload,
): Promise<void> {
  const before = await deps.db.transaction(async (tx) => {
    const model = await lockModel(tx, modelId);
    if (!model) throw notFound("The model");
    if (model.fileState === "processing") throw errors.fileProcessing();
    if (await hasPublicationQuote(tx, modelId)) throw errors.quotedFile();
    await beginFile(tx, modelId, { id: uploadId, name: filename, size });
    return { id: model.fileUploadId, state: model.fileState };
  });
  if (!before.id) return;
  if (before.state === "uploading") await deps.storage.staging.remove(before.id).catch(() => undefined);
  if (before.state === "ready") await deps.storage.weights.remove(before.id);
}

/** An upload whose bytes are all here, though nobody could say so when the last one came. */
export async function noticeComplete(deps: Deps, uploadId: string, size: number): Promise<boolean> {
  if ((await stagedBytes(deps, uploadId)) !== size) return false;
  await completeUpload(deps, uploadId);
  return true;
}

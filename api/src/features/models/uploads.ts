import { randomUUID } from "node:crypto";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { EVENTS, Metadata, Server } from "@tus/server";
import { z } from "zod";
import { AppError, notFound } from "../../core/errors.ts";
import { label, paragraphs } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import * as errors from "./errors.ts";
import { completeUpload } from "./ingest.ts";
import { isDraft, lockModel } from "./queries.ts";
import type { FileState } from "./schema.ts";
import { getModelForMember, stagedBytes } from "./service.ts";
import {
  dropVersions,
  forgetVersion,
  insertVersion,
  versionByUpload,
  versionsOf,
} from "./version-queries.ts";

export const UPLOADS_PATH = "/api/uploads";

/** Versions of one model; each is stored whole. */
const MAX_VERSIONS = 100;

/** What a creator says of a version. */
export const noteSchema = paragraphs(500);

/** The name is shown and never becomes a path; one that tries to be a path is refused anyway. */
const metadataSchema = z.object({
  modelId: z.uuid(),
  filename: label(255).refine((name) => !/[/\\]/.test(name), "is not the name of a file"),
  /** What is new in this version. The protocol reads an empty text as null. */
  note: noteSchema.nullish().transform((note) => note ?? ""),
});

export interface NewUpload {
  modelId: string;
  filename: string;
  note: string;
  /** Bytes. */
  size: number;
}

/** Where a version comes from. */
export interface VersionOrigin {
  /** User id. */
  createdBy: string | null;
  /** The output of a job that it is. */
  job?: { id: string; path: string };
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
 * Whether a version may be uploaded to a model now.
 * @throws AppError `not_found`, `file_processing`, `too_many_versions`, `storage_full`
 */
export async function checkNewUpload(deps: Deps, userId: string, upload: NewUpload): Promise<void> {
  const model = await getModelForMember(deps, userId, upload.modelId);
  // Staged bytes, IPFS blocks and, of protected weights, the encrypted file are on this disk at the same time.
  const { bavail, bsize } = await statfs(dirname(dirname(deps.storage.stagedPath("x"))));
  if (bavail * bsize < upload.size * (model.weights === "open" ? 2 : 3)) throw errors.storageFull();
}

/**
 * The state of an upload of one of the user's groups.
 * @throws AppError `not_found` (404)
 */
export async function uploadOf(deps: Deps, userId: string, uploadId: string) {
  const version = await versionByUpload(deps.db, uploadId);
  if (!version) throw notFound("The upload");
  await getModelForMember(deps, userId, version.modelId).catch(() => {
    throw notFound("The upload");
  });
  const state: FileState = version.state;
  return { state, size: version.size };
}

/**
 * Serves tus 1.0 over the staging folder. Who may do what is checked before requests get here.
 * @param uploaderOf the user of a request
 */
export function createTusServer(deps: Deps, uploaderOf: (request: object) => string | null): Server {
  const server = new Server({
    path: UPLOADS_PATH,
    datastore: deps.storage.staging,
    maxSize: deps.config.MAX_UPLOAD_BYTES,
    relativeLocation: true,
    allowedOrigins: [new URL(deps.config.PUBLIC_URL).origin],
    namingFunction: () => randomUUID(),
    onUploadCreate: async (request, upload) => {
      const wanted = { ...metadataSchema.parse(upload.metadata), size: upload.size ?? 0 };
      await takePlace(deps, upload.id, wanted, { createdBy: uploaderOf(request) });
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
    forgetVersion(deps.db, id).catch((error: unknown) =>
      deps.log.error({ err: error }, "forgetting an upload failed"),
    );
  });
  return server;
}

/**
 * Makes a new upload the next version of its model. It takes the place of one that is not ready, and in a draft of
 * whatever was there.
 * @returns false when this output of this job is a version already, or becomes one now
 */
export async function takePlace(
  deps: Deps,
  uploadId: string,
  { modelId, filename, note, size }: NewUpload,
  { createdBy, job }: VersionOrigin,
): Promise<boolean> {
  const gone = await deps.db.transaction(async (tx) => {
    const model = await lockModel(tx, modelId);
    if (!model) throw notFound("The model");
    const versions = (await versionsOf(tx, modelId)).map(({ version }) => version);
    const fromJob = versions.find(({ jobId, jobPath }) => jobId === job?.id && jobPath === job?.path);
    if (job && fromJob && fromJob.state !== "failed") return null;
    if (versions.some(({ state }) => state === "processing")) throw errors.fileProcessing();
    const dropped = await dropVersions(tx, modelId, (await isDraft(tx, modelId)) ? "all" : "unready");
    if (versions.length - dropped.length >= MAX_VERSIONS) throw errors.tooManyVersions(MAX_VERSIONS);
    const origin = { createdBy, ...(job ? { jobId: job.id, jobPath: job.path } : {}) };
    await insertVersion(tx, modelId, { uploadId, fileName: filename, note, size, ...origin });
    return dropped;
  });
  for (const each of gone ?? []) {
    if (each.state === "uploading") await deps.storage.staging.remove(each.uploadId).catch(() => undefined);
    if (each.state === "ready") await deps.storage.weights.remove(each.uploadId);
  }
  return gone !== null;
}

/** An upload whose bytes are all here, though nobody could say so when the last one came. */
export async function noticeComplete(deps: Deps, uploadId: string, size: number): Promise<boolean> {
  if ((await stagedBytes(deps, uploadId)) !== size) return false;
  await completeUpload(deps, uploadId);
  return true;
}

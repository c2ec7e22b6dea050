import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { fileInUse, fileTooLarge, tooMuch } from "./errors.ts";
import * as queries from "./queries.ts";
import type { FileView } from "./shapes.ts";
import { receiveFile } from "./store.ts";

const MAX_LISTED = 200;

export interface Upload {
  name: string;
  body: AsyncIterable<Uint8Array> | null;
  /** The `Content-Length`. */
  announced: string | undefined;
}

/**
 * Keeps a file for the jobs of a user. The same bytes again are the file that is there.
 * @throws AppError `file_too_large`, `files_full` (413), `storage_full` (507), `upload_broken` (400)
 */
export async function uploadFile(deps: Deps, userId: string, upload: Upload): Promise<FileView> {
  const { MAX_INPUT_BYTES: most, MAX_FILES_BYTES: mostTogether } = deps.config;
  const left = mostTogether - (await queries.bytesOf(deps.db, userId));
  const limit = Math.max(0, Math.min(most, left));
  const { id, ...print } = await receiveFile(deps, upload.body, {
    limit,
    tooLarge: () => (limit < most ? tooMuch(mostTogether) : fileTooLarge(most)),
    announced: upload.announced,
  });
  try {
    const row = await deps.db.transaction(async (tx) => {
      await queries.lockUploads(tx, userId);
      const same = await queries.uploadedBy(tx, userId, print.cid);
      if (same) return same;
      // Others may have come while this one did.
      if ((await queries.bytesOf(tx, userId)) + print.size > mostTogether) throw tooMuch(mostTogether);
      return queries.insertFile(tx, { id, userId, ...print, name: upload.name, purpose: "input" });
    });
    if (row.id !== id) await deps.storage.weights.remove(id);
    return view(row);
  } catch (error) {
    await deps.storage.weights.remove(id);
    throw error;
  }
}

/**
 * Removes a file that the user uploaded. What is on IPFS stays there for whoever knows its CID.
 * @throws AppError `not_found` (404), `file_in_use` (409)
 */
export async function removeFile(deps: Deps, userId: string, cid: string): Promise<void> {
  const removed = await deps.db.transaction(async (tx) => {
    await queries.lockUploads(tx, userId);
    const file = await queries.uploadedBy(tx, userId, cid);
    if (!file) throw notFound("The file");
    if (await queries.isInput(tx, userId, cid)) throw fileInUse();
    await queries.deleteFile(tx, file.id);
    return file.id;
  });
  await deps.storage.weights.remove(removed);
}

export async function listFiles(deps: Deps, userId: string): Promise<FileView[]> {
  return (await queries.filesOf(deps.db, userId, MAX_LISTED)).map(view);
}

/**
 * The files of these CIDs that a user's job may read.
 * @returns by CID; what is not there, or somebody else's, has no entry
 */
export async function readableFiles(
  deps: Deps,
  userId: string,
  cids: string[],
): Promise<Map<string, queries.FileRow>> {
  return queries.readableBy(deps.db, { userId, groupIds: await groupIdsOf(deps, userId) }, cids);
}

/** @throws AppError `not_found` (404), the same for no such file and for somebody else's */
export async function requireFile(deps: Deps, userId: string, cid: string): Promise<queries.FileRow> {
  const file = (await readableFiles(deps, userId, [cid])).get(cid);
  if (!file) throw notFound("The file");
  return file;
}

function view(row: queries.FileRow): FileView {
  const { id, cid, sha256, size, name, createdAt } = row;
  return { id, cid, sha256, size, name, createdAt: createdAt.toISOString() };
}

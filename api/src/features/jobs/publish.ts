import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { openFile } from "../files/store.ts";
import { completeUpload } from "../models/ingest.ts";
import { getModel } from "../models/service.ts";
import type { ModelView } from "../models/shapes.ts";
import { checkNewUpload, takePlace } from "../models/uploads.ts";
import { outputOf } from "./outputs.ts";
import { requireJob } from "./service.ts";

/**
 * Makes an output of a job the next version of a model of the user's, as if they had downloaded and uploaded it: it is
 * checked and, where the model's weights are protected, encrypted. Again it changes nothing.
 * @throws AppError `not_found` (404), and those of an upload: `file_processing`, `too_many_versions` (409),
 *   `storage_full` (507)
 */
export async function publishOutput(
  deps: Deps,
  userId: string,
  id: string,
  { path, modelId, note }: { path: string; modelId: string; note: string },
): Promise<ModelView> {
  const { job } = await requireJob(deps, userId, id);
  const file = await outputOf(deps, job, path);
  if (!file) throw notFound("The output");
  const upload = { modelId, filename: path.split("/").at(-1) ?? path, note, size: file.size };
  await checkNewUpload(deps, userId, upload);
  const uploadId = randomUUID();
  const staged = deps.storage.stagedPath(uploadId);
  let taken = false;
  try {
    const bytes = await openFile(deps, file, null);
    await pipeline(Readable.from(bytes), createWriteStream(staged, { flags: "wx", mode: 0o600 }));
    taken = await takePlace(deps, uploadId, upload, { createdBy: userId, job: { id, path } });
  } finally {
    if (!taken) await rm(staged, { force: true });
  }
  // Should this process die here, the sweep of uploads finds that all bytes are there.
  if (taken) await completeUpload(deps, uploadId);
  return getModel(deps, userId, modelId);
}

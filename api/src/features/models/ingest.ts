import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Deps } from "../../deps.ts";
import { fingerprint } from "../files/fingerprint.ts";
import { encrypted, newFileKey, sealKey } from "./encryption.ts";
import { NotGgufError, readGguf } from "./gguf.ts";
import { modelRow } from "./queries.ts";
import type { WeightsAccess } from "./schema.ts";
import { stagedBytes } from "./service.ts";
import {
  beginProcessing,
  type FileOutcome,
  settleVersion,
  uploadStates,
  uploadsIn,
  versionByUpload,
} from "./version-queries.ts";

const SWEEP_MS = 30_000;
const CHUNK_BYTES = 1024 ** 2;
/** Staged files of no upload are kept this long: their row may not be written yet. */
const ORPHAN_MS = 3_600_000;

/**
 * Begins to process an upload whose bytes are all here. Calling it again, here or on another instance, is harmless;
 * an instance that dies leaves it to the next sweep.
 */
export function ingest(deps: Deps, uploadId: string): Promise<void> {
  const running = deps.storage.ingesting.get(uploadId);
  if (running) return running;
  const started = deps.storage
    .inTurn(() => ingestOnce(deps, uploadId))
    .catch((error: unknown) =>
      deps.log.error({ err: error, uploadId }, "processing an upload failed; trying again"),
    )
    .finally(() => deps.storage.ingesting.delete(uploadId));
  deps.storage.ingesting.set(uploadId, started);
  return started;
}

/** All bytes of an upload arrived: it is processed from now on, whatever becomes of this process. */
export async function completeUpload(deps: Deps, uploadId: string): Promise<void> {
  await beginProcessing(deps.db, uploadId);
  void ingest(deps, uploadId);
}

/** Picks up what a dead or failed instance left, one file after the other, and removes what nobody needs. */
export async function sweepUploads(deps: Deps): Promise<void> {
  for (const { uploadId, size } of await uploadsIn(deps.db, "uploading")) {
    // The last byte arrived and the process died before it could say so.
    if ((await stagedBytes(deps, uploadId)) === size) await completeUpload(deps, uploadId);
  }
  for (const { uploadId } of await uploadsIn(deps.db, "processing")) await ingest(deps, uploadId);
  await deps.storage.staging.deleteExpired();
  await removeOrphans(deps);
}

/** Sweeps now and every half minute. @returns stop */
export function startSweeping(deps: Deps): () => void {
  const sweep = () =>
    sweepUploads(deps).catch((error: unknown) => deps.log.error({ err: error }, "sweeping uploads failed"));
  void sweep();
  const timer = setInterval(() => void sweep(), SWEEP_MS);
  return () => clearInterval(timer);
}

async function ingestOnce(deps: Deps, uploadId: string): Promise<void> {
  const connection = await deps.db.$client.connect();
  try {
    // One instance at a time; Postgres frees the lock of an instance that dies.
    const { rows } = await connection.query<{ mine: boolean }>(
      "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine",
      [uploadId],
    );
    if (!rows[0]?.mine) return;
    try {
      const version = await versionByUpload(deps.db, uploadId);
      const model = version && (await modelRow(deps.db, version.modelId));
      if (!model || version.state !== "processing") return;
      const outcome = await processFile(deps, uploadId, version.size, model.weights);
      const settled = await settleVersion(deps.db, uploadId, outcome);
      if (!settled || outcome.state === "failed") await deps.storage.weights.remove(uploadId);
      // Protected weights lie here as they came. When this fails, the next sweep does it.
      await deps.storage.staging
        .remove(uploadId)
        .catch((error: unknown) => deps.log.warn({ err: error, uploadId }, "a staged file is still there"));
      deps.log.info(
        { uploadId, modelId: model.id, number: version.number, state: outcome.state },
        "upload processed",
      );
    } finally {
      await connection.query("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [uploadId]);
    }
  } finally {
    connection.release();
  }
}

async function processFile(
  deps: Deps,
  uploadId: string,
  size: number,
  access: WeightsAccess,
): Promise<FileOutcome> {
  const path = deps.storage.stagedPath(uploadId);
  if ((await stagedBytes(deps, uploadId)) !== size) {
    return { state: "failed", error: "The uploaded bytes were lost. Upload the file again." };
  }
  try {
    const gguf = await readGguf(path);
    const stored = await (access === "open" ? storeOpen : storeProtected)(deps, uploadId, path);
    return { state: "ready", ...stored, gguf };
  } catch (error) {
    if (!(error instanceof NotGgufError)) throw error;
    return { state: "failed", error: error.message };
  }
}

const staged = (path: string): AsyncIterable<Uint8Array> =>
  createReadStream(path, { highWaterMark: CHUNK_BYTES });

async function storeOpen(deps: Deps, uploadId: string, path: string) {
  const { cid, sha256 } = await store(deps, uploadId, staged(path), path);
  return { cid, sha256 };
}

/** Only encrypted bytes leave the staging folder. A later attempt has another key, and replaces what this one stored. */
async function storeProtected(deps: Deps, uploadId: string, path: string) {
  const plain = await fingerprint(staged(path));
  const key = await newFileKey();
  const { cid, sha256, size } = await store(deps, uploadId, encrypted(staged(path), key), null);
  return {
    cid,
    sha256,
    storedSize: size,
    plainSha256: plain.sha256,
    plainCid: plain.cid,
    sealedKey: sealKey(key, uploadId, deps.config.WEIGHTS_SECRET),
  };
}

/**
 * One pass over the bytes: hash, IPFS and store take each chunk before the next is read.
 * @param copy path of the same bytes, when they are on this disk
 */
async function store(deps: Deps, uploadId: string, bytes: AsyncIterable<Uint8Array>, copy: string | null) {
  const hash = createHash("sha256");
  let size = 0;
  const writer = await deps.storage.weights.writer(uploadId, copy);
  async function* chunks() {
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      await writer.write(chunk);
      yield chunk;
    }
  }
  try {
    const cid = await deps.storage.ipfs.add(chunks());
    await writer.close();
    return { cid, sha256: hash.digest("hex"), size };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function removeOrphans(deps: Deps): Promise<void> {
  const directory = dirname(deps.storage.stagedPath("x"));
  const names = (await readdir(directory).catch(() => [])).filter((name) => !name.endsWith(".json"));
  const states = await uploadStates(deps.db, names);
  for (const name of names) {
    const state = states.get(name);
    if (state === "uploading" || state === "processing") continue;
    const path = deps.storage.stagedPath(name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    // Nothing staged of what is processed is needed, however young it is.
    if (!state && Date.now() - mtimeMs < ORPHAN_MS) continue;
    await rm(path, { force: true });
    await rm(`${path}.json`, { force: true });
  }
}

import { createHash } from "node:crypto";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { mayHaveProtected } from "../nodes/service.ts";
import { isListed, onchainOf, publishedByModel } from "../publishing/onchain.ts";
import { decryptRange } from "./age-reader.ts";
import { ENCRYPTION_FORMAT, openKey } from "./encryption.ts";
import { licenseRequired, noKey, unsatisfiableRange } from "./errors.ts";
import { restrictedOf } from "./license-queries.ts";
import { isLicensed } from "./licenses.ts";
import type { VersionRow } from "./queries.ts";
import { getModelRow, type ModelRow } from "./service.ts";
import type { WeightsKeyView } from "./shapes.ts";
import type { ByteRange } from "./storage/weights-store.ts";
import { anySealedKey, versionNumbered } from "./version-queries.ts";

/** The file of a version, ready to be read. */
export interface Weights {
  uploadId: string;
  /** Of the stored bytes. */
  cid: string;
  /** Of the file as it was uploaded. */
  sha256: string;
  /** Of the file as it was uploaded, bytes. */
  size: number;
  stored: { sha256: string; size: number };
  /** Null for open weights, which are stored as they were uploaded. */
  sealedKey: string | null;
  fileName: string;
}

/**
 * For members of the model's group, and for who holds a licence, be the model listed any more or not: they have every
 * version that was ever served, whenever they bought.
 * @param number of the version; the served one when left out
 * @throws AppError `not_found` (404), `license_required` (402) for a published model that is for sale
 */
export async function weightsForUser(
  deps: Deps,
  userId: string,
  modelId: string,
  number?: number,
): Promise<Weights> {
  const model = await getModelRow(deps, modelId);
  if (!model) throw notFound("The model");
  const mine = (await groupIdsOf(deps, userId)).includes(model.groupId);
  if (mine || (await isLicensed(deps, userId, modelId))) {
    return ready(model, await versionFor(deps, model, number, mine));
  }
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  if (published && isListed(published) && published.sale > 0n) throw licenseRequired();
  throw notFound("The model");
}

/**
 * Nodes may read what is published and open. What is protected, or for sale at any time, is for nodes of its group's
 * members and for those that an admin verified; to others it does not exist.
 * @throws AppError `not_found` (404)
 */
export async function weightsForNode(
  deps: Deps,
  nodeId: string,
  modelId: string,
  number?: number,
): Promise<Weights> {
  const model = await getModelRow(deps, modelId);
  if (!model || !(await onchainOf(deps, [modelId])).has(modelId)) throw notFound("The model");
  const restricted = (await restrictedOf(deps.db, [model])).has(modelId);
  if (restricted && !(await mayHaveProtected(deps, nodeId, model.groupId))) throw notFound("The model");
  return ready(model, await versionFor(deps, model, number, false));
}

/** The served version, or the one of a number: for others than its group only if it was ever served. */
async function versionFor(
  { db }: Deps,
  model: ModelRow,
  number: number | undefined,
  mine: boolean,
): Promise<VersionRow | null> {
  if (number === undefined) return model.served;
  const version = await versionNumbered(db, model.id, number);
  return version && (mine || version.servedAt !== null) ? version : null;
}

/**
 * What reads the stored file of protected weights, be it from here or from IPFS.
 * @throws AppError `weights_open` (409)
 */
export function keyOf(deps: Deps, weights: Weights): WeightsKeyView {
  if (weights.sealedKey === null) throw noKey();
  return {
    cid: weights.cid,
    format: ENCRYPTION_FORMAT,
    key: openKey(weights.sealedKey, weights.uploadId, deps.config.WEIGHTS_SECRET),
    encrypted: weights.stored,
    sha256: weights.sha256,
    size: weights.size,
    fileName: weights.fileName,
  };
}

/** @throws Error when the secret is not the one that the keys in this database were encrypted with */
export async function checkWeightsSecret(deps: Deps): Promise<void> {
  const some = await anySealedKey(deps.db);
  if (some) openKey(some.sealed, some.uploadId, deps.config.WEIGHTS_SECRET);
}

/** @throws AppError `not_found` (404) */
export function ready(model: Pick<ModelRow, "weights">, version: VersionRow | null): Weights {
  if (version?.state !== "ready") throw notFound("The file of the model");
  const { uploadId, cid, sha256, size, plainSha256, sealedKey, storedSize, fileName } = version;
  const whole = model.weights === "open" || (plainSha256 && sealedKey && storedSize !== null);
  if (!cid || !sha256 || !whole) throw notFound("The file of the model");
  return {
    uploadId,
    cid,
    sha256: plainSha256 ?? sha256,
    size,
    stored: { sha256, size: storedSize ?? size },
    sealedKey,
    fileName,
  };
}

/**
 * Reads a `Range` header (RFC 9110, 14.2).
 * @returns null for the whole file: no header, a unit or list that is not served
 * @throws AppError `range_not_satisfiable` (416)
 */
export function readRange(header: string | undefined, size: number): ByteRange | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const [from, to] = [match[1], match[2]];
  if (from === "") {
    const length = Math.min(Number(to), size);
    if (length === 0) throw unsatisfiableRange(size);
    return { start: size - length, end: size - 1 };
  }
  const start = Number(from);
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (start >= size) throw unsatisfiableRange(size);
  return end < start ? null : { start, end };
}

/** The bytes as they were uploaded; a damaged file breaks the stream before its end. */
export async function openWeights(
  deps: Deps,
  weights: Weights,
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const { uploadId, sealedKey, size } = weights;
  const part = range ?? { start: 0, end: size - 1 };
  const bytes =
    sealedKey === null
      ? await deps.storage.weights.read(uploadId, range ?? undefined)
      : (ReadableStream.from(
          decryptRange(
            {
              size,
              storedSize: weights.stored.size,
              key: openKey(sealedKey, uploadId, deps.config.WEIGHTS_SECRET),
            },
            (each) => deps.storage.weights.read(uploadId, each),
            part,
          ),
        ) as ReadableStream<Uint8Array>);
  return range ? bytes : checked(deps, weights, bytes, weights.sha256);
}

/** The bytes as they are stored, and on IPFS: of protected weights the encrypted ones. */
export async function openStored(
  deps: Deps,
  weights: Weights,
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const bytes = await deps.storage.weights.read(weights.uploadId, range ?? undefined);
  return range ? bytes : checked(deps, weights, bytes, weights.stored.sha256);
}

/**
 * A whole file is hashed as it passes: when it is something else than what was uploaded, the stream breaks before its
 * end, so that nobody takes it for the file.
 */
function checked(
  deps: Deps,
  weights: Weights,
  bytes: ReadableStream<Uint8Array>,
  sha256: string,
): ReadableStream<Uint8Array> {
  const hash = createHash("sha256");
  let held: Uint8Array | undefined;
  return bytes.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        hash.update(chunk);
        if (held) controller.enqueue(held);
        held = chunk;
      },
      flush: (controller) => {
        if (hash.digest("hex") === sha256) {
          if (held) controller.enqueue(held);
          return;
        }
        deps.log.error({ uploadId: weights.uploadId, cid: weights.cid }, "stored weights are damaged");
        controller.error(new Error("The stored file is damaged"));
      },
    }),
  );
}

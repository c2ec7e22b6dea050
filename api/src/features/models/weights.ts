import { createHash } from "node:crypto";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { isListed, onchainOf, publishedByModel } from "../publishing/onchain.ts";
import { licenseRequired, unsatisfiableRange } from "./errors.ts";
import { isLicensed } from "./licenses.ts";
import { getModelRow, type ModelRow } from "./service.ts";
import type { ByteRange } from "./storage/weights-store.ts";

/** The file of a model, ready to be read. */
export interface Weights {
  uploadId: string;
  cid: string;
  sha256: string;
  size: number;
  fileName: string;
}

/**
 * For members of the model's group, and for who holds a licence, be the model listed any more or not.
 * @throws AppError `not_found` (404), `license_required` (402) for a published model that is for sale
 */
export async function weightsForUser(deps: Deps, userId: string, modelId: string): Promise<Weights> {
  const model = await getModelRow(deps, modelId);
  if (!model) throw notFound("The model");
  const mine = (await groupIdsOf(deps, userId)).includes(model.groupId);
  if (mine || (await isLicensed(deps, userId, modelId))) return ready(model);
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  if (published && isListed(published) && published.sale > 0n) throw licenseRequired();
  throw notFound("The model");
}

/** Nodes may read what is published: they serve it. @throws AppError `not_found` (404) */
export async function weightsForNode(deps: Deps, modelId: string): Promise<Weights> {
  const model = await getModelRow(deps, modelId);
  if (!model || !(await onchainOf(deps, [modelId])).has(modelId)) throw notFound("The model");
  return ready(model);
}

function ready(row: ModelRow): Weights {
  const { fileUploadId, fileCid, fileSha256, fileSize, fileName } = row;
  if (row.fileState !== "ready" || !fileUploadId || !fileCid || !fileSha256 || fileSize === null) {
    throw notFound("The file of the model");
  }
  return {
    uploadId: fileUploadId,
    cid: fileCid,
    sha256: fileSha256,
    size: fileSize,
    fileName: fileName ?? "model.gguf",
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

/**
 * The bytes. The whole file is hashed as it passes: when the store holds something else than what was uploaded, the
 * stream breaks before its end, so that nobody takes it for the file.
 */
export async function openWeights(
  deps: Deps,
  weights: Weights,
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const bytes = await deps.storage.weights.read(weights.uploadId, range ?? undefined);
  if (range) return bytes;
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
        if (hash.digest("hex") === weights.sha256) {
          if (held) controller.enqueue(held);
          return;
        }
        deps.log.error({ uploadId: weights.uploadId, cid: weights.cid }, "stored weights are damaged");
        controller.error(new Error("The stored file is damaged"));
      },
    }),
  );
}

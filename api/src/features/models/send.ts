import type { Context } from "hono";
import type { AppEnv } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import type { ByteRange } from "./storage/weights-store.ts";
import { openStored, openWeights, readRange, type Weights } from "./weights.ts";

/** Answers with a version's file as it was uploaded, or with a range of it. */
export function sendWeights(deps: Deps, c: Context<AppEnv>, weights: Weights): Promise<Response> {
  const name = weights.sealedKey === null ? weights.cid : `${weights.cid}-decrypted`;
  return sendFile(c, weights, { name, size: weights.size, fileName: weights.fileName }, (range) =>
    openWeights(deps, weights, range),
  );
}

/** Answers with a version's file as it is stored, or with a range of it. */
export function sendStored(deps: Deps, c: Context<AppEnv>, weights: Weights): Promise<Response> {
  const fileName = weights.sealedKey === null ? weights.fileName : `${weights.fileName}.age`;
  return sendFile(c, weights, { name: weights.cid, size: weights.stored.size, fileName }, (range) =>
    openStored(deps, weights, range),
  );
}

/** Answers with a file or a range of it. @param file.name of exactly these bytes, for the ETag */
async function sendFile(
  c: Context<AppEnv>,
  { cid }: Weights,
  file: { name: string; size: number; fileName: string },
  read: (range: ByteRange | null) => Promise<ReadableStream<Uint8Array>>,
): Promise<Response> {
  const etag = `"${file.name}"`;
  const same = c.req.header("if-range") === undefined || c.req.header("if-range") === etag;
  const range = same ? readRange(c.req.header("range"), file.size) : null;
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Length": String(range ? range.end - range.start + 1 : file.size),
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.fileName)}`,
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-transform",
    ETag: etag,
    "X-CID": cid,
    ...(range ? { "Content-Range": `bytes ${range.start}-${range.end}/${file.size}` } : {}),
  };
  // Hono answers HEAD through here: opening the file would leave it open.
  const body = c.req.method === "HEAD" ? null : await read(range);
  return new Response(body, { status: range ? 206 : 200, headers });
}

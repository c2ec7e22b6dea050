import type { Context } from "hono";
import type { AppEnv } from "../../core/http.ts";
import type { Deps } from "../../deps.ts";
import { readRange } from "../models/weights.ts";
import { openFile } from "./store.ts";

/** Answers a request for the bytes of a file, or for a range of them. */
export async function download(
  deps: Deps,
  c: Context<AppEnv>,
  file: { id: string; cid: string; sha256: string; size: number; name: string },
): Promise<Response> {
  const etag = `"${file.cid}"`;
  const same = c.req.header("if-range") === undefined || c.req.header("if-range") === etag;
  const range = same && file.size > 0 ? readRange(c.req.header("range"), file.size) : null;
  const name = file.name.split("/").at(-1) ?? "file";
  const headers = {
    // Whatever it is, no browser is to show it as a page of this site.
    "Content-Type": "application/octet-stream",
    "Content-Length": String(range ? range.end - range.start + 1 : file.size),
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-transform",
    ETag: etag,
    "X-CID": file.cid,
    ...(range ? { "Content-Range": `bytes ${range.start}-${range.end}/${file.size}` } : {}),
  };
  // Hono answers HEAD through here: opening the file would leave it open.
  const body = c.req.method === "HEAD" ? null : await openFile(deps, file, range);
  return new Response(body, { status: range ? 206 : 200, headers });
}

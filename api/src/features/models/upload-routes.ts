import { AppError, notFound } from "../../core/errors.ts";
import { createRouter, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import type { Deps } from "../../deps.ts";
import { checkNewUpload, createTusServer, noticeComplete, readNewUpload, uploadOf } from "./uploads.ts";

/** `/api/uploads`: tus 1.0 with creation, creation-with-upload, termination and expiration. */
export function uploadsRoutes(deps: Deps): Router {
  const router = createRouter();
  const uploaders = new WeakMap<object, string>();
  const tus = createTusServer(deps, (request) => uploaders.get(request) ?? null);
  const serve = async (request: Request) => asAppError(await tus.handleWeb(request));

  router.on("OPTIONS", ["/", "/:id"], (c) => serve(c.req.raw));

  router.post("/", async (c) => {
    const user = requireUser(c);
    const upload = readNewUpload(c.req.raw.headers, deps.config.MAX_UPLOAD_BYTES);
    await checkNewUpload(deps, user.id, upload);
    uploaders.set(c.req.raw, user.id);
    return serve(c.req.raw);
  });

  // Hono answers HEAD through GET routes.
  router.get("/:id", async (c) => {
    if (c.req.method !== "HEAD") throw notFound("The upload");
    const id = c.req.param("id");
    const { state, size } = await uploadOf(deps, requireUser(c).id, id);
    if (state === "failed") throw goneUpload();
    const complete = state !== "uploading" || (await noticeComplete(deps, id, size));
    // The staged bytes may be gone already; whoever missed the last answer learns here that all arrived.
    if (complete) {
      const headers = { "Upload-Offset": String(size), "Upload-Length": String(size) };
      return c.body(null, 200, { ...headers, "Tus-Resumable": "1.0.0", "Cache-Control": "no-store" });
    }
    return serve(c.req.raw);
  });

  router.on(["PATCH", "DELETE"], "/:id", async (c) => {
    const { state } = await uploadOf(deps, requireUser(c).id, c.req.param("id"));
    if (state !== "uploading") throw state === "failed" ? goneUpload() : completeAlready();
    return serve(c.req.raw);
  });
  return router;
}

const goneUpload = () =>
  new AppError("upload_failed", 410, "This upload failed and nothing of it was kept.", {
    hint: "Look at the model for the reason, then upload again.",
  });

const completeAlready = () =>
  new AppError("upload_complete", 409, "All bytes of this upload are here.", {
    hint: "There is nothing to do.",
  });

/** The protocol's own refusals in the api's error shape, with their tus headers. */
async function asAppError(response: Response): Promise<Response> {
  if (response.status < 400 || response.body === null) return response;
  const text = await response.text();
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  headers.set("content-type", "application/json");
  if (text.startsWith('{"error"')) return new Response(text, { status: response.status, headers });
  const code =
    response.status === 409 ? "upload_offset" : response.status === 404 ? "not_found" : "upload_refused";
  const error = new AppError(code, response.status as 400, text.trim() || "The upload was refused.", {
    hint: "Ask with HEAD how much arrived, and go on from there.",
  });
  return new Response(JSON.stringify(error.toJSON()), { status: response.status, headers });
}

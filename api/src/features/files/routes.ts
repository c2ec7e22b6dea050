import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, errorResponses, json, type Router } from "../../core/http.ts";
import { requireUser } from "../../core/session.ts";
import { label } from "../../core/text.ts";
import type { Deps } from "../../deps.ts";
import { acceptKeys } from "../keys/access.ts";
import { download } from "./download.ts";
import { listFiles, removeFile, requireFile, uploadFile } from "./service.ts";
import { fileSchema } from "./shapes.ts";

const tags = ["Files"];
const binary = z.any().openapi({ type: "string", format: "binary" });

const upload = createRoute({
  method: "post",
  path: "/",
  operationId: "uploadFile",
  tags,
  summary: "Upload a file for jobs, as the raw body; the same bytes again are the same file",
  request: {
    query: z.object({ name: label(255) }),
    body: { required: true, content: { "application/octet-stream": { schema: binary } } },
  },
  responses: { 201: json(fileSchema, "Stored"), ...errorResponses(400, 401, 403, 413, 429, 507) },
});

const list = createRoute({
  method: "get",
  path: "/",
  operationId: "listFiles",
  tags,
  summary: "The files that you uploaded, the newest first, at most 200",
  responses: { 200: json(z.object({ files: z.array(fileSchema) })), ...errorResponses(401, 403, 429) },
});

const get = createRoute({
  method: "get",
  path: "/{cid}",
  operationId: "getFile",
  tags,
  summary: "The bytes of a file of yours",
  request: { params: z.object({ cid: z.string().max(200) }) },
  responses: {
    200: { description: "The file", content: { "application/octet-stream": { schema: binary } } },
    ...errorResponses(401, 403, 404, 416, 429),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/{cid}",
  operationId: "removeFile",
  tags,
  summary: "Remove a file that you uploaded",
  request: { params: z.object({ cid: z.string().max(200) }) },
  responses: { 204: { description: "Removed" }, ...errorResponses(401, 403, 404, 409, 429) },
});

/** `/api/files` */
export function filesRoutes(deps: Deps): Router {
  const router = createRouter();
  router.use("*", acceptKeys(deps, "jobs"));
  router.openapi(upload, async (c) => {
    const { name } = c.req.valid("query");
    const file = { name, body: c.req.raw.body, announced: c.req.header("content-length") };
    return c.json(await uploadFile(deps, requireUser(c).id, file), 201);
  });
  router.openapi(list, async (c) => c.json({ files: await listFiles(deps, requireUser(c).id) }, 200));
  router.openapi(get, async (c) =>
    download(deps, c, await requireFile(deps, requireUser(c).id, c.req.valid("param").cid)),
  );
  router.openapi(remove, async (c) => {
    await removeFile(deps, requireUser(c).id, c.req.valid("param").cid);
    return c.body(null, 204);
  });
  return router;
}

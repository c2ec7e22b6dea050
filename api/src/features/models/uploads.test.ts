import { once } from "node:events";
import { access, readdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { type ServerType, serve } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { beginUpload, createModel, metadata, processedFile, tus, uploadFile } from "../../testing/uploads.ts";
import { bodyOf, codeOf, registerUser, type TestUser } from "../../testing/users.ts";
import { sweepUploads } from "./ingest.ts";
import type { ModelView } from "./shapes.ts";

let api: TestApi;
let creator: TestUser;
let stranger: TestUser;
beforeAll(async () => {
  api = await createTestApi({ MAX_UPLOAD_BYTES: "5000000" });
  creator = await registerUser(api, "Creator");
  stranger = await registerUser(api, "Stranger");
});
afterAll(() => api.close());

const file = buildGguf({ data: new Uint8Array(2_000_000) });

const fileOf = async (modelId: string) =>
  (await bodyOf<ModelView>(await creator.call("GET", `/api/models/${modelId}`))).file;

const begin = (modelId: string, headers: Record<string, string> = {}, user: TestUser | null = creator) =>
  tus(api, user, "POST", "/api/uploads", {
    "upload-length": "1000",
    "upload-metadata": metadata({ modelId, filename: "model.gguf" }),
    ...headers,
  });

describe("uploads", () => {
  it("that end at the same time wait their turn, however many they are", async () => {
    const models = await Promise.all(Array.from({ length: 24 }, () => createModel(creator)));
    const small = buildGguf();
    const files = await Promise.all(models.map(({ id }) => uploadFile(api, creator, id, small)));
    expect(files.every(({ state }) => state === "ready")).toBe(true);
  });

  it("goes on where it was cut off", async () => {
    const { id } = await createModel(creator);
    const path = await beginUpload(api, creator, id, file.length);
    expect(await fileOf(id)).toMatchObject({ state: "uploading", receivedBytes: 0, size: file.length });

    const half = file.slice(0, 1_000_000);
    const first = await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, half);
    expect(first.status).toBe(204);
    expect(await fileOf(id)).toMatchObject({ state: "uploading", receivedBytes: 1_000_000, cid: null });

    const head = await tus(api, creator, "HEAD", path);
    expect(head.headers.get("upload-offset")).toBe("1000000");
    const twice = await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, half);
    expect(twice.status).toBe(409);
    expect(await codeOf(twice)).toBe("upload_offset");

    const rest = file.slice(1_000_000);
    expect((await tus(api, creator, "PATCH", path, { "upload-offset": "1000000" }, rest)).status).toBe(204);
    expect(await processedFile(creator, id)).toMatchObject({ state: "ready", receivedBytes: file.length });
    const done = await tus(api, creator, "HEAD", path);
    expect(done.status).toBe(200);
    expect(done.headers.get("upload-offset")).toBe(String(file.length));
    expect((await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, half)).status).toBe(409);
  });

  it("keeps what arrived when the connection breaks in the middle", async () => {
    const { server, port } = await listen();
    const { id } = await createModel(creator);
    const path = await beginUpload(api, creator, id, file.length);
    const sending = request({
      port,
      path,
      method: "PATCH",
      headers: {
        authorization: `Bearer ${creator.token}`,
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
        "content-length": file.length,
      },
    });
    sending.on("error", () => undefined);
    sending.write(file.subarray(0, 700_000));
    await eventually("the first bytes", async () => ((await fileOf(id))?.receivedBytes ?? 0) >= 700_000);
    sending.destroy();

    const head = await eventually("the resumable offset", async () => {
      const response = await tus(api, creator, "HEAD", path);
      return response.headers.get("upload-offset") === "700000" ? response : null;
    });
    expect(head.status).toBe(200);
    const rest = file.slice(700_000);
    expect((await tus(api, creator, "PATCH", path, { "upload-offset": "700000" }, rest)).status).toBe(204);
    expect(await processedFile(creator, id)).toMatchObject({ state: "ready" });
    server.close();
  });

  it("processes a finished upload although the process died before or while it did", async () => {
    const { id } = await createModel(creator);
    const path = await beginUpload(api, creator, id, file.length);
    const uploadId = path.split("/").at(-1)!;
    await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, file);
    await processedFile(creator, id);
    // As after kill -9: the bytes are staged, the row still says what it said before.
    for (const state of ["uploading", "processing"]) {
      await writeFile(api.deps.storage.stagedPath(uploadId), file);
      await api.deps.db.$client.query(
        "UPDATE app.model_versions SET state = $1, cid = NULL, sha256 = NULL WHERE model_id = $2",
        [state, id],
      );
      await Promise.all([sweepUploads(api.deps), sweepUploads(api.deps)]);
      expect(await processedFile(creator, id)).toMatchObject({ state: "ready", size: file.length });
      await expect(access(api.deps.storage.stagedPath(uploadId))).rejects.toThrow();
    }
  });

  it("says so when the staged bytes are gone", async () => {
    const { id } = await createModel(creator);
    await beginUpload(api, creator, id, file.length);
    await api.deps.db.$client.query(
      "UPDATE app.model_versions SET state = 'processing' WHERE model_id = $1",
      [id],
    );
    await sweepUploads(api.deps);
    expect(await fileOf(id)).toMatchObject({
      state: "failed",
      error: expect.stringContaining("Upload the file again"),
    });
  });

  it.each([
    ["text", new Uint8Array(Buffer.from("This is not a model. ".repeat(50)))],
    [
      "a ZIP by another name",
      new Uint8Array(Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(5_000)])),
    ],
    ["only the magic", new Uint8Array(Buffer.from("GGUF"))],
    ["a file whose end is missing", buildGguf({ shape: [1024n, 64n], data: new Uint8Array(1_000) })],
    ["a claim of 2^63 tensors", buildGguf({ tensorCount: 2n ** 63n })],
    ["a claim of 2^63 metadata entries", buildGguf({ metadataCount: 2n ** 63n })],
    ["a claim of more tensors than there are", buildGguf({ tensorCount: 1_000_000n })],
    [
      "a tensor of 2^64 - 1 rows",
      buildGguf({ shape: [2n ** 64n - 1n, 2n ** 64n - 1n], data: new Uint8Array(64) }),
    ],
    ["no tensor at all", buildGguf({ tensorCount: 0n })],
  ])("does not take %s for a model, and keeps nothing of it", async (_what, bytes) => {
    const { id } = await createModel(creator);
    const failed = await uploadFile(api, creator, id, bytes);
    expect(failed).toMatchObject({ state: "failed", cid: null, sha256: null, gguf: null });
    expect(failed.error).toMatch(/^This is not a usable GGUF file\. .+\.$/);
    const { rows } = await api.deps.db.$client.query<{ id: string }>(
      "SELECT upload_id AS id FROM app.model_versions WHERE model_id = $1",
      [id],
    );
    for (const folder of ["uploads", "weights"]) {
      const names = await readdir(join(api.deps.config.DATA_DIR, folder)).catch(() => []);
      expect(names.filter((name) => name.startsWith(rows[0]!.id))).toEqual([]);
    }
    const again = await tus(api, creator, "HEAD", `/api/uploads/${rows[0]!.id}`);
    expect(again.status).toBe(410);
  });

  it("cleans what a header says before it is shown", async () => {
    const { id } = await createModel(creator);
    const ready = await uploadFile(
      api,
      creator,
      id,
      buildGguf({
        metadata: { "general.architecture": "llama\0", "general.name": `\u0007N\0${"a".repeat(1_000)}` },
      }),
    );
    expect(ready.state).toBe("ready");
    expect(ready.gguf).toMatchObject({ architecture: "llama", contextLength: null, quantization: "F32" });
    expect(ready.gguf?.name).toBe(`N${"a".repeat(199)}`);
  });

  it("refuses an empty file, a file over the limit, and one that grows past it", async () => {
    const { id } = await createModel(creator);
    const empty = await begin(id, { "upload-length": "0" });
    expect(empty.status).toBe(400);
    expect(await codeOf(empty)).toBe("empty_file");
    const large = await begin(id, { "upload-length": "5000001" });
    expect(large.status).toBe(413);
    expect(await codeOf(large)).toBe("file_too_large");
    expect(await fileOf(id)).toBeNull();
    const path = await beginUpload(api, creator, id, 1_000);
    const more = await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, new Uint8Array(1_001));
    expect(more.status).toBe(413);
    expect((await fileOf(id))?.state).toBe("uploading");
  });

  it.each([
    ["no length", { "upload-length": "" }],
    ["a negative length", { "upload-length": "-5" }],
    ["a deferred length", { "upload-length": "", "upload-defer-length": "1" }],
    ["no metadata", { "upload-metadata": "" }],
    ["metadata that is no base64", { "upload-metadata": "modelId !!!!" }],
    ["no filename", { "upload-metadata": metadata({ modelId: "00000000-0000-4000-8000-000000000000" }) }],
    ["a model id that is none", { "upload-metadata": metadata({ modelId: "1", filename: "a.gguf" }) }],
  ])("refuses %s", async (_what, headers) => {
    const { id } = await createModel(creator);
    const response = await begin(id, headers);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe("invalid_request");
  });

  it.each(["../../../etc/cron.d/x", "..\\..\\x", "/etc/passwd", "a\0b", "", "x".repeat(256)])(
    "refuses the filename %j",
    async (filename) => {
      const { id } = await createModel(creator);
      const response = await begin(id, { "upload-metadata": metadata({ modelId: id, filename }) });
      expect(response.status).toBe(400);
    },
  );

  it("knows nobody else's model or upload", async () => {
    const { id } = await createModel(creator);
    expect((await begin(id, {}, stranger)).status).toBe(404);
    expect((await begin(id, {}, null)).status).toBe(401);
    const path = await beginUpload(api, creator, id, 1_000);
    for (const method of ["HEAD", "PATCH", "DELETE", "GET"]) {
      const body = method === "PATCH" ? new Uint8Array(10) : undefined;
      const headers: Record<string, string> = method === "PATCH" ? { "upload-offset": "0" } : {};
      expect((await tus(api, stranger, method, path, headers, body)).status).toBe(404);
      expect((await tus(api, stranger, method, "/api/uploads/nothing", headers, body)).status).toBe(404);
      expect((await tus(api, stranger, method, "/api/uploads/..%2f..%2fx", headers, body)).status).toBe(404);
    }
    expect((await tus(api, creator, "GET", path)).status).toBe(404);
    expect((await fileOf(id))?.receivedBytes).toBe(0);
  });

  it("lets an upload be cancelled, and another take the place of the last", async () => {
    const { id } = await createModel(creator);
    const first = await beginUpload(api, creator, id, file.length);
    expect((await tus(api, creator, "DELETE", first)).status).toBe(204);
    await eventually("the cancellation", async () => (await fileOf(id)) === null);
    const second = await beginUpload(api, creator, id, file.length);
    await tus(api, creator, "PATCH", second, { "upload-offset": "0" }, file.slice(0, 10));
    const ready = await uploadFile(api, creator, id, file);
    expect(ready.state).toBe("ready");
    expect((await tus(api, creator, "HEAD", second)).status).toBe(404);
    await expect(access(api.deps.storage.stagedPath(second.split("/").at(-1)!))).rejects.toThrow();
    const other = buildGguf({ data: new Uint8Array(1_000).fill(7) });
    expect((await uploadFile(api, creator, id, other)).cid).not.toBe(ready.cid);
  });

  async function listen(): Promise<{ server: ServerType; port: number }> {
    const server = serve({ fetch: api.app.fetch, port: 0, hostname: "127.0.0.1" });
    await once(server, "listening");
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new Error("The server has no port");
    return { server, port: address.port };
  }
});

import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { createModel, uploadFile } from "../../testing/uploads.ts";
import { bodyOf, codeOf, registerUser, send, type TestUser } from "../../testing/users.ts";
import type { ModelView } from "./shapes.ts";
import { slugOf } from "./slug.ts";

let api: TestApi;
let creator: TestUser;
let stranger: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  creator = await registerUser(api, "Creator");
  stranger = await registerUser(api, "Stranger");
});
afterAll(() => api.close());

describe("models", () => {
  it("creates a model in a group, lists it and changes it", async () => {
    const group = await bodyOf<{ id: string }>(await creator.call("POST", "/api/groups", { name: "Lab" }));
    const response = await creator.call("POST", "/api/models", {
      groupId: group.id,
      name: " Tïny Chat (v1) ",
      description: "Line one\nLine two",
      license: "CC0-1.0",
      tags: ["Chat", "chat", "tiny"],
    });
    expect(response.status).toBe(201);
    const model = await bodyOf<ModelView>(response);
    expect(model).toMatchObject({
      groupId: group.id,
      groupName: "Lab",
      name: "Tïny Chat (v1)",
      description: "Line one\nLine two",
      tags: ["chat", "tiny"],
      file: null,
      onchain: null,
      serving: { nodes: 0, warm: false },
      subscribers: 0,
    });
    expect(model.slug).toMatch(/^ti-?ny-chat-v1/);

    const { models } = await bodyOf<{ models: ModelView[] }>(await creator.call("GET", "/api/models/mine"));
    expect(models[0]).toEqual(model);

    const changed = await creator.call("PATCH", `/api/models/${model.id}`, { name: "Tiny", tags: [] });
    expect(await bodyOf<ModelView>(changed)).toEqual({ ...model, name: "Tiny", tags: [] });
  });

  it("gives models of one name different slugs, also when made at once", async () => {
    const models = await Promise.all(Array.from({ length: 4 }, () => createModel(creator, "Same name")));
    expect(new Set(models.map(({ slug }) => slug)).size).toBe(4);
    expect(models.map(({ slug }) => slug)).toContain("same-name");
  });

  it("makes slugs of names in any script", () => {
    expect(slugOf("Llama 3.1 — 8B_Instruct")).toBe("llama-3.1-8b-instruct");
    expect(slugOf("模型")).toBe("model");
    expect(slugOf("../../etc/passwd")).toBe("etc-passwd");
  });

  it("hides a draft from everybody else: the same 404 as for none", async () => {
    const { id } = await createModel(creator);
    const none = "00000000-0000-4000-8000-000000000000";
    for (const [method, path] of [
      ["GET", ""],
      ["PATCH", ""],
      ["GET", "/weights"],
    ] as const) {
      const body = method === "PATCH" ? { name: "Mine now" } : undefined;
      const theirs = await stranger.call(method, `/api/models/${id}${path}`, body);
      const nobodys = await stranger.call(method, `/api/models/${none}${path}`, body);
      expect(theirs.status).toBe(404);
      expect(await theirs.text()).toBe(await nobodys.text());
    }
    expect((await send(api, "GET", `/api/models/${id}`)).status).toBe(404);
    expect(
      (await bodyOf<{ models: unknown[] }>(await stranger.call("GET", "/api/models/mine"))).models,
    ).toEqual([]);
  });

  it("refuses a model in somebody else's group", async () => {
    const group = await bodyOf<{ id: string }>(await creator.call("POST", "/api/groups", { name: "Ours" }));
    const body = { groupId: group.id, name: "Intruder", description: "", license: "MIT" };
    expect((await stranger.call("POST", "/api/models", body)).status).toBe(404);
    expect((await send(api, "POST", "/api/models", body)).status).toBe(401);
  });

  it.each([
    ["an empty name", { name: "" }],
    ["an oversize name", { name: "x".repeat(101) }],
    ["a name with a line break", { name: "a\nb" }],
    ["an oversize description", { description: "x".repeat(5_001) }],
    ["too many tags", { tags: Array.from({ length: 11 }, (_, i) => `t${i}`) }],
    ["a foreign field", { slug: "gpt-4" }],
  ])("refuses %s", async (_what, change) => {
    const { id } = await createModel(creator);
    const response = await creator.call("PATCH", `/api/models/${id}`, change);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe("invalid_request");
  });
});

describe.each(["open", "protected"] as const)("%s weights", (access) => {
  const bytes = buildGguf({ data: new Uint8Array(randomBytes(3_000_000)) });
  let model: ModelView;
  let cid: string;
  beforeAll(async () => {
    model = await createModel(creator, "Tiny", access);
    cid = (await uploadFile(api, creator, model.id, bytes)).cid!;
  });

  const get = (headers: Record<string, string> = {}, method = "GET") =>
    send(api, method, `/api/models/${model.id}/weights`, undefined, {
      authorization: `Bearer ${creator.token}`,
      ...headers,
    });

  it("serves the whole file to its group, with its CID", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(response.headers.get("x-cid")).toBe(cid);
    expect(cid === unixfsCid([bytes])).toBe(access === "open");
    expect(response.headers.get("content-length")).toBe(String(bytes.length));
    expect(response.headers.get("content-disposition")).toContain("attachment");
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it.each([
    ["bytes=0-3", 0, 3],
    ["bytes=10-", 10, bytes.length - 1],
    ["bytes=-16", bytes.length - 16, bytes.length - 1],
    ["bytes=5-99999999999", 5, bytes.length - 1],
    ["bytes=65535-65536", 65_535, 65_536],
    ["bytes=65536-131071", 65_536, 131_071],
    ["bytes=2999999-3000000", 2_999_999, 3_000_000],
  ])("serves the range %s", async (range, start, end) => {
    const response = await get({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end}/${bytes.length}`);
    const got = Buffer.from(await response.arrayBuffer());
    expect(got.equals(bytes.subarray(start, end + 1))).toBe(true);
  });

  it("answers ranges that cannot be, and conditions", async () => {
    const beyond = await get({ range: `bytes=${bytes.length}-` });
    expect(beyond.status).toBe(416);
    expect((await get({ range: "bytes=0-1,5-6" })).status).toBe(200);
    expect((await get({ range: "lines=0-1" })).status).toBe(200);
    expect((await get({ range: "bytes=0-1", "if-range": '"another"' })).status).toBe(200);
    const head = await get({}, "HEAD");
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String(bytes.length));
    expect(await head.text()).toBe("");
  });

  it("refuses strangers and whoever has no token", async () => {
    expect((await stranger.call("GET", `/api/models/${model.id}/weights`)).status).toBe(404);
    const path = `/api/models/${model.id}/weights`;
    expect((await send(api, "GET", path)).status).toBe(401);
    expect((await send(api, "GET", path, undefined, { authorization: "Bearer aifn_wrong" })).status).toBe(
      401,
    );
  });

  it("breaks off rather than hand out a damaged file as the model", async () => {
    const other = await createModel(creator, "Tiny", access);
    await uploadFile(api, creator, other.id, bytes);
    const path = `${api.deps.config.DATA_DIR}/weights/${await uploadIdOf(other.id)}`;
    const damaged = await readFile(path);
    damaged[damaged.length - 5]! ^= 1;
    await writeFile(path, damaged);
    const response = await creator.call("GET", `/api/models/${other.id}/weights`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  async function uploadIdOf(modelId: string): Promise<string> {
    const { rows } = await api.deps.db.$client.query<{ id: string }>(
      "SELECT upload_id AS id FROM app.model_versions WHERE model_id = $1",
      [modelId],
    );
    return rows[0]!.id;
  }
});

describe("the demo model", () => {
  it("is known by its CID, sha-256 and header", async () => {
    const path = fileURLToPath(new URL("../../../../models/tiny-chat-q8_0.gguf", import.meta.url));
    const bytes = new Uint8Array(await readFile(path));
    const model = await createModel(creator, "Tiny chat", "open");
    const file = await uploadFile(api, creator, model.id, bytes);
    expect(file).toMatchObject({
      state: "ready",
      error: null,
      size: 4_636_896,
      receivedBytes: 4_636_896,
      sha256: "e8efdda64a1249d468ac2cd63b1b8903344ab1e35c2b4759ee4d43027afa88ab",
      cid: unixfsCid([bytes]),
      gguf: { architecture: "llama", parameters: 4_295_424, quantization: "Q8_0", contextLength: 1024 },
    });
    expect(file.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(file.gguf?.chatTemplate).toContain("<|im_start|>");
  });
});

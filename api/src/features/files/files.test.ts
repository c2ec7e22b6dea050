import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { bodyOf, codeOf, registerUser, type TestUser } from "../../testing/users.ts";
import type { FileView } from "./shapes.ts";

const MIB = 1024 ** 2;

let api: TestApi;
let ada: TestUser;
let bob: TestUser;
beforeAll(async () => {
  api = await createTestApi({
    MAX_INPUT_BYTES: String(3 * MIB),
    MAX_FILES_BYTES: String(5 * MIB),
    MAX_BODY_BYTES: "1000",
  });
  ada = await registerUser(api);
  bob = await registerUser(api, "Bob");
});
afterAll(() => api.close());

function upload(
  user: TestUser,
  body: ReadableStream<Uint8Array> | string | null,
  { name = "data.jsonl", headers = {} } = {},
) {
  return api.app.request(`/api/files?name=${encodeURIComponent(name)}`, {
    method: "POST",
    body,
    headers: { authorization: `Bearer ${user.token}`, ...headers },
    duplex: "half",
  } as RequestInit);
}

const read = (user: TestUser, cid: string, headers: Record<string, string> = {}) =>
  api.app.request(`/api/files/${cid}`, { headers: { authorization: `Bearer ${user.token}`, ...headers } });

const stored = async () => (await readdir(join(api.deps.config.DATA_DIR, "weights")).catch(() => [])).length;
const staged = async () => (await readdir(join(api.deps.config.DATA_DIR, "uploads")).catch(() => [])).length;

/** A body that comes in pieces, as over a network. */
function stream(bytes: Uint8Array, { piece = 64 * 1024, breakAt = Number.POSITIVE_INFINITY } = {}) {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= breakAt) controller.error(new Error("the connection is gone"));
      else if (at >= bytes.length) controller.close();
      else {
        controller.enqueue(bytes.subarray(at, at + piece));
        at += piece;
      }
    },
  });
}

describe("a file", () => {
  it("is known by its CID and hash, over several blocks, and comes back as it was", async () => {
    const bytes = randomBytes(MIB + 12_345);
    const response = await upload(ada, stream(bytes), { name: "wörter.jsonl" });
    expect(response.status).toBe(201);
    const file = await bodyOf<FileView>(response);
    expect(file).toMatchObject({
      cid: unixfsCid([bytes]),
      sha256: createHash("sha256").update(bytes).digest("hex"),
      size: bytes.length,
      name: "wörter.jsonl",
    });
    const back = await read(ada, file.cid);
    expect(back.headers.get("content-disposition")).toContain("w%C3%B6rter.jsonl");
    expect(Buffer.from(await back.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await read(ada, file.cid, { range: "bytes=10-19" });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    expect(await staged()).toBe(0);
  });

  it("is one however often it is uploaded, and another user's is not theirs to read", async () => {
    const before = await stored();
    const first = await bodyOf<FileView>(await upload(ada, "the same"));
    const again = await bodyOf<FileView>(await upload(ada, "the same", { name: "other.txt" }));
    expect(again).toEqual(first);
    expect(await stored()).toBe(before + 1);
    expect(await codeOf(await read(bob, first.cid))).toBe("not_found");
    const { files } = await bodyOf<{ files: FileView[] }>(await bob.call("GET", "/api/files"));
    expect(files).toEqual([]);
    expect((await upload(bob, "the same")).status).toBe(201);
    expect((await read(bob, first.cid)).status).toBe(200);
  });

  it("may be empty", async () => {
    const file = await bodyOf<FileView>(await upload(ada, null));
    expect(file).toMatchObject({
      size: 0,
      cid: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    });
    expect((await read(ada, file.cid, { range: "bytes=0-1" })).status).toBe(200);
  });

  it("leaves nothing behind when it is too large, breaks off, or says another length", async () => {
    const before = await stored();
    expect(await codeOf(await upload(bob, stream(new Uint8Array(3 * MIB + 1))))).toBe("file_too_large");
    const announced = { headers: { "content-length": String(4 * MIB) } };
    expect(await codeOf(await upload(bob, stream(new Uint8Array(10)), announced))).toBe("file_too_large");
    const broken = stream(new Uint8Array(2 * MIB), { breakAt: MIB });
    expect(await codeOf(await upload(bob, broken))).toBe("upload_broken");
    const short = { headers: { "content-length": "100" } };
    expect(await codeOf(await upload(bob, stream(new Uint8Array(10)), short))).toBe("upload_broken");
    expect(await stored()).toBe(before);
    expect(await staged()).toBe(0);
  });

  it("counts into what a user may have together", async () => {
    const eve = await registerUser(api, "Eve");
    expect((await upload(eve, stream(randomBytes(3 * MIB)))).status).toBe(201);
    expect(await codeOf(await upload(eve, stream(randomBytes(3 * MIB))))).toBe("files_full");
    expect((await upload(eve, stream(randomBytes(2 * MIB)))).status).toBe(201);
  });

  it("is not over the limit with others that come at the same time", async () => {
    const mia = await registerUser(api, "Mia");
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => upload(mia, stream(randomBytes(2 * MIB)))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 413, 413]);
  });

  it("can be removed by its owner, and not while a job needs it", async () => {
    const zoe = await registerUser(api, "Zoe");
    const { cid, id } = await bodyOf<FileView>(await upload(zoe, "to be removed"));
    const [jobId = ""] = await waitingJobs(api, zoe.id, 1, { inputs: [{ cid, path: "x", size: 13 }] });
    expect(await codeOf(await bob.call("DELETE", `/api/files/${cid}`))).toBe("not_found");
    expect(await codeOf(await zoe.call("DELETE", `/api/files/${cid}`))).toBe("file_in_use");
    expect((await zoe.call("POST", `/api/jobs/${jobId}/cancel`)).status).toBe(200);
    expect((await zoe.call("DELETE", `/api/files/${cid}`)).status).toBe(204);
    expect((await read(zoe, cid)).status).toBe(404);
    await expect(api.deps.storage.weights.read(id)).rejects.toThrow();
  });

  it("needs a name and somebody who is signed in", async () => {
    expect(await codeOf(await upload(ada, "x", { name: "" }))).toBe("invalid_request");
    const anonymous = await api.app.request("/api/files?name=x", { method: "POST", body: "x" });
    expect(await codeOf(anonymous)).toBe("unauthorized");
    for (const cid of [
      "..",
      "%2e%2e%2fetc",
      "a%00b",
      "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
    ])
      expect((await read(ada, cid)).status, cid).toBeOneOf([400, 404]);
  });
});

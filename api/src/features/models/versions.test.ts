import { randomBytes } from "node:crypto";
import { access, appendFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, pay, quotePublish } from "../../testing/market.ts";
import { registerNode } from "../../testing/node-peer.ts";
import {
  beginUpload,
  createModel,
  metadata,
  tus,
  uploadFile,
  uploadVersion,
  versionsOf,
} from "../../testing/uploads.ts";
import {
  bodyOf,
  codeOf,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
} from "../../testing/users.ts";
import { wantedBy, workOf } from "../nodes/wanted.ts";
import { sweepUploads } from "./ingest.ts";
import type { ModelView, VersionView, WeightsKeyView } from "./shapes.ts";

const ggufOf = (contextLength: number) =>
  buildGguf({
    metadata: { "general.architecture": "llama", "llama.context_length": contextLength },
    data: new Uint8Array(randomBytes(100_000)),
  });
const first = ggufOf(1_024);
const second = ggufOf(4_096);

let api: TestApi;
let creator: TestWalletUser;
let stranger: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
  stranger = await registerUser(api, "Stranger");
});
afterAll(() => api.close());

async function published(weights: "open" | "protected", terms = {}): Promise<ModelView> {
  const { id } = await createModel(creator, "Tiny", weights);
  await uploadFile(api, creator, id, first);
  await pay(api, creator.wallet, await quotePublish(creator, id, { month: "10", ...terms }));
  return eventually("the publication", async () => {
    const view = await bodyOf<ModelView>(await creator.call("GET", `/api/models/${id}`));
    return view.onchain && view;
  });
}

const serve = (user: TestUser, modelId: string, number: number | string) =>
  user.call("POST", `/api/models/${modelId}/versions/${number}/serve`);
const listOf = async (modelId: string) =>
  (await bodyOf<{ versions: VersionView[] }>(await send(api, "GET", `/api/models/${modelId}/versions`)))
    .versions;
async function bytesOf(user: TestUser, path: string): Promise<Buffer> {
  const response = await user.call("GET", path);
  expect(response.status, await response.clone().text()).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

it("a new version waits beside the one that is served, takes its place by one call, and gives it back", async () => {
  const model = await published("open");
  const node = await registerNode(api, "any", { verified: false });
  const wanted = async () => {
    const { wanted: list = [] } = (await workOf(api.deps, [node.id])).get(node.id) ?? {};
    return list.find(({ modelId }) => modelId === model.id);
  };
  expect(await wanted()).toMatchObject({ cid: model.file?.cid, contextLength: 1_024 });

  const made = await uploadVersion(api, creator, model.id, second, "Four times the context.\nBetter, too.");
  expect(made).toMatchObject({
    number: 2,
    state: "ready",
    served: false,
    servedAt: null,
    note: "Four times the context.\nBetter, too.",
    by: expect.any(String),
    jobId: null,
    size: second.length,
    gguf: { contextLength: 4_096 },
  });
  // Nothing changes for anybody until it is served.
  expect((await bodyOf<ModelView>(await creator.call("GET", `/api/models/${model.id}`))).file).toEqual(
    model.file,
  );
  expect((await wanted())?.cid).toBe(model.file?.cid);
  expect((await listOf(model.id)).map(({ number }) => number)).toEqual([1]);
  const unserved = `/api/models/${model.id}/weights?version=2`;
  const bearer = { authorization: `Bearer ${node.token}` };
  expect((await send(api, "GET", unserved, undefined, bearer)).status).toBe(404);
  expect((await bytesOf(creator, unserved)).equals(second)).toBe(true);

  const served = await serve(creator, model.id, 2);
  expect(await bodyOf<ModelView>(served)).toMatchObject({
    file: { version: 2, cid: made.cid, gguf: { contextLength: 4_096 } },
  });
  const now = await wanted();
  expect(now).toMatchObject({ cid: made.cid, contextLength: 4_096 });
  expect((await send(api, "GET", now!.weightsUrl, undefined, bearer)).headers.get("x-cid")).toBe(made.cid);
  // Nodes that are still at the old one go on with it.
  const old = await send(api, "GET", `/api/models/${model.id}/weights/stored?version=1`, undefined, bearer);
  expect(Buffer.from(await old.arrayBuffer()).equals(first)).toBe(true);
  expect((await listOf(model.id)).map(({ number, served: is, by }) => [number, is, by])).toEqual([
    [2, true, null],
    [1, false, null],
  ]);

  const since = (await versionsOf(creator, model.id))[0]?.servedAt;
  expect((await serve(creator, model.id, 2)).status).toBe(200);
  expect((await serve(creator, model.id, 1)).status).toBe(200);
  expect((await wanted())?.cid).toBe(model.file?.cid);
  expect((await versionsOf(creator, model.id)).map(({ servedAt }) => servedAt)).toEqual([
    since,
    expect.any(String),
  ]);
  // The contract still names the file that was published.
  const after = await bodyOf<ModelView>(await creator.call("GET", `/api/models/${model.id}`));
  expect(after.onchain?.txHash).toBe(model.onchain?.txHash);
});

it("of protected weights each version has a key of its own; who bought has every one that was served", async () => {
  const model = await published("protected", { sale: "5" });
  const made = await uploadVersion(api, creator, model.id, second);
  await uploadVersion(api, creator, model.id, ggufOf(8));
  expect((await serve(creator, model.id, 2)).status).toBe(200);
  const key = async (user: TestUser, number: number) =>
    bodyOf<WeightsKeyView>(await user.call("GET", `/api/models/${model.id}/weights/key?version=${number}`));
  const [one, two] = [await key(creator, 1), await key(creator, 2)];
  expect(one.key).not.toBe(two.key);
  expect([one.cid, two.cid]).toEqual([model.file?.cid, made.cid]);

  const buyer = await fundedUser(api);
  const refused = await buyer.call("GET", `/api/models/${model.id}/weights?version=1`);
  expect([refused.status, await codeOf(refused)]).toEqual([402, "license_required"]);
  expect((await listOf(model.id)).map(({ sha256 }) => sha256)).toEqual([null, null]);
  const bought = await buyer.call("POST", `/api/models/${model.id}/buy`, {
    wallet: buyer.wallet.address,
    chain: model.onchain?.chain,
  });
  await pay(api, buyer.wallet, (await bodyOf<{ payment: Parameters<typeof pay>[2] }>(bought)).payment);
  await eventually("the licence", async () => {
    const licence = await buyer.call("GET", `/api/models/${model.id}/license`);
    return (await bodyOf<{ licensed: boolean }>(licence)).licensed;
  });
  const seen = await versionsOf(buyer, model.id);
  expect(seen.map(({ number, sha256 }) => [number, sha256])).toEqual([
    [2, two.sha256],
    [1, one.sha256],
  ]);
  expect((await bytesOf(buyer, `/api/models/${model.id}/weights?version=1`)).equals(first)).toBe(true);
  expect((await bytesOf(buyer, `/api/models/${model.id}/weights`)).equals(second)).toBe(true);
  // What nobody has served yet is the group's, with the answer of a version that does not exist.
  for (const what of ["weights", "weights/stored", "weights/key"]) {
    const hidden = await buyer.call("GET", `/api/models/${model.id}/${what}?version=3`);
    const none = await buyer.call("GET", `/api/models/${model.id}/${what}?version=9`);
    expect([hidden.status, await hidden.text()]).toEqual([404, await none.text()]);
  }
});

it("who may not change a model serves no version of it, and learns nothing", async () => {
  const model = await published("open");
  const none = crypto.randomUUID();
  for (const number of [1, 2]) {
    const theirs = await serve(stranger, model.id, number);
    expect([theirs.status, await theirs.text()]).toEqual([
      404,
      await (await serve(stranger, none, number)).text(),
    ]);
  }
  const draft = await createModel(creator);
  await uploadFile(api, creator, draft.id, first);
  const hidden = await stranger.call("GET", `/api/models/${draft.id}/versions`);
  const unknown = await stranger.call("GET", `/api/models/${none}/versions`);
  expect([hidden.status, await hidden.text()]).toEqual([404, await unknown.text()]);
  expect((await serve(creator, model.id, 7)).status).toBe(404);
  for (const bad of ["0", "-1", "1.5", "x", "9999999999"]) {
    expect(await codeOf(await serve(creator, model.id, bad)), bad).toBe("invalid_request");
  }
  const path = await beginUpload(api, creator, model.id, second.length);
  const early = await serve(creator, model.id, 2);
  expect([early.status, await codeOf(early)]).toEqual([409, "version_not_ready"]);
  expect((await tus(api, creator, "DELETE", path)).status).toBe(204);
  const long = await tus(api, creator, "POST", "/api/uploads", {
    "upload-length": "10",
    "upload-metadata": metadata({ modelId: model.id, filename: "a.gguf", note: "x".repeat(501) }),
  });
  expect([long.status, await codeOf(long)]).toEqual([400, "invalid_request"]);
});

it("a file that fails, and an upload that another replaces, leave the served version and the numbers alone", async () => {
  const model = await published("open");
  const junk = new Uint8Array(Buffer.from("This is not a model. ".repeat(50)));
  expect(await uploadVersion(api, creator, model.id, junk)).toMatchObject({ number: 2, state: "failed" });
  const left = await beginUpload(api, creator, model.id, second.length);
  await tus(api, creator, "PATCH", left, { "upload-offset": "0" }, second.slice(0, 10));
  expect(await uploadVersion(api, creator, model.id, second)).toMatchObject({ number: 2, state: "ready" });
  await expect(access(api.deps.storage.stagedPath(left.split("/").at(-1)!))).rejects.toThrow();
  expect((await versionsOf(creator, model.id)).map(({ number, served }) => [number, served])).toEqual([
    [2, false],
    [1, true],
  ]);
});

it("races end with one version served, and none of what is ready lost", async () => {
  const model = await published("open");
  await uploadVersion(api, creator, model.id, second);
  const begun = await Promise.all(
    [1, 2, 3, 4].map(() =>
      tus(api, creator, "POST", "/api/uploads", {
        "upload-length": String(first.length),
        "upload-metadata": metadata({ modelId: model.id, filename: "a.gguf" }),
      }),
    ),
  );
  // One may be replaced, and its bytes be gone, before its answer is there.
  for (const { status } of begun) expect(status).toBeOneOf([201, 404, 410]);
  const answers = await Promise.all([1, 2, 1, 2, 1, 2].map((number) => serve(creator, model.id, number)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const versions = await versionsOf(creator, model.id);
  expect(versions.map(({ number }) => number)).toEqual([3, 2, 1]);
  expect(versions.filter(({ served }) => served)).toHaveLength(1);
});

it("a version whose bytes were all here when the process died becomes ready and is not served by itself", async () => {
  const model = await published("protected");
  const path = await beginUpload(api, creator, model.id, second.length);
  await tus(api, creator, "PATCH", path, { "upload-offset": "0" }, second.slice(0, 50_000));
  // As after kill -9: the last bytes lie there, and nobody said so.
  await appendFile(api.deps.storage.stagedPath(path.split("/").at(-1)!), second.subarray(50_000));
  await Promise.all([sweepUploads(api.deps), sweepUploads(api.deps)]);
  await eventually("the processing", async () => (await versionsOf(creator, model.id))[0]?.state === "ready");
  const [two, one] = await versionsOf(creator, model.id);
  expect([two?.served, one?.served]).toEqual([false, true]);
  const verified = await registerNode(api, "verified");
  expect((await wantedBy(api.deps, verified.id)).map(({ cid }) => cid)).toContain(one?.cid);
});

it("in a draft the next file takes the place of the last, and is served at once", async () => {
  const { id } = await createModel(creator, "Draft");
  const before = await uploadFile(api, creator, id, first);
  const after = await uploadFile(api, creator, id, second);
  expect(before).toMatchObject({ version: 1, state: "ready" });
  expect(after).toMatchObject({ version: 1, state: "ready" });
  expect(after.cid).not.toBe(before.cid);
  expect(await versionsOf(creator, id)).toHaveLength(1);
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { assigned, jobBecomes, workingNode } from "../../testing/jobs.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { createModel, processedFile, versionsOf } from "../../testing/uploads.ts";
import { bodyOf, codeOf, registerUser, type TestUser } from "../../testing/users.ts";
import { verifyWaiting } from "./worker.ts";

let api: TestApi;
let ada: TestUser;
let eve: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  ada = await registerUser(api);
  eve = await registerUser(api, "Eve");
});
afterAll(() => api.close());

it("makes what a job put out the file of a model, checked as any upload", async () => {
  const image = someImage();
  const node = await workingNode(api, image);
  const [id = ""] = await waitingJobs(api, ada.id, 1, { image });
  const attemptId = await assigned(api, id);
  await node.begin(attemptId);
  const weights = buildGguf();
  const listed = [];
  for (const [path, bytes] of [
    ["out/model.gguf", weights],
    ["notes.txt", new TextEncoder().encode("not a model")],
  ] as const) {
    const put = await node.put(attemptId, path, bytes);
    listed.push(await bodyOf<{ path: string; cid: string; size: number }>(put));
  }
  const model = await createModel(ada, "Tuned");
  const path = `/api/jobs/${id}/publish`;
  const body = { path: "out/model.gguf", modelId: model.id, note: "Taught tales" };
  expect(await codeOf(await ada.call("POST", path, body))).toBe("not_found");
  await node.finish(attemptId, { files: listed });
  await verifyWaiting(api.deps);
  await jobBecomes(api, id, "completed");

  const theirs = await createModel(eve, "Hers");
  expect(await codeOf(await eve.call("POST", path, { ...body, modelId: theirs.id }))).toBe("not_found");
  expect(await codeOf(await ada.call("POST", path, { ...body, modelId: theirs.id }))).toBe("not_found");
  expect(await codeOf(await ada.call("POST", path, { ...body, path: "other" }))).toBe("not_found");

  const response = await ada.call("POST", path, body);
  expect(response.status, await response.clone().text()).toBe(202);
  const file = await processedFile(ada, model.id);
  expect(file).toMatchObject({ state: "ready", error: null });
  const [version] = await versionsOf(ada, model.id);
  expect(version).toMatchObject({ number: 1, jobId: id, served: true, note: "Taught tales" });
  // Again it is the version that is there.
  const again = await ada.call("POST", path, body);
  expect(again.status).toBe(202);
  expect(await versionsOf(ada, model.id)).toEqual([version]);
  const back = await ada.call("GET", `/api/models/${model.id}/weights`);
  expect(unixfsCid([new Uint8Array(await back.arrayBuffer())])).toBe(listed[0]!.cid);

  const other = await createModel(ada, "Not a model");
  await ada.call("POST", path, { path: "notes.txt", modelId: other.id });
  expect(await processedFile(ada, other.id)).toMatchObject({ state: "failed" });
});

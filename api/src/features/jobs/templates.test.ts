import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { someImage } from "../../testing/fleet.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { CHAIN, fundedUser } from "../../testing/market.ts";
import { bodyOf } from "../../testing/users.ts";
import type { JobDetail, JobTemplate } from "./shapes.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const templatesOf = async (of: TestApi) =>
  (await bodyOf<{ templates: JobTemplate[] }>(await of.app.request("/api/jobs/templates"))).templates;

it("offers both templates, whose code any job can have as an input", async () => {
  const templates = await templatesOf(api);
  expect(templates.map(({ id }) => id)).toEqual(["batch-inference", "fine-tune"]);
  const user = await fundedUser(api);
  for (const { id, code, command, resources } of templates) {
    const response = await user.call("POST", "/api/jobs", {
      name: id,
      template: id,
      spec: { ...resources, image: someImage(), command, inputs: [{ cid: code.cid, path: code.path }] },
      price: "1",
      chain: CHAIN,
      wallet: user.wallet.address,
    });
    expect(response.status, await response.clone().text()).toBe(201);
    const job = await bodyOf<JobDetail>(response);
    expect(job).toMatchObject({ template: id, spec: { inputs: [{ ...code }] } });
    const stored = await api.app.request(`/api/files/${code.cid}`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    const file = await readFile(new URL(`../../../../miner/templates/${id}/main.mjs`, import.meta.url));
    const digest = createHash("sha256")
      .update(Buffer.from(await stored.arrayBuffer()))
      .digest("hex");
    expect(digest).toBe(createHash("sha256").update(file).digest("hex"));
  }
});

it("stores their code again where the store is another one", async () => {
  const before = await templatesOf(api);
  const moved = await createTestApi();
  try {
    expect(await templatesOf(moved)).toEqual(before);
    const user = await fundedUser(moved);
    const { cid } = before[0]!.code;
    expect((await user.call("GET", `/api/files/${cid}`)).status).toBe(200);
  } finally {
    await moved.close();
  }
});

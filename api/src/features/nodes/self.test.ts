import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { registerNode } from "../../testing/node-peer.ts";
import { bodyOf, codeOf, send } from "../../testing/users.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const get = (path: string, token?: string) =>
  send(api, "GET", `/api/nodes/self${path}`, undefined, token ? { authorization: `Bearer ${token}` } : {});

it("shows a node itself and what its wallet earned, to its own token alone", async () => {
  for (const path of ["", "/earnings"])
    for (const token of [undefined, "aiforge_node_of_nobody"]) {
      const refused = await get(path, token);
      expect(refused.status).toBe(401);
      expect(await codeOf(refused)).toBe("node_token_refused");
    }
  const { id, token } = await registerNode(api, "itself");
  expect(await bodyOf(await get("", token))).toMatchObject({
    id,
    name: "itself",
    history: [],
    earned: "0.00",
    recentJobs: [],
  });
  expect(await bodyOf(await get("/earnings?days=7", token))).toMatchObject({
    total: "0.00",
    days: [],
    payments: [],
    open: [],
  });
  expect((await get("/earnings?days=0", token)).status).toBe(400);
});

import { afterAll, beforeAll, expect, it } from "vitest";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, pay, publishedModel, quotePublish } from "../../testing/market.ts";
import { registerNode } from "../../testing/node-peer.ts";
import { createModel, uploadFile } from "../../testing/uploads.ts";
import { bodyOf, registerUser, send, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "./shapes.ts";

let api: TestApi;
let creator: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  creator = await fundedUser(api);
});
afterAll(() => api.close());

const file = buildGguf();
it("opens a model and its weights with publishing", async () => {
  const { id } = await createModel(creator, "Tiny", "open");
  await uploadFile(api, creator, id, file);
  const node = { authorization: `Bearer ${(await registerNode(api, "weights reader")).token}` };
  const weights = () => send(api, "GET", `/api/models/${id}/weights`, undefined, node);
  expect((await weights()).status).toBe(404);

  await pay(api, creator.wallet, await quotePublish(creator, id));
  const published = await eventually("the publication", async () => {
    const response = await send(api, "GET", `/api/models/${id}`);
    return response.status === 200 ? bodyOf<ModelView>(response) : null;
  });
  expect(published.onchain).toMatchObject({ owner: creator.wallet.address.toLowerCase(), listed: true });
  expect(published.file?.sha256).toMatch(/^[0-9a-f]{64}$/);

  const response = await weights();
  expect(response.status).toBe(200);
  expect(response.headers.get("x-cid")).toBe(published.file?.cid);
  expect(Buffer.from(await response.arrayBuffer()).equals(file)).toBe(true);
  const stranger = await registerUser(api);
  expect((await stranger.call("GET", `/api/models/${id}/weights`)).status).toBe(404);
  expect((await stranger.call("PATCH", `/api/models/${id}`, { name: "Mine" })).status).toBe(404);
});

it("shows everybody what is published", async () => {
  const { id } = await publishedModel(api, creator, { name: "Second of the same" });
  const view = await bodyOf<ModelView>(await send(api, "GET", `/api/models/${id}`));
  expect(view).toMatchObject({ id, subscribers: 0, serving: { nodes: 0 } });
});

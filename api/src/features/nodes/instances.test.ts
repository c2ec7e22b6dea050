import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { readyModel } from "../../testing/market.ts";
import { listen, NodePeer, registerNode, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, registerUser, type TestUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import type { NodeDetailView } from "./shapes.ts";

/** Two instances of the api, which share nothing but Postgres. */
let apis: TestApi[];
let servers: Awaited<ReturnType<typeof listen>>[];
let user: TestUser;
let model: ModelView;
beforeAll(async () => {
  apis = [await createTestApi(), await createTestApi()];
  servers = [await listen(apis[0]!), await listen(apis[1]!)];
  user = await registerUser(apis[0]!);
  model = await readyModel(apis[0]!, user);
});
afterAll(async () => {
  for (const server of servers) await server.close();
  for (const api of apis) await api.close();
});

const get = async <T>(api: TestApi, path: string) =>
  bodyOf<T>(await api.app.request(path, { headers: { authorization: `Bearer ${user.token}` } }));

/** Waits until both instances say the same of the model. */
async function bothSay(serving: ModelView["serving"]): Promise<void> {
  for (const [at, api] of apis.entries()) {
    await eventually(
      `instance ${at} says ${JSON.stringify(serving)}`,
      async () => {
        const said = (await get<ModelView>(api, `/api/models/${model.id}`)).serving;
        return said.nodes === serving.nodes && said.warm === serving.warm;
      },
      60_000,
    );
  }
}

it("each instance tells of the nodes of both: cold, in memory, serving, gone", async () => {
  await bothSay({ nodes: 0, warm: false });
  const { id, token } = await registerNode(apis[0]!);
  const peer = new NodePeer(servers[0]!.url, token);
  const answer = peer.answer.bind(peer);
  let well = false;
  peer.answer = (inference, pieces) => answer(inference, well ? pieces : []);
  await once(peer.socket, "open");
  peer.hello([]);
  peer.send({ type: "models", models: [{ modelId: model.id, state: "loading" }] });
  await eventually("it is told", async () => {
    const node = await get<NodeDetailView>(apis[1]!, `/api/nodes/${id}`);
    return node.models.some(({ state }) => state === "loading");
  });
  await bothSay({ nodes: 0, warm: false });
  peer.send({ type: "models", models: [{ modelId: model.id, state: "ready" }] });
  await bothSay({ nodes: 0, warm: true });
  well = true;
  await bothSay({ nodes: 1, warm: true });
  const other = await servingPeer(apis[1]!, servers[1]!.url, [model.id]);
  await bothSay({ nodes: 2, warm: true });
  other.socket.close();
  await bothSay({ nodes: 1, warm: true });
  peer.socket.close();
  await bothSay({ nodes: 0, warm: false });
});

it("a node that went over to the other instance is not erased by what the first one learns late", async () => {
  const { id, token } = await registerNode(apis[0]!);
  const first = await servingPeer(apis[0]!, servers[0]!.url, [model.id], { token });
  const second = await servingPeer(apis[1]!, servers[1]!.url, [model.id], { token });
  await bothSay({ nodes: 1, warm: true });
  first.send({ type: "models", models: [] });
  first.socket.close();
  await eventually("the first instance knows that it is gone", async () => !apis[0]!.deps.nodes.has(id));
  // What the first instance had to write is written before what it writes of another node after it.
  const later = await servingPeer(apis[0]!, servers[0]!.url, [model.id]);
  await bothSay({ nodes: 2, warm: true });
  later.socket.close();
  await bothSay({ nodes: 1, warm: true });
  const node = await get<NodeDetailView>(apis[0]!, `/api/nodes/${id}`);
  expect(node.offered).toEqual([model.id]);
  second.socket.close();
  await bothSay({ nodes: 0, warm: false });
});

import { once } from "node:events";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { fundedUser, publishedModel, readyModel } from "../../testing/market.ts";
import { listen, NodePeer, registerNode, servingNodes, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, codeOf, registerUser, send } from "../../testing/users.ts";
import type { InferenceEvent } from "./inference.ts";
import type { InferenceRequest, WantedModel } from "./protocol.ts";
import { nodeOf } from "./service.ts";
import type { NodeDetailView } from "./shapes.ts";

let api: TestApi;
let server: Awaited<ReturnType<typeof listen>>;

beforeAll(async () => {
  api = await createTestApi(
    {},
    { hello: 2_000, ping: 1_000, stall: 2_000, cancel: 1_000, poll: 200, queue: 1_500, probeRetry: 100 },
  );
  server = await listen(api);
});
afterAll(async () => {
  await server?.close();
  await api?.close();
});

const figures = {
  cpu: { cores: 2, load: 0.5 },
  memory: { total: 8_000_000_000, free: 4_000_000_000 },
  disk: { total: 100_000_000_000, free: 50_000_000_000 },
  gpus: [],
  active: 0,
};
const request: InferenceRequest = {
  messages: [{ role: "user", content: "hello" }],
  maxTokens: 5,
  temperature: 0,
  topP: 1,
  stop: [],
  seed: 1,
};

async function infer(modelId: string, signal = new AbortController().signal): Promise<InferenceEvent[]> {
  const events: InferenceEvent[] = [];
  for await (const event of api.deps.nodes.infer({ modelId, request }, { signal })) events.push(event);
  return events;
}

async function member() {
  const user = await registerUser(api);
  return readyModel(api, user);
}

describe("registering", () => {
  test("a wallet's signature gives a token, which is good for the node's own routes and kept as a hash", async () => {
    const { id, token } = await registerNode(api, "first");
    expect(await nodeOf(api.deps, token)).toEqual({ id, name: "first" });
    const { rows } = await api.deps.db.$client.query("SELECT * FROM app.nodes WHERE id = $1", [id]);
    expect(JSON.stringify(rows[0])).not.toContain(token);
  });

  test("a message is good for one try, another wallet's signature for none", async () => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    const other = privateKeyToAccount(generatePrivateKey());
    const ask = async () => {
      const asked = await send(api, "POST", "/api/nodes/auth-message", { address: wallet.address });
      return (await bodyOf<{ message: string }>(asked)).message;
    };
    const post = (message: string, signature: string) =>
      send(api, "POST", "/api/nodes/register", { message, signature, name: "x", capabilities: {} });
    const stolen = await ask();
    expect((await post(stolen, await other.signMessage({ message: stolen }))).status).toBe(401);
    expect((await post(stolen, await wallet.signMessage({ message: stolen }))).status).toBe(401);
    const message = await ask();
    const signature = await wallet.signMessage({ message });
    const first = await post(message, signature);
    expect(first.status).toBe(201);
    expect((await post(message, signature)).status).toBe(401);
    const foreign = (await ask()).replaceAll("localhost:3000", "evil.example");
    expect((await post(foreign, await wallet.signMessage({ message: foreign }))).status).toBe(401);
    // The same name again is the same node with a new token; the old one stops working.
    const { node, token } = await bodyOf<{ node: { id: string }; token: string }>(first);
    const open = new NodePeer(server.url, token);
    await once(open.socket, "open");
    const again = await ask();
    const second = await post(again, await wallet.signMessage({ message: again }));
    expect((await bodyOf<{ node: { id: string } }>(second)).node.id).toBe(node.id);
    expect(await nodeOf(api.deps, token)).toBeNull();
    await eventually("a connection by the old token ends", async () => open.closed?.code === 4409);
  });

  test("one client can ask for so many messages and no more", async () => {
    const strict = await createTestApi({ AUTH_ATTEMPTS_PER_CLIENT: "2" });
    const from = `${Math.random()}`;
    const { address } = privateKeyToAccount(generatePrivateKey());
    const ask = () =>
      send(strict, "POST", "/api/nodes/auth-message", { address }, { "x-forwarded-for": from });
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 429]);
    await strict.close();
  });

  test("a heartbeat over HTTP is stored and shown", async () => {
    const { id, token } = await registerNode(api, "by http");
    const post = (body: unknown, authorization = `Bearer ${token}`) =>
      send(api, "POST", "/api/nodes/heartbeat", body, { authorization });
    expect((await post({ ...figures, models: [] })).status).toBe(200);
    expect((await post({ ...figures, models: [] }, "Bearer aifn_wrong")).status).toBe(401);
    expect((await post({ ...figures, models: [], active: -1 })).status).toBe(400);
    const shown = async () => bodyOf<NodeDetailView>(await send(api, "GET", `/api/nodes/${id}`));
    expect(await shown()).toMatchObject({ status: "active", figures });
    await api.deps.db.$client.query(
      "UPDATE app.nodes SET last_heartbeat_at = now() - interval '6 minutes' WHERE id = $1",
      [id],
    );
    expect((await shown()).status).toBe("inactive");
  });
});

describe("the WebSocket", () => {
  test("opens for a token only", async () => {
    const refused = new WebSocket(`${server.url.replace("http", "ws")}/api/nodes/connect`, {
      headers: { authorization: "Bearer aifn_nonsense" },
    });
    const [error] = await once(refused, "error").catch((cause) => [cause]);
    expect(String(error)).toContain("401");
    expect(await codeOf(await fetch(`${server.url}/api/nodes/connect`))).toBe("no_route");
  });

  test.each([
    ["garbage", "not json", "not JSON"],
    ["an unknown type", '{"type":"surprise"}', "type"],
    ["a capacity of zero", '{"type":"hello","version":"1","capacity":0,"models":[]}', "capacity"],
    ["anything before hello", '{"type":"models","models":[]}', "hello"],
  ])("%s closes it with a code and a reason", async (_, text, reason) => {
    const peer = new NodePeer(server.url, (await registerNode(api)).token);
    await once(peer.socket, "open");
    peer.socket.send(text);
    await once(peer.socket, "close");
    expect(peer.closed).toMatchObject({ code: 4400, reason: expect.stringContaining(reason) });
  });

  test("a frame over the limit, silence after opening and a peer that does not answer pings end it", async () => {
    const large = new NodePeer(server.url, (await registerNode(api)).token);
    await once(large.socket, "open");
    large.socket.send("x".repeat(300 * 1024));
    await once(large.socket, "close");
    expect(large.closed?.code).toBe(1009);
    const silent = new NodePeer(server.url, (await registerNode(api)).token);
    await once(silent.socket, "close");
    expect(silent.closed).toEqual({ code: 4400, reason: "no hello frame" });
    const model = await member();
    const dead = await servingPeer(api, server.url, [model.id]);
    dead.socket.removeAllListeners("message");
    await once(dead.socket, "close");
    await eventually("it is gone", async () => (await servingNodes(api, model.id)) === 0);
  });

  test("a node that connects again replaces its old socket", async () => {
    const model = await member();
    const { token } = await registerNode(api);
    const old = await servingPeer(api, server.url, [model.id], { token });
    const next = new NodePeer(server.url, token);
    await once(old.socket, "close");
    expect(old.closed?.code).toBe(4409);
    next.hello([model.id]);
    // The node counts as serving all the time; its new socket does so from its own probe on.
    const events = await eventually("the new socket serves", () => infer(model.id).catch(() => null));
    expect(events.at(-1)).toMatchObject({ type: "done" });
    expect(await servingNodes(api, model.id)).toBe(1);
    next.socket.close();
  });

  test("nodes are told which models are listed, when that changes", async () => {
    const peer = new NodePeer(server.url, (await registerNode(api)).token);
    await once(peer.socket, "open");
    peer.hello([]);
    const model = await publishedModel(api, await fundedUser(api));
    const wanted = await eventually("the model is wanted", async () =>
      peer
        .of("wanted")
        .at(-1)
        ?.wanted.find((each: WantedModel) => each.modelId === model.id),
    );
    const path = `/api/models/${model.id}/weights`;
    expect(wanted).toMatchObject({ weightsUrl: `${path}/stored?version=1`, keyUrl: `${path}/key?version=1` });
    peer.socket.close();
  });

  test("a node that floods the api with heartbeats costs a few writes, the last of which counts", async () => {
    const { id, token } = await registerNode(api);
    const peer = new NodePeer(server.url, token);
    await once(peer.socket, "open");
    peer.hello([], 3);
    const writes = vi.spyOn(api.deps.fleet, "beat");
    for (let active = 1; active <= 5_000; active++) peer.send({ type: "heartbeat", ...figures, active });
    const row = await eventually("the last is stored", async () => {
      const { rows } = await api.deps.db.$client.query("SELECT * FROM app.nodes WHERE id = $1", [id]);
      return rows[0].figures?.active === 5_000 && rows[0];
    });
    expect(row).toMatchObject({ version: "1.0.0", capacity: 3 });
    expect(writes.mock.calls.length).toBeLessThan(2_500);
    peer.socket.close();
  });

  test("a model is offered only after its probe passed", async () => {
    const model = await member();
    const peer = new NodePeer(server.url, (await registerNode(api)).token);
    let probes = 0;
    const answer = peer.answer.bind(peer);
    peer.answer = (inference, pieces) => answer(inference, ++probes < 3 ? [] : pieces);
    await once(peer.socket, "open");
    peer.hello([model.id]);
    await eventually("two probes fail", async () => probes >= 2);
    expect(await servingNodes(api, model.id)).toBe(0);
    await eventually("the third passes", async () => (await servingNodes(api, model.id)) === 1);
    peer.send({ type: "models", models: [{ modelId: model.id, state: "failed" }] });
    await eventually("it is withdrawn", async () => (await servingNodes(api, model.id)) === 0);
    peer.socket.close();
  });
});

describe("inference", () => {
  test("goes to the least loaded node, and waits for a slot when all are busy", async () => {
    const model = await member();
    const peers = [
      await servingPeer(api, server.url, [model.id], { capacity: 1 }),
      await servingPeer(api, server.url, [model.id], { capacity: 1 }),
    ];
    const held: (() => void)[] = [];
    for (const peer of peers)
      peer.onInference = (inference) => held.push(() => peer.answer(inference, ["x"]));
    const running = [infer(model.id), infer(model.id)];
    await eventually("both nodes work", async () => held.length === 2);
    expect(peers.map((peer) => peer.of("inference").length)).toEqual([2, 2]);
    await expect(infer(model.id)).rejects.toMatchObject({ code: "busy" });
    const waiting = infer(model.id);
    for (const finish of held.splice(0)) finish();
    await Promise.all(running);
    await eventually("the waiting one runs", async () => held.length === 1);
    held[0]!();
    expect((await waiting).map(({ type }) => type)).toEqual(["start", "delta", "done"]);
    for (const peer of peers) peer.socket.close();
  });

  test("before the first token another node is tried; after it the failure is told", async () => {
    const model = await member();
    const dies = await servingPeer(api, server.url, [model.id], { capacity: 1000 });
    dies.onInference = () => dies.socket.terminate();
    const lives = await servingPeer(api, server.url, [model.id], { capacity: 1 });
    expect((await infer(model.id)).at(-1)).toMatchObject({ type: "done", finishReason: "stop" });
    expect(dies.of("inference")).toHaveLength(2);
    lives.onInference = ({ id }) => {
      lives.send({ type: "delta", id, text: "half" });
      setTimeout(() => lives.socket.terminate(), 20);
    };
    await expect(infer(model.id)).rejects.toMatchObject({ code: "node_lost" });
    await expect(infer(model.id)).rejects.toMatchObject({ code: "no_node" });
  });

  test("a node that stalls is given up, told to cancel and doubted until a probe passes", async () => {
    const model = await member();
    const peer = await servingPeer(api, server.url, [model.id]);
    peer.onInference = ({ id }) => peer.send({ type: "delta", id, text: "and then" });
    await expect(infer(model.id)).rejects.toMatchObject({ code: "stalled" });
    await eventually("the node is told", async () => peer.of("cancel").length === 1);
    await eventually("a new probe passes", async () => (await servingNodes(api, model.id)) === 1);
    expect(peer.of("inference")).toHaveLength(3);
    peer.socket.close();
  });

  test("an abort stops the node, and its own count is given", async () => {
    const model = await member();
    const peer = await servingPeer(api, server.url, [model.id]);
    peer.onInference = (inference) => {
      peer.send({ type: "delta", id: inference.id, text: "one" });
      peer.socket.once("message", () => peer.answer(inference, [], "cancelled"));
    };
    const abort = new AbortController();
    const events: InferenceEvent[] = [];
    for await (const event of api.deps.nodes.infer({ modelId: model.id, request }, abort)) {
      events.push(event);
      if (event.type === "delta") abort.abort();
    }
    expect(peer.of("cancel")).toHaveLength(1);
    expect(events.at(-1)).toEqual({
      type: "done",
      usage: { promptTokens: 7, completionTokens: 0 },
      finishReason: "cancelled",
    });
    peer.socket.close();
  });
});

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { WebSocket } from "ws";
import type { ApiFrame, NodeFrame } from "../features/nodes/protocol.ts";
import { nodeRow, setVerified } from "../features/nodes/queries.ts";
import { nodeOf } from "../features/nodes/service.ts";
import { servingModels } from "../features/nodes/serving.ts";
import { attachNodeSockets } from "../features/nodes/sockets.ts";
import { workOf } from "../features/nodes/wanted.ts";
import { eventually, type TestApi } from "./harness.ts";
import { bodyOf, send } from "./users.ts";

export type Inference = Extract<ApiFrame, { type: "inference" }>;

/** The api behind a real port, with the nodes' WebSocket. */
export async function listen(api: TestApi): Promise<{ url: string; close: () => Promise<void> }> {
  const server = serve({ fetch: api.app.fetch, hostname: "127.0.0.1", port: 0 });
  attachNodeSockets(server, api.deps);
  if (!server.listening) await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        api.deps.nodes.stop();
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}

/** Registers a node with a new wallet, as the miner does, and verifies it unless told otherwise. */
export async function registerNode(
  api: TestApi,
  name = "peer",
  { verified = true }: { verified?: boolean } = {},
): Promise<{ id: string; token: string }> {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const asked = await send(api, "POST", "/api/nodes/auth-message", { address: wallet.address });
  const { message } = await bodyOf<{ message: string }>(asked);
  const signature = await wallet.signMessage({ message });
  const response = await send(api, "POST", "/api/nodes/register", {
    message,
    signature,
    name,
    capabilities: {},
  });
  if (response.status !== 201) throw new Error(`Registering answered ${await response.text()}`);
  const { node, token } = await bodyOf<{ node: { id: string }; token: string }>(response);
  if (verified) await setVerified(api.deps.db, node.id, true);
  return { id: node.id, token };
}

/** The models that a verified node is asked to serve. */
export async function wantedModels(api: TestApi, nodeId: string): Promise<string[]> {
  const work = await workOf(api.deps, [nodeId]);
  return (work.get(nodeId)?.wanted ?? []).map(({ modelId }) => modelId);
}

/** A node that speaks the real protocol and answers as the test says: the place where faults are injected. */
export class NodePeer {
  readonly socket: WebSocket;
  readonly frames: ApiFrame[] = [];
  closed: { code: number; reason: string } | undefined;
  /** What it does with an inference that is not a probe. */
  onInference: (inference: Inference) => void = (inference) => this.answer(inference, ["Hello", " there"]);

  constructor(url: string, token: string) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/api/nodes/connect`, {
      headers: { authorization: `Bearer ${token}` },
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on("message", (data) => {
      const frame = JSON.parse(data.toString()) as ApiFrame;
      this.frames.push(frame);
      if (frame.type === "ping") this.send({ type: "pong" });
      if (frame.type === "inference") {
        const probe = frame.request.messages.length === 1 && frame.request.messages[0]?.content === "ping";
        if (probe) this.answer(frame, ["pong"]);
        else this.onInference(frame);
      }
    });
  }

  send(frame: NodeFrame): void {
    this.socket.send(JSON.stringify(frame));
  }

  hello(models: string[], capacity = 4): void {
    this.send({ type: "hello", version: "1.0.0", capacity, models });
  }

  answer({ id }: Inference, pieces: string[], finishReason: "stop" | "length" | "cancelled" = "stop"): void {
    for (const text of pieces) this.send({ type: "delta", id, text });
    this.send({
      type: "done",
      id,
      usage: { promptTokens: 7, completionTokens: pieces.length },
      finishReason,
    });
  }

  of<T extends ApiFrame["type"]>(type: T): Extract<ApiFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<ApiFrame, { type: T }> => frame.type === type);
  }
}

/** How many nodes answer for a model, of all instances. */
export async function servingNodes(api: TestApi, modelId: string): Promise<number> {
  return (await servingModels(api.deps.db)).get(modelId)?.nodes ?? 0;
}

/** A registered, connected peer whose models passed their probe. */
export async function servingPeer(
  api: TestApi,
  url: string,
  models: string[],
  { capacity = 4, token }: { capacity?: number; token?: string } = {},
): Promise<NodePeer> {
  const bearer = token ?? (await registerNode(api)).token;
  const id = (await nodeOf(api.deps, bearer))!.id;
  const before = (await nodeRow(api.deps.db, id))?.connection;
  const peer = new NodePeer(url, bearer);
  await once(peer.socket, "open");
  peer.hello(models, capacity);
  await eventually("the probe passes", async () => {
    const row = await nodeRow(api.deps.db, id);
    return row && row.connection !== before && models.every((model) => row.offered.includes(model));
  });
  return peer;
}

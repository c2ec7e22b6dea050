import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { verifyMessage } from "viem";
import { createSiweMessage } from "viem/siwe";
import { type WebSocket, WebSocketServer } from "ws";
import type { OutboundFrame, WantedModel } from "../protocol.ts";
import { TINY } from "./model.ts";

export const MODEL_ID = "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11";
export const TWIN_ID = "7c1d2e3f-1111-4222-8333-444455556666";

/** The demo model as the API announces it. */
export function wantedTiny(modelId = MODEL_ID): WantedModel {
  const { cid, sha256, size, contextLength } = TINY;
  return {
    modelId,
    name: "Tiny",
    cid,
    sha256,
    size,
    contextLength,
    weightsUrl: `/api/models/${modelId}/weights`,
    keyUrl: null,
  };
}

type Frame<T extends OutboundFrame["type"]> = Extract<OutboundFrame, { type: T }>;

/** The API's end of one node's link. */
export class Peer {
  readonly socket: WebSocket;
  readonly raw: Socket;
  readonly frames: OutboundFrame[] = [];
  #listeners: (() => void)[] = [];

  constructor(socket: WebSocket, raw: Socket) {
    this.socket = socket;
    this.raw = raw;
    socket.on("message", (data) => {
      this.frames.push(JSON.parse(data.toString()) as OutboundFrame);
      const listeners = this.#listeners;
      this.#listeners = [];
      for (const listener of listeners) listener();
    });
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  ask(id: string, content: string, request: object = {}, modelId = MODEL_ID): void {
    const messages = [{ role: "user", content }];
    const defaults = { maxTokens: null, temperature: 0, topP: 1, stop: [], seed: null };
    this.send({ type: "inference", id, modelId, request: { messages, ...defaults, ...request } });
  }

  /** The first frame that fits, received already or still to come. */
  async next<T extends OutboundFrame["type"]>(
    type: T,
    fits: (frame: Frame<T>) => boolean = () => true,
  ): Promise<Frame<T>> {
    for (;;) {
      const found = this.frames.find(
        (frame): frame is Frame<T> => frame.type === type && fits(frame as Frame<T>),
      );
      if (found) return found;
      await new Promise<void>((resolve) => {
        this.#listeners.push(resolve);
      });
    }
  }

  ready(modelId = MODEL_ID): Promise<unknown> {
    return this.next("models", ({ models }) =>
      models.some((m) => m.modelId === modelId && m.state === "ready"),
    );
  }

  async end(id: string): Promise<{ text: string; end: Frame<"done"> | Frame<"error"> }> {
    const end = await Promise.race([
      this.next("done", (frame) => frame.id === id),
      this.next("error", (frame) => frame.id === id),
    ]);
    return { text: this.text(id), end };
  }

  text(id: string): string {
    return this.frames.map((frame) => (frame.type === "delta" && frame.id === id ? frame.text : "")).join("");
  }
}

/** The node side of the API: registration, weights and the WebSocket, over a real server. */
export class TestApi {
  readonly url: string;
  readonly peers: Peer[] = [];
  readonly registrations: { address: string; name: string; capabilities: Record<string, unknown> }[] = [];
  weightsRequests = 0;
  /** What weights of other paths are, once they may be had. */
  readonly weights = new Map<string, Promise<Uint8Array>>();
  wanted: WantedModel[] = [wantedTiny()];
  /** Tokens that are good now. */
  readonly tokens = new Set<string>();
  /** Answers this status to registrations and connections while it is set. */
  failWith: number | null = null;
  /** What it asks a node's wallet to sign. */
  statement = "Register a node of AIForge under this wallet.";
  readonly #server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  #messages = new Map<string, string>();
  #arrivals: (() => void)[] = [];

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => void this.#answer(request, response));
    server.on("upgrade", (request, socket, head) => {
      const refuse = (status: number) => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      if (this.failWith !== null) return refuse(this.failWith);
      if (request.url !== "/api/nodes/connect") return refuse(404);
      if (!this.#authorized(request)) return refuse(401);
      this.#sockets.handleUpgrade(request, socket, head, (accepted) => {
        const peer = new Peer(accepted, socket as Socket);
        this.peers.push(peer);
        peer.send({ type: "welcome", nodeId: "n1", heartbeatSeconds: 30, wanted: this.wanted });
        for (const arrival of this.#arrivals) arrival();
      });
    });
  }

  static async start(): Promise<TestApi> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TestApi(server);
  }

  /** The n-th link that a node opened, 0 the first. */
  async peer(index = 0): Promise<Peer> {
    while (!this.peers[index])
      await new Promise<void>((resolve) => {
        this.#arrivals.push(resolve);
      });
    return this.peers[index];
  }

  async stop(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #authorized(request: IncomingMessage): boolean {
    return this.tokens.has((request.headers.authorization ?? "").replace(/^Bearer /, ""));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const refuse = (status: number) =>
      json(status, {
        error: { code: "refused", message: "Refused.", hint: "Try again later.", retryable: true },
      });
    if (this.failWith !== null) return void refuse(this.failWith);
    if (request.url === "/api/health") return void json(200, { status: "ok" });
    if (request.url === "/api/nodes/work")
      return void json(200, { work: [], cancel: [], probe: null, pollSeconds: 10 });
    const other = this.weights.get(request.url ?? "");
    if (other) return void response.end(await other);
    if (request.url?.endsWith("/weights")) {
      if (!this.#authorized(request)) return void refuse(401);
      this.weightsRequests += 1;
      return void response.end(await readFile(TINY.path));
    }
    if (request.method !== "POST") return void refuse(404);
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as Record<string, string>;
    if (request.url === "/api/nodes/auth-message") {
      const message = createSiweMessage({
        address: `${body.address}` as `0x${string}`,
        chainId: 31337,
        domain: "localhost:3000",
        nonce: `nonce${1000 + this.#messages.size}`,
        statement: this.statement,
        uri: this.url,
        version: "1",
      });
      this.#messages.set(message, `${body.address}`);
      return void json(200, { message });
    }
    const address = this.#messages.get(`${body.message}`);
    const signature = body.signature as `0x${string}`;
    const signed =
      address !== undefined &&
      (await verifyMessage({ address: address as `0x${string}`, message: `${body.message}`, signature }));
    if (!signed) return void refuse(401);
    this.registrations.push({ address, name: `${body.name}`, capabilities: body.capabilities as never });
    const token = `token-${this.registrations.length}`;
    this.tokens.add(token);
    json(201, { node: { id: "n1" }, token });
  }
}

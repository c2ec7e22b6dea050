import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Chain } from "../chain/chain.ts";
import { ControlError, requireWhole } from "../chain/errors.ts";
import { isObject, type JsonObject } from "../protocol/json.ts";
import { TransactionFormatError } from "../protocol/transaction.ts";
import { accountHandlers } from "./accounts.ts";
import { blockHandlers } from "./blocks.ts";
import { callHandlers } from "./calls.ts";
import { controls } from "./control.ts";
import { emptyAnswer, type FaultKind, Faults } from "./faults.ts";
import { Grid } from "./grid.ts";
import { type Answer, type Handler, RequestError } from "./request.ts";
import { sendingHandlers } from "./sending.ts";
import { View } from "./view.ts";

/** The asker's doing; a node answers 200 with an `Error`. */
const EXPECTED = [RequestError, RangeError, TransactionFormatError, ControlError];

const MAX_BODY = 4 * 1024 * 1024;

const FULL_NODE: Record<string, Handler> = {
  ...blockHandlers,
  ...accountHandlers,
  ...callHandlers,
  ...sendingHandlers,
};
const SOLIDITY_NODE: Record<string, Handler> = {
  ...blockHandlers,
  ...accountHandlers,
  triggerconstantcontract: callHandlers.triggerconstantcontract as Handler,
  estimateenergy: callHandlers.estimateenergy as Handler,
};

const CONTROL = "devnet/";
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

// Any page may talk to a node, as on the public ones.
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*, content-type, tron-pro-api-key, authorization",
  "access-control-allow-methods": "GET, POST, OPTIONS",
};

/** One listener over the chain: a full node, a solidity node and an event server at one address. */
export class Backend {
  readonly view: View;
  /** What goes wrong here. */
  readonly faults = new Faults();
  /** Leaves the fingerprint out of full pages, as the public event server does at times. */
  dropFingerprints = false;
  readonly #grid = new Grid();
  readonly #server: Server;

  private constructor(chain: Chain) {
    this.view = new View(chain);
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** @param port on loopback; 0 for any */
  static async listen(chain: Chain, port = 0): Promise<Backend> {
    const backend = new Backend(chain);
    await new Promise<void>((resolve, reject) => {
      backend.#server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return backend;
  }

  /** What to give tronweb as its full host. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many blocks this node is behind. The state can be read 128 blocks below the solid one, blocks at any lag. */
  set lag(blocks: number) {
    requireWhole("lag", blocks, 0);
    this.view.lag = blocks;
  }

  get lag(): number {
    return this.view.lag;
  }

  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse) {
    // The host is put in front: given as a base, a target such as `//` would be read as another one.
    const url = URL.parse(`http://loopback${request.url}`) ?? new URL("http://loopback");
    const path = url.pathname.slice(1);
    const isControl = path.startsWith(CONTROL);
    const fault = isControl ? null : this.faults.next(path);
    // Nobody answers; the socket stays open until the client has had enough or the devnet ends.
    if (fault === "timeout") return;
    // No page may use the controls.
    const headers = isControl ? {} : CORS;
    if (request.method === "OPTIONS") {
      response.writeHead(204, headers).end();
      return;
    }
    const answer = await this.#answer(request, url, path, fault).catch(answerOfError);
    // What was not read of a body would be taken for the next request.
    if (!request.complete) response.setHeader("connection", "close");
    response.writeHead(answer.status, { ...headers, "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  }

  async #answer(request: IncomingMessage, url: URL, path: string, fault: FaultKind | null): Promise<Answer> {
    const params = { ...Object.fromEntries(url.searchParams), ...(await readBody(request)) };
    if (fault === "empty") return { status: 200, body: emptyAnswer(path) };
    if (typeof fault === "number")
      return { status: fault, body: { Error: `tron-devnet was told to answer ${fault}` } };
    if (path.startsWith(CONTROL)) return this.#control(request, path.slice(CONTROL.length), params);
    if (path.startsWith("v1/")) {
      const answer = await this.#grid.answer(path.slice(3), params, this.view, this.dropFingerprints);
      if (answer) return answer;
    }
    // What clients ask an event server to see whether it is there.
    if (path === "healthcheck") return { status: 200, body: { success: true } };
    const [api = "", name = "", ...rest] = path.split("/");
    if (rest.length === 0 && (api === "wallet" || api === "walletsolidity")) {
      const solid = api === "walletsolidity";
      const handlers = solid ? SOLIDITY_NODE : FULL_NODE;
      const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
      if (handler) return { status: 200, body: await handler({ params, view: this.view, solid }) };
    }
    return { status: 404, body: { Error: `tron-devnet has no ${url.pathname}` } };
  }

  async #control(request: IncomingMessage, name: string, params: JsonObject): Promise<Answer> {
    // A page whose name was made to lead here afterwards (DNS rebinding) says that name.
    if (!LOOPBACK.test(request.headers.host ?? "")) {
      return { status: 403, body: { Error: "The controls are for this machine, by the name of 127.0.0.1" } };
    }
    const control = Object.hasOwn(controls, name) ? controls[name] : undefined;
    if (!control) return { status: 404, body: { Error: `There is no control ${name}` } };
    // A page can send a form to another origin without being asked, but not JSON.
    const isJson = request.headers["content-type"]?.startsWith("application/json");
    if (name !== "status" && (request.method !== "POST" || !isJson)) {
      return { status: 415, body: { Error: "A control is a POST of application/json" } };
    }
    try {
      return { status: 200, body: await control(params, this) };
    } catch (error) {
      const answer = answerOfError(error);
      return answer.status === 200 ? { ...answer, status: 400 } : answer;
    }
  }
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY) throw new RequestError("The request is too large");
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError("The client went away");
  }
  if (length === 0) return {};
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new RequestError("The request is not JSON");
  }
  if (!isObject(json)) throw new RequestError("The request is not an object");
  return json;
}

function answerOfError(error: unknown): Answer {
  if (EXPECTED.some((kind) => error instanceof kind)) {
    return { status: 200, body: { Error: (error as Error).message } };
  }
  console.error(error);
  return { status: 500, body: { Error: "tron-devnet failed; see its log" } };
}

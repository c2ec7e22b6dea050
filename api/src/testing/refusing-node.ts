import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** A node before the one at `rpcUrl` that refuses some methods, as one whose quota is used up does. */
export class RefusingNode {
  /** The methods that it refuses now. */
  readonly refused = new Set<string>();
  /** Whether it says so by HTTP's status, or in an answer of JSON-RPC's. */
  by: "status" | "answer" = "answer";
  /** What it was asked, the oldest first. */
  readonly asked: { method: string; params?: unknown[] }[] = [];
  readonly #rpcUrl: string;
  readonly #server = createServer((req, res) => {
    this.#answer(req, res).catch(() => res.destroy());
  });

  private constructor(rpcUrl: string) {
    this.#rpcUrl = rpcUrl;
  }

  static async before(rpcUrl: string): Promise<RefusingNode> {
    const node = new RefusingNode(rpcUrl);
    node.#server.listen(0, "127.0.0.1");
    await once(node.#server, "listening");
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const question = (await json(req)) as { id: number; method: string; params?: unknown[] };
    this.asked.push(question);
    res.setHeader("content-type", "application/json");
    if (this.refused.has(question.method)) {
      const error = { code: -32005, message: "daily request count exceeded" };
      if (this.by === "status") res.statusCode = 429;
      res.end(JSON.stringify({ jsonrpc: "2.0", id: question.id, error }));
      return;
    }
    const headers = { "content-type": "application/json" };
    const answer = await fetch(this.#rpcUrl, { method: "POST", headers, body: JSON.stringify(question) });
    res.end(await answer.text());
  }
}

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";

/** A node that takes every connection and never answers. */
export class HangingNode {
  /** How many connections came. */
  taken = 0;
  /** How many of them whoever asked gave up. */
  givenUp = 0;
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<HangingNode> {
    const sockets = new Set<Socket>();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const node = new HangingNode(server, sockets);
    server.on("connection", (socket) => {
      node.taken += 1;
      sockets.add(socket);
      socket.resume();
      socket.on("error", () => undefined);
      socket.on("close", () => {
        node.givenUp += 1;
      });
    });
    return node;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

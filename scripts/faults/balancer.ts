import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** In front of several instances of the api: each connection goes to the first that takes it. */
export class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that each target took, by its address. */
  readonly taken = new Map<string, number>();

  private constructor(targets: readonly string[]) {
    this.#server = createServer((socket) => this.#forward(socket, targets));
  }

  static async open(targets: readonly string[]): Promise<Balancer> {
    const balancer = new Balancer(targets);
    balancer.#server.listen(0, "127.0.0.1");
    await once(balancer.#server, "listening");
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(from: Socket, [target, ...others]: readonly string[]): void {
    from.on("error", () => from.destroy());
    if (!target) {
      from.destroy();
      return;
    }
    const to = connect(Number(new URL(target).port), "127.0.0.1");
    let taken = false;
    to.on("connect", () => {
      taken = true;
      this.taken.set(target, (this.taken.get(target) ?? 0) + 1);
      for (const socket of [from, to]) this.#sockets.add(socket);
      from.pipe(to).pipe(from);
    });
    to.on("error", () => {
      if (taken) from.destroy();
      else this.#forward(from, others);
    });
    to.on("close", () => {
      this.#sockets.delete(to);
      if (taken) from.destroy();
    });
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

import { connect, type Socket } from "node:net";

/** What came of one request. */
export interface Answer {
  status: number;
  body: string;
}

const TIMEOUT_MS = 10_000;
const END = Buffer.from("\r\n\r\n");

/** One keep-alive connection with one request under way: HTTP/1.1 as far as the api speaks it, and no more. */
class Connection {
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #resolve: ((answer: Answer) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  send(head: string, body: string): Promise<Answer> {
    const socket = this.#open();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#timer = setTimeout(() => this.#fail(), TIMEOUT_MS);
      socket.write(
        body === ""
          ? `${head}\r\n\r\n`
          : `${head}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed) return this.#socket;
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    socket.on("data", (part) => this.#take(part));
    socket.on("error", () => this.#fail());
    socket.on("close", () => {
      if (this.#socket === socket) this.#fail();
    });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    return socket;
  }

  #take(part: Buffer): void {
    this.#received = this.#received.length === 0 ? part : Buffer.concat([this.#received, part]);
    const end = this.#received.indexOf(END);
    if (end === -1) return;
    const head = this.#received.toString("latin1", 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) throw new Error(`An answer without a length:\n${head}`);
    if (this.#received.length < end + END.length + length) return;
    const body = this.#received.toString("utf8", end + END.length, end + END.length + length);
    this.#received = Buffer.alloc(0);
    this.#settle({ status: Number(head.slice(9, 12)), body });
  }

  #fail(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#settle({ status: 0, body: "" });
  }

  #settle(answer: Answer): void {
    clearTimeout(this.#timer);
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(answer);
  }
}

/** A few connections that thousands of nodes share: what waits for a free one is counted as the api's time. */
export class Client {
  readonly #port: number;
  readonly #free: Connection[];
  readonly #all: Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(port: number, connections: number) {
    this.#port = port;
    this.#all = Array.from({ length: connections }, () => new Connection(port));
    this.#free = [...this.#all];
  }

  async call(method: "GET" | "POST", path: string, token: string, body?: object): Promise<Answer> {
    const connection =
      this.#free.pop() ?? (await new Promise<Connection>((resolve) => this.#waiting.push(resolve)));
    const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\nauthorization: Bearer ${token}`;
    const answer = await connection.send(head, body ? JSON.stringify(body) : "");
    const next = this.#waiting.shift();
    if (next) next(connection);
    else this.#free.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }
}

export interface Load {
  /** Milliseconds of each request, from when it was due: waiting to be sent counts. */
  took: number[];
  /** Requests without a good answer. */
  failed: number;
}

/**
 * Makes `rate` requests a second, evenly, whatever the answers take.
 * @param request one of them; resolves to whether it was answered well
 */
export async function openLoop(
  rate: number,
  ms: number,
  request: (index: number) => Promise<boolean>,
): Promise<Load> {
  const load: Load = { took: [], failed: 0 };
  const started = performance.now();
  const total = Math.round((rate * ms) / 1000);
  const open = new Set<Promise<void>>();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - started) * rate) / 1000) + 1);
      for (; sent < due; sent++) {
        const at = started + (sent * 1000) / rate;
        const running = request(sent).then((good) => {
          load.took.push(performance.now() - at);
          if (!good) load.failed += 1;
          open.delete(running);
        });
        open.add(running);
      }
      if (sent >= total) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
  await Promise.all(open);
  return load;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

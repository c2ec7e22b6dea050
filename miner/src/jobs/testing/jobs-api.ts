import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fingerprint } from "../../weights/fingerprint.ts";
import type { Report, Work } from "../protocol.ts";

interface Kept {
  work: Work;
  state: "offered" | "accepted" | "finished" | "failed" | "lost";
  jobState: string;
  result: string | null;
  instance: string | null;
  reports: Report[];
  files: Map<string, Buffer>;
  finish: Record<string, unknown> | null;
  /** How often its end was told. */
  told: number;
}

/** The API's side of jobs over a real server, in memory: strict about who may say what, as the API is. */
export class JobsApi {
  readonly attempts = new Map<string, Kept>();
  readonly inputs = new Map<string, Buffer>();
  readonly probes: Record<string, unknown>[] = [];
  /** Breaks every connection while it is set. */
  down = false;
  /** Fails each so many-th request: by turns it refuses it, and does what is asked and loses the answer. */
  flaky = 0;
  #requests = 0;
  probe: { id: string; image: string; nonce: string } | null = null;
  chains: { chain: string; chainId?: number; name?: string; rpcUrl: string; aiforge: string }[] = [];
  pollSeconds = 0.2;
  readonly url: string;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<JobsApi> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new JobsApi(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  offer(work: Work): Kept {
    const kept: Kept = {
      work,
      state: "offered",
      jobState: "assigned",
      result: null,
      instance: null,
      reports: [],
      files: new Map(),
      finish: null,
      told: 0,
    };
    this.attempts.set(work.attemptId, kept);
    return kept;
  }

  /** Puts a file where jobs find it. */
  async input(path: string, body: Buffer): Promise<Work["inputs"][number]> {
    const { cid, size } = await fingerprint(
      (async function* () {
        yield body;
      })(),
    );
    this.inputs.set(cid, body);
    return { cid, path, size, url: `/files/${cid}` };
  }

  /** The text of a log. */
  static text(kept: Kept, stream = "stdout"): string {
    return kept.reports.map((r) => (r.type === "log" && r.stream === stream ? r.text : "")).join("");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.down) return void request.socket.destroy();
    const json = (status: number, body: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const refuse = (status: number, code: string) =>
      json(status, { error: { code, message: `Refused: ${code}.` } });
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    this.#requests += 1;
    if (this.flaky > 0 && this.#requests % this.flaky === 0) {
      if (this.#requests % (2 * this.flaky) === 0) return refuse(503, "told_to_fail");
      response.writeHead = () => response.destroy();
    }
    const url = new URL(request.url ?? "/", this.url);
    if (url.pathname === "/api/chains") return json(200, { chains: this.chains });
    if (request.headers.authorization !== "Bearer token") return refuse(401, "unauthorized");
    const body = Buffer.concat(chunks);
    const parsed = () => JSON.parse(body.toString()) as Record<string, unknown>;
    if (url.pathname.startsWith("/files/")) {
      const file = this.inputs.get(url.pathname.slice("/files/".length));
      return file ? void response.end(file) : refuse(404, "not_found");
    }
    if (url.pathname === "/api/nodes/work") {
      const work = [...this.attempts.values()]
        .filter(({ state }) => state === "offered")
        .map((kept) => kept.work);
      const cancel = [...this.attempts].filter(([, { state }]) => state === "lost").map(([id]) => id);
      const { probe } = this;
      this.probe = null;
      return json(200, { work, cancel, probe, pollSeconds: this.pollSeconds });
    }
    if (url.pathname.startsWith("/api/nodes/probes/")) {
      this.probes.push(parsed());
      return json(200, { passed: true });
    }
    const [, id = "", action = ""] = /^\/api\/nodes\/attempts\/([^/]+)(?:\/(\w+))?$/.exec(url.pathname) ?? [];
    const kept = this.attempts.get(id);
    if (!kept) return refuse(404, "not_found");
    const { state, jobState, result } = kept;
    if (action === "") return json(200, { state, jobState, result });
    if (action === "accept") {
      const instance = String(parsed().instance);
      if (state !== "offered" && kept.instance !== instance) return refuse(409, "attempt_not_yours");
      kept.instance = instance;
      if (state === "offered") kept.state = "accepted";
      return json(200, { work: kept.work });
    }
    if (action === "finish" && (state === "finished" || state === "failed")) {
      kept.told += 1;
      return json(200, { state, jobState, result });
    }
    if (state !== "accepted") return refuse(409, "attempt_over");
    if (action === "reports") {
      const last = kept.reports.at(-1)?.seq ?? 0;
      kept.reports.push(...(parsed().reports as Report[]).filter(({ seq }) => seq > last));
      return json(200, {
        ok: true,
        lastSeq: kept.reports.at(-1)?.seq ?? 0,
        cancel: false,
        leaseSeconds: kept.work.leaseSeconds,
      });
    }
    if (action === "outputs") {
      const path = url.searchParams.get("path") ?? "";
      const print = await fingerprint(
        (async function* () {
          yield body;
        })(),
      );
      if (print.cid !== url.searchParams.get("cid")) return refuse(400, "cid_mismatch");
      kept.files.set(path, body);
      return json(200, { path, ...print });
    }
    kept.finish = parsed();
    kept.told += 1;
    kept.state = kept.finish.failure === null && kept.finish.exitCode === 0 ? "finished" : "failed";
    kept.jobState = kept.state === "finished" ? "verifying" : "failed";
    json(200, { state: kept.state, jobState: kept.jobState, result: null });
  }
}

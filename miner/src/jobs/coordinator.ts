import { z } from "zod";
import { describe, MinerError } from "../errors.ts";
import {
  type Finish,
  type OutputFile,
  outputAnswerSchema,
  type Report,
  reportsAnswerSchema,
  type Standing,
  standingSchema,
  type Work,
  workAnswerSchema,
  workSchema,
} from "./protocol.ts";

/** Milliseconds that an answer may take; an output may take longer, as long as it moves. */
const ANSWER_MS = 30_000;
const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullish() }),
});

const chainsSchema = z.object({
  chains: z.array(
    z.object({ chain: z.string(), name: z.string().optional(), rpcUrl: z.string(), aiforge: z.string() }),
  ),
});

/** What the API refused, with its code. */
export class ApiError extends MinerError {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    const retryable = status >= 500 || status === 429 || status === 408 || status === 401;
    super(message, { retryable });
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }

  /** Whether the attempt is not this process's any more: lost, cancelled, over, or somebody else's. */
  get over(): boolean {
    return this.status === 409 || this.status === 404;
  }
}

export interface CoordinatorParameters {
  apiUrl: string;
  /** The node's token at this moment. */
  token: () => string | null;
  /** Of this process. */
  instance: string;
}

/** The API's side of jobs, by HTTP. Each call is one try; whoever calls knows how long it is worth to try again. */
export class Coordinator {
  readonly #parameters: CoordinatorParameters;

  constructor(parameters: CoordinatorParameters) {
    this.#parameters = parameters;
  }

  get apiUrl(): string {
    return this.#parameters.apiUrl;
  }

  token(): string | null {
    return this.#parameters.token();
  }

  /** What is offered to this node, and what it is to stop. Offers that this version cannot read are left out. */
  async work(signal: AbortSignal) {
    const answer = workAnswerSchema.parse(await this.#call("GET", "/api/nodes/work", null, signal));
    const work = answer.work.flatMap((each) => {
      const parsed = workSchema.safeParse(each);
      return parsed.success ? [parsed.data] : [];
    });
    return { ...answer, work, unreadable: answer.work.length - work.length };
  }

  /** Takes an offer. @throws ApiError with `over` when it is not ours to take */
  async accept(attemptId: string, signal: AbortSignal): Promise<Work> {
    const body = { instance: this.#parameters.instance };
    const answer = await this.#call("POST", `/api/nodes/attempts/${attemptId}/accept`, body, signal);
    return z.object({ work: workSchema }).parse(answer).work;
  }

  async report(attemptId: string, reports: readonly Report[], signal: AbortSignal) {
    const answer = await this.#call("POST", `/api/nodes/attempts/${attemptId}/reports`, { reports }, signal);
    return reportsAnswerSchema.parse(answer);
  }

  /** Brings one file of `/out`. */
  async putOutput(
    attemptId: string,
    file: Pick<OutputFile, "path" | "cid" | "size">,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const query = new URLSearchParams({ path: file.path, cid: file.cid });
    const idle = new AbortController();
    // Counted from the last byte that was taken: a large file may take hours.
    let timer = setTimeout(() => idle.abort(), 2 * ANSWER_MS);
    async function* moving() {
      for await (const chunk of source) {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(), 2 * ANSWER_MS);
        yield chunk;
      }
    }
    try {
      const answer = await this.#send(`/api/nodes/attempts/${attemptId}/outputs?${query}`, {
        method: "PUT",
        headers: { "content-type": "application/octet-stream" },
        // An empty stream is not sent as a body at all by some proxies.
        ...(file.size === 0
          ? { body: new Uint8Array(0) }
          : { body: ReadableStream.from(moving()), duplex: "half" as const }),
        signal: AbortSignal.any([signal, idle.signal]),
      });
      const kept = outputAnswerSchema.parse(answer);
      if (kept.cid !== file.cid || kept.size !== file.size)
        throw new MinerError(`The API took ${file.path} for another file (${kept.cid}).`, {
          retryable: true,
        });
    } finally {
      clearTimeout(timer);
    }
  }

  async finish(attemptId: string, finish: Finish, signal: AbortSignal): Promise<Standing> {
    const files = finish.files.map(({ path, cid, size }) => ({ path, cid, size }));
    const answer = await this.#call(
      "POST",
      `/api/nodes/attempts/${attemptId}/finish`,
      { ...finish, files },
      signal,
    );
    return standingSchema.parse(answer);
  }

  /** Where an attempt of this node stands. */
  async standing(attemptId: string, signal: AbortSignal): Promise<Standing> {
    return standingSchema.parse(await this.#call("GET", `/api/nodes/attempts/${attemptId}`, null, signal));
  }

  /** Where the contract is on each chain, and whom to ask there. */
  async chains(signal: AbortSignal) {
    return chainsSchema.parse(await this.#call("GET", "/api/chains", null, signal)).chains;
  }

  /** What a probe printed. */
  async probed(id: string, answer: object, signal: AbortSignal): Promise<void> {
    await this.#call("POST", `/api/nodes/probes/${id}`, answer, signal);
  }

  /**
   * The heartbeat for when there is no WebSocket.
   * @returns attempts that are over
   */
  async heartbeat(body: object, signal: AbortSignal): Promise<string[]> {
    const answer = await this.#call("POST", "/api/nodes/heartbeat", body, signal);
    return z.object({ cancel: z.array(z.string()).default([]) }).parse(answer).cancel;
  }

  #call(method: string, path: string, body: object | null, signal: AbortSignal): Promise<unknown> {
    return this.#send(path, {
      method,
      ...(body === null
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
  }

  async #send(path: string, init: RequestInit & { duplex?: "half" }): Promise<unknown> {
    const { apiUrl, token } = this.#parameters;
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token() ?? ""}`);
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, apiUrl), { ...init, headers });
      text = await response.text();
    } catch (error) {
      throw new MinerError(`The API at ${apiUrl} cannot be reached: ${describe(error)}.`, {
        retryable: true,
        cause: error,
      });
    }
    if (response.ok) return text ? JSON.parse(text) : null;
    const known = errorSchema.safeParse(parsed(text));
    const { code, message } = known.success
      ? known.data.error
      : { code: "unknown", message: text.slice(0, 200) };
    throw new ApiError(response.status, code, `The API answered ${response.status}: ${message}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

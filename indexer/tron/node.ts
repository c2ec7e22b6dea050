import { setTimeout as sleep } from "node:timers/promises";
import { oneLine } from "../src/failure.ts";
import type { TronConfig } from "./config.ts";
import { BadAnswer } from "./wire.ts";

/** Which of a node's three APIs is asked. */
export type Api = "full" | "solidity" | "events";

/** First and longest penalty of a backend that failed; each failure in a row doubles it. */
interface Penalty {
  firstMs: number;
  longestMs: number;
}
const PENALTY: Penalty = { firstMs: 250, longestMs: 60_000 };
/** A node on this machine does not mind being asked. */
const LOCAL_PENALTY: Penalty = { firstMs: 50, longestMs: 3_000 };
/** Of an answer, unpacked: many times what the fullest block and its infos take. */
const LARGEST_ANSWER = 32 * 2 ** 20;

/** All tries were used up. */
export class NodeFailure extends Error {
  override name = "NodeFailure";
}

/** Half to all of the penalty, so that those who were refused together do not come back together. */
function penaltyMs({ firstMs, longestMs }: Penalty, failures: number): number {
  return Math.min(firstMs * 2 ** failures, longestMs) * (0.5 + Math.random() / 2);
}

class Backend {
  readonly url: string;
  #failures = 0;
  /** Until when it is left alone, by a clock that nobody sets. */
  free = 0;

  readonly #penalty: Penalty;

  constructor(url: string, penalty: Penalty) {
    this.url = url;
    this.#penalty = penalty;
  }

  punish(atLeastMs = 0): void {
    const now = performance.now();
    // What was asked together is refused together: that is one failure.
    const own = now < this.free ? 0 : penaltyMs(this.#penalty, this.#failures++);
    this.free = Math.max(this.free, now + Math.max(atLeastMs, own));
  }

  forgive(): void {
    // What was asked before the refusal says nothing of what will be.
    if (performance.now() >= this.free) this.#failures = 0;
  }
}

export interface Asked<T> {
  value: T;
  /** Holds against the backend an answer that turned out wrong only later. */
  distrust: () => void;
}

export interface Question<T> {
  path: string;
  /** Sent by POST; a GET without one. */
  body?: Record<string, unknown>;
  /** Turns the answer into what it means; whatever it throws counts as no answer. */
  read: (json: unknown) => T;
  /** How often it is tried; without, for as long as it takes. */
  tries?: number;
  signal: AbortSignal;
}

/**
 * A Tron chain behind any number of nodes. A question goes to the next backend that is not serving a penalty for
 * having refused (429, 403, 503), timed out, or answered nothing; when all are, it waits for the first to be free.
 */
export class TronNode {
  readonly #backends: Record<Api, Backend[]>;
  readonly #turn: Record<Api, number> = { full: 0, solidity: 0, events: 0 };
  readonly #headers: Record<string, string>;
  readonly #spacingMs: number;
  readonly #answerMs: number;
  #nextAt = 0;
  /** Requests so far by outcome, for /metrics. */
  readonly outcomes = new Map<string, number>();

  constructor(
    config: Pick<
      TronConfig,
      "fullNodes" | "solidityNodes" | "eventServers" | "apiKey" | "requestsPerSecond" | "answerMs" | "local"
    >,
  ) {
    const penalty = config.local ? LOCAL_PENALTY : PENALTY;
    const backends = (urls: string[]) => urls.map((url) => new Backend(url, penalty));
    this.#backends = {
      full: backends(config.fullNodes),
      solidity: backends(config.solidityNodes),
      events: backends(config.eventServers),
    };
    this.#headers = {
      accept: "application/json",
      ...(config.apiKey && { "TRON-PRO-API-KEY": config.apiKey }),
    };
    this.#spacingMs = 1000 / config.requestsPerSecond;
    this.#answerMs = config.answerMs;
  }

  /**
   * Asks until there is an answer.
   * @throws NodeFailure when the tries are used up, the signal's reason when it is aborted
   */
  async ask<T>(api: Api, question: Question<T>): Promise<Asked<T>> {
    let last = "nobody was asked";
    for (let attempt = 0; attempt < (question.tries ?? Number.POSITIVE_INFINITY); attempt++) {
      const backend = await this.#free(api, question.signal);
      try {
        const value = question.read(await this.#fetch(backend, question));
        backend.forgive();
        this.#count("ok");
        return { value, distrust: () => backend.punish() };
      } catch (error) {
        question.signal.throwIfAborted();
        last = `${new URL(backend.url).host}: ${oneLine(error)}`;
        if (error instanceof Refusal) {
          backend.punish(error.waitMs);
          this.#count(String(error.status));
        } else {
          backend.punish();
          this.#count(
            error instanceof BadAnswer ? "bad" : oneLine(error).includes("timeout") ? "timeout" : "error",
          );
        }
      }
    }
    throw new NodeFailure(`No answer to ${question.path}: ${last}`);
  }

  async #free(api: Api, signal: AbortSignal): Promise<Backend> {
    const backends = this.#backends[api];
    for (;;) {
      signal.throwIfAborted();
      const now = performance.now();
      const turn = this.#turn[api]++;
      const order = backends.map((_, at) => backends[(turn + at) % backends.length] as Backend);
      const backend = order.find(({ free }) => free <= now);
      const spaced = Math.max(0, this.#nextAt - now);
      if (backend) {
        this.#nextAt = now + spaced + this.#spacingMs;
        if (spaced > 0) await sleep(spaced, undefined, { signal });
        return backend;
      }
      await sleep(Math.max(1, Math.min(...backends.map(({ free }) => free)) - now), undefined, { signal });
    }
  }

  async #fetch<T>(backend: Backend, { path, body, signal }: Question<T>): Promise<unknown> {
    // By hand: a combined signal would live for as long as the watcher, and there is one a request.
    const end = new AbortController();
    const pass = () => end.abort(signal.reason);
    const timer = setTimeout(() => end.abort(new Error("timeout")), this.#answerMs);
    signal.addEventListener("abort", pass, { once: true });
    try {
      const response = await fetch(`${backend.url}/${path}`, {
        headers: { ...this.#headers, ...(body && { "content-type": "application/json" }) },
        ...(body && { method: "POST", body: JSON.stringify(body) }),
        signal: end.signal,
        // Another host has no business with the key.
        redirect: "error",
      });
      if (!response.ok) {
        await response.body?.cancel();
        const seconds = Number(response.headers.get("retry-after"));
        throw new Refusal(response.status, seconds > 0 ? Math.min(seconds, 300) * 1000 : 0);
      }
      const json: unknown = JSON.parse(await textOf(response));
      // A node reports what it could not do with status 200.
      if (typeof json === "object" && json !== null && "Error" in json)
        throw new BadAnswer(String(json.Error));
      return json;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", pass);
    }
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

/**
 * Reads an answer.
 * @throws BadAnswer when it is larger than any that is needed: a packed one can be a thousand times what came
 */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > LARGEST_ANSWER) throw new BadAnswer("The answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString();
}

class Refusal extends Error {
  readonly status: number;
  readonly waitMs: number;
  constructor(status: number, waitMs: number) {
    super(`status ${status}`);
    this.status = status;
    this.waitMs = waitMs;
  }
}

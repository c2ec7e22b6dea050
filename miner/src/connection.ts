import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { backoffDelay } from "./backoff.ts";
import { describe, MinerError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { type InboundFrame, inferenceIdOf, type OutboundFrame, parseInbound } from "./protocol.ts";
import type { Outlet } from "./serving.ts";

/** Close code of the API: another process of this node took this one's place. */
const REPLACED_INSTANCE = 4410;
/** Bytes that may wait for the peer before generations pause. */
const HIGH_WATER = 256 * 1024;

export interface ConnectionParameters {
  apiUrl: string;
  /** A token to connect with; `stale` asks for a new one, after the API refused the last. */
  token: (stale: boolean) => Promise<string>;
  onOpen: (link: Link) => void;
  onFrame: (frame: InboundFrame, link: Link) => void;
  /** The link is gone and everything it asked for with it. */
  onClose: () => Promise<void>;
  log: Logger;
  /** How often the peer is asked for a sign of life; two missed ones are its end. */
  pingMs?: number;
  /** Upper bound of the first wait before dialling again. */
  backoffBaseMs?: number;
  handshakeMs?: number;
}

/** One open WebSocket. */
export class Link implements Outlet {
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("close", () => this.#release());
  }

  send(frame: OutboundFrame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(frame), () => {
      if (this.#socket.bufferedAmount <= HIGH_WATER) this.#release();
    });
  }

  /** Resolves when less than 256 KiB wait for the peer, when the link closes, or when `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    if (this.#socket.bufferedAmount <= HIGH_WATER || this.#socket.readyState !== WebSocket.OPEN) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        signal.removeEventListener("abort", go);
        resolve();
      };
      this.#waiting.push(go);
      signal.addEventListener("abort", go);
      if (signal.aborted) go();
    });
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

type Ending = { opened: boolean; refused: boolean; replaced: boolean; reason: string };

/**
 * Keeps one WebSocket to the API open until `signal` aborts: dials, hands frames on, notices a dead peer,
 * dials again with exponential back-off and full jitter.
 * @throws MinerError when another process of this node took over; what `token` throws and does not mark as retryable
 */
export async function stayConnected(parameters: ConnectionParameters, signal: AbortSignal): Promise<void> {
  const { log, backoffBaseMs = 1_000 } = parameters;
  let failures = 0;
  let stale = false;
  while (!signal.aborted) {
    let reason: string;
    let refused = false;
    try {
      const token = await parameters.token(stale);
      const since = performance.now();
      const ending = await connect(parameters, token, signal);
      ({ reason, refused } = ending);
      if (ending.replaced)
        throw new MinerError("This node was started elsewhere, and that process took this one's place.", {
          hint: "Run a node once; a second machine needs a wallet of its own.",
        });
      // A link that held for a while was a good one. One that drops at once counts as a failure, or a
      // half-broken API would be dialled in a tight loop.
      if (ending.opened && performance.now() - since > 10_000) failures = 0;
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof Error && "retryable" in error && error.retryable)) throw error;
      reason = describe(error);
    }
    if (signal.aborted) break;
    failures += 1;
    stale = refused;
    const delay = backoffDelay(failures, { baseMs: backoffBaseMs });
    log.warn({ reason, again: `${(delay / 1_000).toFixed(1)} s` }, "not connected");
    await sleep(delay, undefined, { signal }).catch(() => {});
  }
}

async function connect(
  parameters: ConnectionParameters,
  token: string,
  signal: AbortSignal,
): Promise<Ending> {
  const { log, pingMs = 15_000, handshakeMs = 20_000 } = parameters;
  const url = new URL("/api/nodes/connect", parameters.apiUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: handshakeMs,
    maxPayload: 16 * 1024 * 1024,
    // Tokens are a few bytes each: compressing them costs more than it saves, and delays them.
    perMessageDeflate: false,
  });
  const ending: Ending = { opened: false, refused: false, replaced: false, reason: "" };
  // Counted in pings, not in time: when this machine itself stood still, the answers wait to be read.
  let unanswered = 0;
  const heard = () => {
    unanswered = 0;
  };
  const stop = () => socket.close(1001, "the node stops");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let pings: NodeJS.Timeout | undefined;

  try {
    await new Promise<void>((resolve) => {
      let link: Link;
      socket.on("open", () => {
        ending.opened = true;
        heard();
        link = new Link(socket);
        pings = setInterval(() => {
          if (unanswered >= 2) {
            ending.reason = "the API gave no sign of life";
            socket.terminate();
            return;
          }
          unanswered += 1;
          socket.ping();
        }, pingMs);
        parameters.onOpen(link);
      });
      socket.on("ping", heard);
      socket.on("pong", heard);
      socket.on("message", (data) => {
        heard();
        const text = data.toString();
        const frame = parseInbound(text);
        if (frame?.type === "ping") link.send({ type: "pong" });
        else if (frame !== null) parameters.onFrame(frame, link);
        else {
          const id = inferenceIdOf(text);
          if (id !== null)
            link.send({
              type: "error",
              id,
              code: "engine_failed",
              message: "This node cannot read the request.",
            });
          else log.debug({ frame: text.slice(0, 100) }, "a frame this version does not know");
        }
      });
      socket.on("unexpected-response", (request, response) => {
        ending.refused = response.statusCode === 401 || response.statusCode === 403;
        ending.reason = `the API answered ${response.statusCode} to the connection`;
        request.destroy();
        response.resume();
        socket.terminate();
        resolve();
      });
      socket.on("error", (error) => {
        ending.reason ||= describe(error);
      });
      socket.on("close", (code, why) => {
        ending.replaced = code === REPLACED_INSTANCE;
        ending.reason ||= `the connection closed (${code}${why.length > 0 ? `, ${why.toString()}` : ""})`;
        resolve();
      });
      // A peer that does not answer the closing handshake must not hold up the end of the process.
      signal.addEventListener("abort", () => setTimeout(() => socket.terminate(), 1_000).unref(), {
        once: true,
      });
    });
  } finally {
    clearInterval(pings);
    signal.removeEventListener("abort", stop);
    if (ending.opened) await parameters.onClose();
  }
  return ending;
}

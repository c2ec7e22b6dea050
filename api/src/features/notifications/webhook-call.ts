import { lookup as resolve } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { isLoopback, isPublicAddress } from "./public-address.ts";
import type { WebhookTarget } from "./webhook-url.ts";

/** Of a whole call: name, connection, request and answer. */
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** How a call ended. It was delivered when the answer's status is 2xx. */
export interface CallResult {
  ok: boolean;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** For the webhook's owner; null when it was delivered. */
  error: string | null;
}

export interface CallOptions {
  timeoutMs?: number;
  /** The machine's resolver, unless a test brings one. */
  resolver?: typeof resolve;
}

/** An address that a message must not go to. */
class ForbiddenAddress extends Error {}

/**
 * Posts a message to a webhook. Names are looked up by the very connection that is made, and every address that a name
 * has must be allowed, so that one which changes between a check and the call gains nothing. Redirects are not
 * followed, proxies not used, and of the answer only the status counts.
 */
export async function callWebhook(
  { url, local }: WebhookTarget,
  { headers, body }: { headers: Record<string, string>; body: string },
  { timeoutMs = TIMEOUT_MS, resolver = resolve }: CallOptions = {},
): Promise<CallResult> {
  const allowed = local ? isLoopback : isPublicAddress;
  const signal = AbortSignal.timeout(timeoutMs);
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((done) => {
    let answered = false;
    const fail = (error: Error) => {
      // What breaks after the status does not undo it.
      if (!answered) done({ ok: false, status: null, error: reasonOf(error, signal, timeoutMs) });
    };
    const call = request(url, {
      method: "POST",
      // A connection of its own: none is kept that was checked for another call.
      agent: false,
      signal,
      lookup: guardedLookup(allowed, resolver),
      headers: {
        ...headers,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "AIForge-Webhooks/1",
        "accept-encoding": "identity",
      },
    });
    call.on("error", fail);
    // An address in the URL itself is never looked up.
    call.on("socket", (socket) =>
      socket.on("connect", () => {
        if (!allowed(socket.remoteAddress ?? "")) call.destroy(new ForbiddenAddress());
      }),
    );
    call.on("response", (response) => {
      answered = true;
      const status = response.statusCode ?? 0;
      const ok = status >= 200 && status < 300;
      void drained(response).then(() => done({ ok, status, error: ok ? null : refusal(status) }));
    });
    call.end(body);
  });
}

/** Reads an answer to its end, its limit or the call's, so that a receiver can finish what it says. */
function drained(response: IncomingMessage): Promise<void> {
  return new Promise((done) => {
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) response.destroy();
    });
    response.on("error", () => undefined);
    response.on("close", done);
  });
}

function guardedLookup(allowed: (address: string) => boolean, resolver: typeof resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolver(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [], 0);
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => allowed(address))) {
        return callback(new ForbiddenAddress(), [], 0);
      }
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function refusal(status: number): string {
  if (status >= 300 && status < 400) return `It answered ${status}, a redirect, which is not followed.`;
  return `It answered ${status} instead of 2xx.`;
}

/** Nothing of a server's own words is passed on: only what kind of failure it was. */
function reasonOf(error: Error, signal: AbortSignal, timeoutMs: number): string {
  if (error instanceof ForbiddenAddress) return "Its name has an address that is not of the public internet.";
  if (signal.aborted) return `It did not answer within ${timeoutMs / 1000} seconds.`;
  const code = "code" in error ? String(error.code) : "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "Its name could not be looked up.";
  if (code === "ECONNREFUSED") return "It refused the connection.";
  if (/CERT|SIGNED|TLS|SSL|ALTNAME/.test(code)) return "Its certificate could not be checked.";
  if (code.startsWith("HPE_")) return "Its answer was not HTTP.";
  return "The connection failed.";
}

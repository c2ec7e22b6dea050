import { type Client, HttpRequestError, RpcRequestError, TimeoutError } from "viem";

export type TronJson = Record<string, unknown>;

export interface TronNodeOptions {
  /** Sent along with each question, such as `TRON-PRO-API-KEY`. */
  headers?: Record<string, string>;
  /** How long one answer may take, in milliseconds; 10 seconds if not told. */
  timeoutMs?: number;
  /** Base address of the node that answers `walletsolidity/…`, where it is another one. */
  solidityUrl?: string;
}

/**
 * Asks a node: a GET without a body, else a POST.
 * @param path such as `wallet/getnowblock`
 * @throws viem's `HttpRequestError`, `TimeoutError`, or `RpcRequestError` when the answer is no use
 */
export type AskTron = (path: string, body?: TronJson) => Promise<unknown>;

/** A Tron node's HTTP API at a base address. */
export function tronNode(
  url: string,
  { headers, timeoutMs = 10_000, solidityUrl = url }: TronNodeOptions = {},
): AskTron {
  const base = { full: url.replace(/\/+$/, ""), solidity: solidityUrl.replace(/\/+$/, "") };
  return async (path, body) => {
    const address = `${path.startsWith("walletsolidity/") ? base.solidity : base.full}/${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(address, {
        headers: {
          accept: "application/json",
          ...headers,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { method: "POST", body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      if (error instanceof Error && error.name === "TimeoutError") {
        throw new TimeoutError({ body: body ?? {}, url: address });
      }
      throw new HttpRequestError({ body: body ?? {}, cause: error as Error, url: address });
    }
    if (!response.ok) {
      throw new HttpRequestError({
        body: body ?? {},
        details: text.slice(0, 200),
        // How long to wait, which viem does before it asks again.
        ...(isSoon(response.headers) && { headers: response.headers }),
        status: response.status,
        url: address,
      });
    }
    const json = parse(text);
    if (json === undefined) throw tronError(path, -32603, "The node's answer is not JSON.");
    // A node reports what it could not do with status 200.
    if (isObject(json) && "Error" in json) throw tronError(path, -32603, String(json.Error).slice(0, 300));
    return json;
  };
}

/** A node may want to be left alone for longer than anybody waits for an answer. */
const SOON_SECONDS = 10;
const isSoon = (headers: Headers): boolean => Number(headers.get("retry-after")) <= SOON_SECONDS;

/** The node behind a viem client over {@link tronTransport}, or at an address. */
export function askTron(node: string | Client): AskTron {
  if (typeof node === "string") return tronNode(node);
  return (path, body) =>
    (node.request as (question: { method: string; params: unknown[] }) => Promise<unknown>)({
      method: "tron_node",
      params: [path, body],
    });
}

/** What a node says in the words of JSON-RPC, which viem understands. */
export const tronError = (method: string, code: number, message: string, data?: string): RpcRequestError =>
  new RpcRequestError({
    body: { method },
    error: { code, message, ...(data !== undefined && { data }) },
    url: "tron",
  });

export const isObject = (value: unknown): value is TronJson =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws RpcRequestError for anything else, such as the `{}` of a node that lags, when `of` names what must be there */
export function objectOf(value: unknown, what: string): TronJson {
  if (!isObject(value)) throw tronError(what, -32603, `The node gave no ${what}.`);
  return value;
}

/** A node leaves numbers that are 0 out of its JSON. */
export const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

/** The text that a node writes in hexadecimal. */
export function textOf(hex: unknown): string {
  if (typeof hex !== "string") return "";
  if (!/^(?:[0-9a-f]{2})+$/i.test(hex)) return hex;
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return new TextDecoder().decode(bytes).replaceAll("\0", "");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

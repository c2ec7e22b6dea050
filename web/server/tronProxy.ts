import type { IncomingMessage, ServerResponse } from "node:http";
import { isJson, MAX_BODY, passOn, readBody } from "./passOn.ts";

/** Where the nodes of a Tron chain answer. */
export interface TronNodes {
  /** `wallet/…` */
  url: string;
  /** `walletsolidity/…` */
  solidityUrl: string;
  /** Added to each question, such as the key of a public node, which no page gets to see. */
  headers: Record<string, string>;
}

const READS = [
  "estimateenergy",
  "getaccount",
  "getblock",
  "getblockbyid",
  "getblockbynum",
  "getnowblock",
  "gettransactionbyid",
  "gettransactioninfobyblocknum",
  "gettransactioninfobyid",
  "triggerconstantcontract",
];

/**
 * What a page or a wallet needs of a node: reading, and sending what has been signed already. Nothing that lists
 * much at once, and none of a development chain's controls.
 */
const ALLOWED = new Set([
  ...READS.flatMap((name) => [`wallet/${name}`, `walletsolidity/${name}`]),
  "wallet/broadcasthex",
  "wallet/broadcasttransaction",
  "wallet/getaccountresource",
  "wallet/getchainparameters",
  "wallet/getcontract",
  "wallet/getcontractinfo",
  "wallet/getnodeinfo",
  "wallet/gettransactionfrompending",
  "wallet/triggersmartcontract",
]);

/** Of the event server only a contract's events, in pages: whoever audits a month finds its transactions by them. */
const EVENTS = /^v1\/contracts\/T[1-9A-HJ-NP-Za-km-z]{33}\/events$/;

const MAX_QUERY = 2_000;

/** Answers `/tron/<chain id>/wallet/…` with the chain's nodes. `rest` is what followed /tron/, `query` what followed ?. */
export function createTronProxy(chains: Record<string, TronNodes>) {
  return async function tron(
    req: IncomingMessage,
    res: ServerResponse,
    rest: string,
    query: string,
  ): Promise<void> {
    const slash = rest.indexOf("/");
    const chainId = rest.slice(0, slash);
    const path = rest.slice(slash + 1);
    const chain = slash > 0 && Object.hasOwn(chains, chainId) ? chains[chainId] : undefined;
    if (!chain) return refuse(res, 404, "No such chain here");
    // Compared as it came: whatever is written in another way, encoded or with dots, is not on the list.
    const allowed = ALLOWED.has(path) || (req.method === "GET" && EVENTS.test(path));
    if (!allowed) return refuse(res, 403, `${path.slice(0, 60)} is not available here`);
    const target = `${path.startsWith("walletsolidity/") ? chain.solidityUrl : chain.url}/${path}`;
    const unavailable = () => refuse(res, 502, "The chain's node is not answering");
    if (req.method === "GET") {
      if (query.length > MAX_QUERY) return refuse(res, 414, `At most ${MAX_QUERY} characters`);
      const search = query === "" ? "" : `?${new URLSearchParams(query)}`;
      const asked = { method: "GET", headers: chain.headers } as const;
      return passOn(target + search, asked, res, unavailable);
    }
    if (req.method !== "POST") return refuse(res.setHeader("allow", "GET, POST"), 405, "GET and POST only");
    const body = await readBody(req);
    if (body === null) return refuse(res.setHeader("connection", "close"), 413, `At most ${MAX_BODY} bytes`);
    // Clients ask some questions by an empty POST.
    if (body !== "" && !isJson(req)) return refuse(res, 415, "content-type: application/json");
    if (body !== "" && !isObject(body)) return refuse(res, 400, "Not a JSON object");
    const headers = { ...chain.headers, "content-type": "application/json" };
    return passOn(target, { method: "POST", headers, body: body || "{}" }, res, unavailable);
  };
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** As a node says what it could not do. */
function refuse(res: ServerResponse, status: number, message: string): void {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ Error: message }));
}

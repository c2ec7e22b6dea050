import type { IncomingMessage, ServerResponse } from "node:http";
import { createDelivery } from "./deliver.ts";
import { askNode, isJson, readBody } from "./passOn.ts";
import { createTronLimiter, type TronLimits } from "./tronLimits.ts";

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
const SENDS = new Set(["wallet/broadcasthex", "wallet/broadcasttransaction"]);
const ALLOWED = new Set([
  ...SENDS,
  ...READS.flatMap((name) => [`wallet/${name}`, `walletsolidity/${name}`]),
  "wallet/getaccountresource",
  "wallet/getchainparameters",
  "wallet/getcontract",
  "wallet/getcontractinfo",
  "wallet/getnodeinfo",
  "wallet/gettransactionfrompending",
  "wallet/triggersmartcontract",
]);

/** Blocks one after the other, a few at once: a page reads them before it says that a payment is lost. */
const LIST = "walletsolidity/getblockbylimitnext";
const MOST_LISTED = 5;

/** Of the event server only a contract's events, in pages: whoever audits a month finds its transactions by them. */
const EVENTS = /^v1\/contracts\/T[1-9A-HJ-NP-Za-km-z]{33}\/events$/;

const MAX_QUERY = 2_000;

/**
 * Answers `/tron/<chain id>/wallet/…` with the chain's nodes, within limits: their quota is the operator's. `client` is
 * the address that asks, `rest` what followed /tron/, `query` what followed ?.
 */
export function createTronProxy(chains: Record<string, TronNodes>, limits: TronLimits) {
  const limiter = createTronLimiter(limits);
  const { timeoutMs, answerBytes: maxBytes } = limits;
  const deliver = createDelivery({ timeoutMs, maxBytes: limits.atOnce * maxBytes });

  return async function tron(
    req: IncomingMessage,
    res: ServerResponse,
    { client, rest, query }: { client: string; rest: string; query: string },
  ): Promise<void> {
    const slash = rest.indexOf("/");
    const chainId = rest.slice(0, slash);
    const path = rest.slice(slash + 1);
    const chain = slash > 0 && Object.hasOwn(chains, chainId) ? chains[chainId] : undefined;
    if (!chain) return refuse(res, 404, "No such chain here");
    // Compared as it came: whatever is written in another way, encoded or with dots, is not on the list.
    const { method } = req;
    const allowed =
      ALLOWED.has(path) || (method === "GET" && EVENTS.test(path)) || (method === "POST" && path === LIST);
    if (!allowed) return refuse(res, 403, `${path.slice(0, 60)} is not available here`);
    if (req.method !== "GET" && req.method !== "POST")
      return refuse(res.setHeader("allow", "GET, POST"), 405, "GET and POST only");
    if (query.length > MAX_QUERY) return refuse(res, 414, `At most ${MAX_QUERY} characters`);
    const kind = SENDS.has(path) ? "send" : "read";
    const wait = await limiter.count(client, kind);
    if (wait !== null) return tooMany(res, wait);
    const asked = req.method === "GET" ? get(chain) : await post(req, res, chain, { kind, path });
    if (asked === null) return;
    const leave = limiter.enter(client, kind);
    if (leave.wait !== null) return tooMany(res, leave.wait);
    const base = path.startsWith("walletsolidity/") ? chain.solidityUrl : chain.url;
    const search = asked.method === "POST" || query === "" ? "" : `?${new URLSearchParams(query)}`;
    const gone = new AbortController();
    res.once("close", () => gone.abort());
    const bounds = { timeoutMs, maxBytes, signal: gone.signal };
    // The place is the node's time, not the client's, who may read slowly.
    const answer = await askNode(`${base}/${path}${search}`, asked, bounds)
      .catch(() => null)
      .finally(leave.done);
    if (answer) deliver(res, answer);
    else refuse(res, 502, "The chain's node is not answering");
  };

  /** What the node is posted; null when the client was told why not. */
  async function post(
    req: IncomingMessage,
    res: ServerResponse,
    chain: TronNodes,
    { kind, path }: { kind: "read" | "send"; path: string },
  ) {
    const most = kind === "send" ? limits.sendBytes : limits.readBytes;
    const slow = setTimeout(() => req.destroy(), timeoutMs);
    const body = await readBody(req, most).finally(() => clearTimeout(slow));
    const no = (status: number, message: string) => {
      refuse(res, status, message);
      return null;
    };
    if (body === null) {
      res.setHeader("connection", "close");
      return no(413, `At most ${most} bytes`);
    }
    // Clients ask some questions by an empty POST.
    if (body !== "" && !isJson(req)) return no(415, "content-type: application/json");
    if (body !== "" && !isObject(body)) return no(400, "Not a JSON object");
    const checked = path === LIST ? shortList(body) : body || "{}";
    if (checked === null) return no(400, `From 1 to ${MOST_LISTED} blocks at once`);
    const headers = { ...chain.headers, "content-type": "application/json" };
    return { method: "POST", headers, body: checked } as const;
  }
}

const get = ({ headers }: TronNodes) => ({ method: "GET", headers }) as const;

function tooMany(res: ServerResponse, seconds: number): void {
  const ended = seconds === Number.POSITIVE_INFINITY;
  // At the end of a day there is no time to come back: clients would wait for it.
  if (!ended) res.setHeader("retry-after", String(seconds));
  const why = ended
    ? "Today's questions to the chain's node are used up; pay in another way"
    : `Too many questions to the chain's node at once; ask again in ${seconds} s`;
  refuse(res, 429, why);
}

/** What was checked and nothing else, as nodes may read a name that stands twice otherwise; null when it is too long. */
function shortList(text: string): string | null {
  const { startNum, endNum } = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  if (!Number.isSafeInteger(startNum) || !Number.isSafeInteger(endNum)) return null;
  // The end is not among them.
  const count = (endNum as number) - (startNum as number);
  return count >= 1 && count <= MOST_LISTED ? JSON.stringify({ startNum, endNum }) : null;
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

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createApiProxy } from "./apiProxy.ts";
import type { WebConfig } from "./config.ts";
import { createRpcProxy } from "./rpcProxy.ts";
import { createTronProxy } from "./tronProxy.ts";

export type PageHandler = (req: IncomingMessage, res: ServerResponse, next: () => void) => unknown;

export interface WebServerParameters
  extends Pick<
    WebConfig,
    "apiUrl" | "rpcUrls" | "tronNodes" | "tronLimits" | "trustProxy" | "trustedProxies"
  > {
  /** Serves the pages and their assets. */
  handler: PageHandler;
}

export interface WebServer {
  server: Server;
  /** Takes no new requests, gives open ones a moment, then ends every connection, streams and WebSockets included. */
  stop(graceMs?: number): Promise<void>;
}

/** One origin for a person: pages, /api (HTTP, event streams, uploads, WebSocket), /rpc/<chainId>, /tron/<chainId>, /healthz. */
export function createWebServer(parameters: WebServerParameters): WebServer {
  const { handler, apiUrl, rpcUrls, tronNodes, tronLimits, trustProxy, trustedProxies } = parameters;
  const api = createApiProxy(apiUrl);
  const rpc = createRpcProxy(rpcUrls);
  const tron = createTronProxy(tronNodes, tronLimits);
  const upgraded = new Set<Duplex>();

  const server = createServer((req, res) => {
    setForwardedHeaders(req, trustProxy);
    setSecurityHeaders(req, res);
    const url = req.url ?? "/";
    const path = url.split("?", 1)[0] as string;
    if (path === "/healthz") {
      res.setHeader("cache-control", "no-store");
      res.setHeader("content-type", "application/json").end('{"status":"ok"}');
    } else if (isApi(path)) {
      api.web(req, res);
    } else if (path.startsWith("/rpc/")) {
      rpc(req, res, path.slice("/rpc/".length)).catch(() => res.destroy());
    } else if (path.startsWith("/tron/")) {
      const client = clientAddress(req, trustProxy ? trustedProxies : 0);
      const rest = path.slice("/tron/".length);
      tron(req, res, { client, rest, query: url.slice(path.length + 1) }).catch(() => res.destroy());
    } else {
      void handler(req, res, () => res.writeHead(404).end());
    }
  });
  // A large upload over a slow line takes longer than Node's five minutes for one request; headers still have a limit.
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  server.keepAliveTimeout = 65_000;

  server.on("upgrade", (req, socket, head) => {
    if (!isApi((req.url ?? "").split("?", 1)[0] as string)) return void socket.destroy();
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    setForwardedHeaders(req, trustProxy);
    api.upgrade(req, socket, head);
  });

  async function stop(graceMs = 300) {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
    }, graceMs);
    await closed;
    clearTimeout(timer);
    for (const socket of upgraded) socket.destroy();
  }

  return { server, stop };
}

function isApi(path: string): boolean {
  return path === "/api" || path.startsWith("/api/");
}

/**
 * The API limits rates by address and compares origins, so neither header may be the caller's invention: unless a
 * trusted proxy stands in front, both are replaced.
 */
function setForwardedHeaders(req: IncomingMessage, trustProxy: boolean): void {
  const { headers, socket } = req;
  if (!trustProxy || !headers["x-forwarded-for"]) headers["x-forwarded-for"] = socket.remoteAddress ?? "";
  if (!trustProxy || !headers["x-forwarded-proto"]) headers["x-forwarded-proto"] = "http";
  if (!trustProxy) delete headers["x-forwarded-host"];
}

/** As the API tells it: each trusted proxy appends whom it talked to, and what stands further left was made up. */
function clientAddress({ headers, socket }: IncomingMessage, trustedProxies: number): string {
  const hops = trustedProxies > 0 ? String(headers["x-forwarded-for"] ?? "").split(",") : [];
  return (
    withoutPort(hops.at(-trustedProxies)?.trim().slice(0, 64) ?? "") || (socket.remoteAddress ?? "unknown")
  );
}

/** Some proxies append the port too, which is another one for each connection: `10.0.0.1:5123`, `[2001:db8::1]:5123`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, "$1");
}

function setSecurityHeaders(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader("x-content-type-options", "nosniff");
  res.setHeader("x-frame-options", "DENY");
  res.setHeader("referrer-policy", "strict-origin-when-cross-origin");
  // A wallet may open its own window and talk back to the page.
  res.setHeader("cross-origin-opener-policy", "same-origin-allow-popups");
  res.setHeader("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=()");
  if (req.headers["x-forwarded-proto"] === "https") {
    res.setHeader("strict-transport-security", "max-age=31536000; includeSubDomains");
  }
}
